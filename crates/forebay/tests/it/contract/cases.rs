//! What the contract test asks: for each served operation a request that succeeds, and those that are refused in each way that can be
//! provoked.

mod agile;
mod beside_issues;
mod bulk;
mod groups;
mod parts;
pub mod service_desk;

use reqwest::Method;
use serde_json::{Value, json};

/// What of a site the requests name.
pub struct Landmarks {
    /// An issue that everything is asked of.
    pub issue: String,
    /// One that is deleted.
    pub doomed: String,
    /// One that has sub-tasks.
    pub parent: String,
    /// A comment, a worklog and a link of the issue.
    pub comment: String,
    pub worklog: String,
    pub link: String,
    /// A project by id and key, and another one.
    pub project: String,
    pub key: String,
    pub other: String,
    pub version: String,
    /// One that gives way to the other.
    pub replaced_version: String,
    /// One that becomes part of the first.
    pub merged_version: String,
    /// A history of the issue.
    pub history: i64,
    pub component: String,
    pub issue_type: String,
    pub link_type: String,
    pub status: String,
    pub priority: String,
    pub resolution: String,
    pub account: String,
    /// A transition that is open to the issue.
    pub transition: String,
    /// An issue that somebody else reported and that is not resolved.
    pub open: String,
    /// A file and a link to elsewhere, of the issue.
    pub attachment: String,
    pub remote_link: String,
    pub filter: String,
    /// A change of many issues.
    pub task: String,
    /// A custom field with options.
    pub select: String,
    /// A board with sprints and one without.
    pub board: i64,
    pub kanban: i64,
    /// A sprint of the board that has issues, and one still to come.
    pub sprint: i64,
    pub future: i64,
    /// An epic of the board's project.
    pub epic: String,
    /// What there is of a service desk.
    pub help: service_desk::Landmarks,
}

/// A request and the status of its answer, at a sandbox; a mirror answers alike, or 501 where only sandboxes serve.
pub struct Case {
    /// `operationId`, after `agile.` or `jsm.` where it is of another document than that of the platform.
    pub operation: &'static str,
    pub method: Method,
    /// Below [`Case::root`].
    pub path: String,
    pub body: Option<Value>,
    /// Whether a file is sent, as a form.
    pub is_upload: bool,
    pub status: u16,
}

impl Case {
    /// The API in the version whose document there is.
    pub fn root(&self) -> &'static str {
        match self.operation.split_once('.') {
            Some(("agile", _)) => "agile/1.0",
            Some(_) => "servicedeskapi",
            None => "api/3",
        }
    }

    pub fn is_platform(&self) -> bool {
        !self.operation.contains('.')
    }
}

fn case(operation: &'static str, method: Method, path: String, body: Option<Value>, status: u16) -> Case {
    Case { operation, method, path, body, is_upload: false, status }
}

fn upload(operation: &'static str, path: impl Into<String>, status: u16) -> Case {
    Case { is_upload: true, ..case(operation, Method::POST, path.into(), None, status) }
}

fn get(operation: &'static str, path: impl Into<String>, status: u16) -> Case {
    case(operation, Method::GET, path.into(), None, status)
}

fn post(operation: &'static str, path: impl Into<String>, body: Value, status: u16) -> Case {
    case(operation, Method::POST, path.into(), Some(body), status)
}

fn put(operation: &'static str, path: impl Into<String>, body: Value, status: u16) -> Case {
    case(operation, Method::PUT, path.into(), Some(body), status)
}

fn delete(operation: &'static str, path: impl Into<String>, status: u16) -> Case {
    case(operation, Method::DELETE, path.into(), None, status)
}

fn document(text: &str) -> Value {
    json!({ "type": "doc", "version": 1,
            "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": text }] }] })
}

/// All of them, in an order in which each finds what it needs.
pub fn all(at: &Landmarks) -> Vec<Case> {
    let mut cases = site();
    cases.extend(rosters(at));
    cases.extend(projects(at));
    cases.extend(people(at));
    cases.extend(groups::all(at));
    cases.extend(searches(at));
    cases.extend(forms(at));
    cases.extend(reads(at));
    cases.extend(beside_issues::all(at));
    cases.extend(agile::all(at));
    cases.extend(service_desk::all(&at.help));
    cases.extend(bulk::all(at));
    cases.extend(writes(at));
    cases.extend(children(at));
    cases.extend(parts::all(at));
    cases
}

fn site() -> Vec<Case> {
    vec![
        get("getServerInfo", "serverInfo", 200),
        get("getCurrentUser", "myself", 200),
        get("getConfiguration", "configuration", 200),
        get("getSharedTimeTrackingConfiguration", "configuration/timetracking/options", 200),
        get("getAllPermissions", "permissions", 200),
        get("getMyPermissions", "mypermissions?permissions=BROWSE_PROJECTS,CREATE_ISSUES", 200),
        get("getMyPermissions", "mypermissions?permissions=NONSENSE", 400),
        get("getMyPermissions", "mypermissions?permissions=BROWSE_PROJECTS&issueKey=NOPE-1", 404),
    ]
}

fn rosters(at: &Landmarks) -> Vec<Case> {
    vec![
        get("getFields", "field", 200),
        get("getFieldsPaginated", "field/search?type=custom&maxResults=2", 200),
        get("getFieldsPaginated", "field/search?type=nonsense", 400),
        get("getAllLabels", "label?maxResults=2", 200),
        get("getStatuses", "status", 200),
        get("getStatus", format!("status/{}", at.status), 200),
        get("getStatus", "status/99", 404),
        get("getStatusesById", format!("statuses?id={}&id=99", at.status), 200),
        get("getStatusesById", "statuses", 400),
        get("search", "statuses/search?statusCategory=DONE", 200),
        get("search", "statuses/search?statusCategory=LATER", 400),
        get("getStatusCategories", "statuscategory", 200),
        get("getStatusCategory", "statuscategory/done", 200),
        get("getStatusCategory", "statuscategory/9", 404),
        get("getPriorities", "priority", 200),
        get("searchPriorities", "priority/search?maxResults=2", 200),
        get("getPriority", format!("priority/{}", at.priority), 200),
        get("getPriority", "priority/99", 404),
        get("getResolutions", "resolution", 200),
        get("searchResolutions", "resolution/search", 200),
        get("getResolution", format!("resolution/{}", at.resolution), 200),
        get("getResolution", "resolution/99", 404),
        get("getIssueAllTypes", "issuetype", 200),
        get("getIssueType", format!("issuetype/{}", at.issue_type), 200),
        get("getIssueType", "issuetype/99", 404),
        get("getIssueTypesForProject", format!("issuetype/project?projectId={}", at.project), 200),
        get("getIssueTypesForProject", "issuetype/project", 400),
        get("getIssueTypesForProject", "issuetype/project?projectId=99", 404),
        get("getIssueLinkTypes", "issueLinkType", 200),
        get("getIssueLinkType", format!("issueLinkType/{}", at.link_type), 200),
        get("getIssueLinkType", "issueLinkType/99", 404),
    ]
}

fn projects(at: &Landmarks) -> Vec<Case> {
    let of = |path: &str| format!("project/{}/{path}", at.key);
    vec![
        get("getAllProjects", "project", 200),
        get("getRecent", "project/recent", 200),
        get("getAllProjectTypes", "project/type", 200),
        get("getProjectTypeByKey", "project/type/software", 200),
        get("getProjectTypeByKey", "project/type/nonsense", 404),
        get("getHierarchy", format!("project/{}/hierarchy", at.project), 200),
        get("getHierarchy", "project/99/hierarchy", 404),
        get("getAllProjectCategories", "projectCategory", 200),
        get("getProjectCategoryById", "projectCategory/99", 404),
        get("searchProjects", "project/search?maxResults=1", 200),
        get("searchProjects", "project/search?maxResults=many", 400),
        get("getProject", format!("project/{}", at.project), 200),
        get("getProject", "project/NOPE", 404),
        get("getAllStatuses", of("statuses"), 200),
        get("getAllStatuses", "project/NOPE/statuses", 404),
        get("getProjectVersions", of("versions"), 200),
        get("getProjectVersions", "project/NOPE/versions", 404),
        get("getProjectVersionsPaginated", of("version?status=released&maxResults=1"), 200),
        get("getProjectVersionsPaginated", "project/NOPE/version", 404),
        get("getProjectComponents", of("components"), 200),
        get("getProjectComponents", "project/NOPE/components", 404),
        get("getProjectComponentsPaginated", of("component?maxResults=1"), 200),
        get("getProjectComponentsPaginated", "project/NOPE/component", 404),
        get("getVersion", format!("version/{}", at.version), 200),
        get("getVersion", "version/99", 404),
        get("getComponent", format!("component/{}", at.component), 200),
        get("getComponent", "component/99", 404),
    ]
}

fn people(at: &Landmarks) -> Vec<Case> {
    let (account, key) = (&at.account, &at.key);
    vec![
        get("getUser", format!("user?accountId={account}"), 200),
        get("getUser", "user?accountId=nobody", 404),
        get("findUsers", "user/search?query=a&maxResults=2", 200),
        get("findUsers", "user/search", 400),
        get("findAssignableUsers", format!("user/assignable/search?project={key}&query=a"), 200),
        get("findAssignableUsers", "user/assignable/search", 400),
        get("findAssignableUsers", "user/assignable/search?project=NOPE", 404),
        get(
            "findBulkAssignableUsers",
            format!("user/assignable/multiProjectSearch?projectKeys={key}&query=a"),
            200,
        ),
        get("findBulkAssignableUsers", "user/assignable/multiProjectSearch?query=a", 400),
        get("findBulkAssignableUsers", "user/assignable/multiProjectSearch?projectKeys=NOPE", 404),
        get("findUsersWithBrowsePermission", format!("user/viewissue/search?projectKey={key}&query=a"), 200),
        get("findUsersWithBrowsePermission", "user/viewissue/search?query=a", 400),
        get("findUsersWithBrowsePermission", "user/viewissue/search?issueKey=NOPE-1", 404),
        get(
            "findUsersWithAllPermissions",
            format!("user/permission/search?permissions=BROWSE_PROJECTS&projectKey={key}&query=a"),
            200,
        ),
        get("findUsersWithAllPermissions", "user/permission/search?query=a", 400),
        get(
            "findUsersWithAllPermissions",
            "user/permission/search?permissions=BROWSE_PROJECTS&projectKey=NOPE",
            404,
        ),
        get("bulkGetUsers", format!("user/bulk?accountId={account}&accountId=nobody"), 200),
        get("bulkGetUsers", "user/bulk", 400),
        get("findUsersForPicker", "user/picker?query=a&showAvatar=true", 200),
        get("findUsersForPicker", "user/picker", 400),
        get("getAllUsersDefault", "users?maxResults=2", 200),
        get("getAllUsersDefault", "users?maxResults=many", 400),
        get("getAllUsers", "users/search?maxResults=2", 200),
        get("getAllUsers", "users/search?startAt=x", 400),
    ]
}

fn searches(at: &Landmarks) -> Vec<Case> {
    let (jql, wrong) =
        (json!({ "jql": "project is not EMPTY", "fields": ["*all"] }), json!({ "jql": "x = = y" }));
    let whole = "expand=names,schema,changelog,renderedFields&fields=*all&maxResults=20";
    vec![
        get("searchForIssuesUsingJql", format!("search?jql=order%20by%20id&{whole}"), 200),
        get("searchForIssuesUsingJql", "search?jql=x%20%3D%20%3D%20y", 400),
        post("searchForIssuesUsingJqlPost", "search", jql.clone(), 200),
        post("searchForIssuesUsingJqlPost", "search", wrong.clone(), 400),
        get(
            "searchAndReconsileIssuesUsingJql",
            format!("search/jql?jql=project%20is%20not%20EMPTY&{whole}"),
            200,
        ),
        get("searchAndReconsileIssuesUsingJql", "search/jql?jql=order%20by%20id", 400),
        post("searchAndReconsileIssuesUsingJqlPost", "search/jql", jql.clone(), 200),
        post(
            "searchAndReconsileIssuesUsingJqlPost",
            "search/jql",
            json!({ "jql": "a = b", "nonsense": 1 }),
            400,
        ),
        post("countIssues", "search/approximate-count", json!({ "jql": "project is not EMPTY" }), 200),
        post("countIssues", "search/approximate-count", wrong, 400),
        post(
            "bulkFetchIssues",
            "issue/bulkfetch",
            json!({ "issueIdsOrKeys": [at.issue, "NOPE-1"], "fields": ["*all"] }),
            200,
        ),
        post("bulkFetchIssues", "issue/bulkfetch", json!({ "issueIdsOrKeys": [] }), 400),
        post(
            "getBulkChangelogs",
            "changelog/bulkfetch",
            json!({ "issueIdsOrKeys": [at.issue, "10001", "10002"] }),
            200,
        ),
        post("getBulkChangelogs", "changelog/bulkfetch", json!({ "issueIdsOrKeys": [] }), 400),
        get("getIssuePickerResource", "issue/picker?query=a", 200),
    ]
}

fn forms(at: &Landmarks) -> Vec<Case> {
    let (key, issue_type) = (&at.key, &at.issue_type);
    vec![
        get(
            "getCreateIssueMeta",
            format!("issue/createmeta?projectKeys={key}&expand=projects.issuetypes.fields"),
            200,
        ),
        get("getCreateIssueMetaIssueTypes", format!("issue/createmeta/{key}/issuetypes"), 200),
        get("getCreateIssueMetaIssueTypes", format!("issue/createmeta/{key}/issuetypes?startAt=x"), 400),
        get(
            "getCreateIssueMetaIssueTypeId",
            format!("issue/createmeta/{key}/issuetypes/{issue_type}?maxResults=200"),
            200,
        ),
        get("getCreateIssueMetaIssueTypeId", format!("issue/createmeta/{key}/issuetypes/99"), 400),
        get("getEditIssueMeta", format!("issue/{}/editmeta", at.issue), 200),
        get("getEditIssueMeta", "issue/NOPE-1/editmeta", 404),
    ]
}

fn reads(at: &Landmarks) -> Vec<Case> {
    let expand = "expand=names,schema,changelog,renderedFields,transitions,editmeta,operations";
    let of = |path: &str| format!("issue/{}/{path}", at.issue);
    let mut cases = vec![
        get("getIssue", format!("issue/{}?{expand}", at.issue), 200),
        get("getIssue", "issue/NOPE-1", 404),
        get("getChangeLogs", of("changelog"), 200),
        get("getChangeLogs", "issue/NOPE-1/changelog", 404),
        post("getChangeLogsByIds", of("changelog/list"), json!({ "changelogIds": [at.history, 99] }), 200),
        post("getChangeLogsByIds", of("changelog/list"), json!({}), 400),
        get("getComments", of("comment?expand=renderedBody"), 200),
        get("getComments", of("comment?orderBy=nonsense"), 400),
        get("getComments", "issue/NOPE-1/comment", 404),
        get("getComment", of(&format!("comment/{}", at.comment)), 200),
        get("getComment", of("comment/99"), 404),
        get("getIssueWorklog", of("worklog"), 200),
        get("getIssueWorklog", "issue/NOPE-1/worklog", 404),
        get("getWorklog", of(&format!("worklog/{}", at.worklog)), 200),
        get("getWorklog", of("worklog/99"), 404),
        get("getTransitions", of("transitions"), 200),
        get("getTransitions", "issue/NOPE-1/transitions", 404),
        get("getIssueLink", format!("issueLink/{}", at.link), 200),
        get("getIssueLink", "issueLink/99", 404),
    ];
    // Issues as they really are, with all that they have.
    cases.extend((10_001..10_020).map(|id| get("getIssue", format!("issue/{id}?{expand}"), 200)));
    cases.extend((10_001..10_020).map(|id| get("getChangeLogs", format!("issue/{id}/changelog"), 200)));
    cases
}

fn writes(at: &Landmarks) -> Vec<Case> {
    let of = |path: &str| format!("issue/{}{path}", at.issue);
    let fields =
        json!({ "project": { "key": at.key }, "issuetype": { "id": at.issue_type }, "summary": "New" });
    let target = format!("{},{}", at.other, at.issue_type);
    let moves = |issue: &str| json!({ "targetToSourcesMapping": { (target.as_str()): { "issueIdsOrKeys": [issue] } } });
    let link = |to: &str| json!({ "type": { "id": at.link_type }, "inwardIssue": { "id": at.issue }, "outwardIssue": { "id": to } });
    vec![
        post("createIssue", "issue", json!({ "fields": fields }), 201),
        post("createIssue", "issue", json!({ "fields": {} }), 400),
        post(
            "createIssues",
            "issue/bulk",
            json!({ "issueUpdates": [{ "fields": fields }, { "fields": {} }] }),
            201,
        ),
        post("createIssues", "issue/bulk", json!({ "issueUpdates": [{ "fields": {} }] }), 400),
        put("editIssue", of(""), json!({ "fields": { "summary": "Edited" } }), 204),
        put("editIssue", of("?returnIssue=true"), json!({ "fields": { "summary": "Again" } }), 200),
        put("editIssue", of(""), json!({ "fields": { "nonsense": 1 } }), 400),
        put("editIssue", "issue/NOPE-1", json!({ "fields": { "summary": "x" } }), 404),
        put("assignIssue", of("/assignee"), json!({ "accountId": null }), 204),
        put("assignIssue", of("/assignee"), json!({ "accountId": "nobody" }), 400),
        put("assignIssue", "issue/NOPE-1/assignee", json!({ "accountId": null }), 404),
        post("linkIssues", "issueLink", link("10002"), 201),
        post("linkIssues", "issueLink", json!({}), 400),
        post("linkIssues", "issueLink", link("99"), 404),
        delete("deleteIssueLink", format!("issueLink/{}", at.link), 204),
        delete("deleteIssueLink", "issueLink/99", 404),
        post("doTransition", of("/transitions"), json!({ "transition": { "id": at.transition } }), 204),
        post("doTransition", of("/transitions"), json!({}), 400),
        post("doTransition", "issue/NOPE-1/transitions", json!({ "transition": { "id": "31" } }), 404),
        post("submitBulkMove", "bulk/issues/move", moves(&at.issue), 201),
        post("submitBulkMove", "bulk/issues/move", json!({}), 400),
        delete("deleteIssue", format!("issue/{}", at.parent), 400),
        delete("deleteIssue", format!("issue/{}", at.doomed), 204),
        delete("deleteIssue", "issue/NOPE-1", 404),
    ]
}

fn children(at: &Landmarks) -> Vec<Case> {
    let of = |path: &str| format!("issue/{}/{path}", at.issue);
    let (comment, worklog) = (of(&format!("comment/{}", at.comment)), of(&format!("worklog/{}", at.worklog)));
    let said = || json!({ "body": document("said") });
    let work = json!({ "timeSpentSeconds": 60, "started": "2024-01-02T03:04:05.000+0000" });
    vec![
        post("addComment", of("comment"), said(), 201),
        post("addComment", of("comment"), json!({ "body": "plain" }), 400),
        post("addComment", "issue/NOPE-1/comment", said(), 404),
        put("updateComment", comment.clone(), said(), 200),
        put("updateComment", comment.clone(), json!({}), 400),
        put("updateComment", of("comment/99"), said(), 404),
        delete("deleteComment", comment, 204),
        delete("deleteComment", of("comment/99"), 404),
        post("addWorklog", of("worklog"), work.clone(), 201),
        post("addWorklog", of("worklog"), json!({ "comment": "plain" }), 400),
        post("addWorklog", "issue/NOPE-1/worklog", work.clone(), 404),
        put("updateWorklog", worklog.clone(), work.clone(), 200),
        put("updateWorklog", worklog.clone(), json!({ "comment": "plain" }), 400),
        put("updateWorklog", of("worklog/99"), work, 404),
        delete("deleteWorklog", worklog, 204),
        delete("deleteWorklog", of("worklog/99"), 404),
    ]
}
