//! Creating issues.

use serde_json::{Value, json};

use super::{
    Draft, address,
    beside::Beside,
    components::automatic_assignee,
    desk::{Desk, FieldChanges, members, pick},
    hint, next_moment,
    time::Tracking,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, FieldProblem, Result},
    ingest::text_of,
    instances::Dialect,
    issues::IssueRow,
    reference::Roster,
    sandbox::{account, workflow::SiteWorkflow},
    services::Services,
};

/// An issue that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedIssue {
    /// Its numeric id.
    pub id: String,
    /// Its key.
    pub key: String,
}

/// What an issue shows of its project; the roster has more.
pub(super) const OF_PROJECT: [&str; 8] =
    ["self", "id", "key", "name", "projectTypeKey", "simplified", "avatarUrls", "projectCategory"];

/// Creates an issue. Creation is no history (jira-facts 6.4).
///
/// # Errors
/// [`Error::Invalid`] with every field that is missing or wrong, in Jira's words.
pub async fn create_issue(
    services: &Services,
    caller: &Caller,
    instance: &str,
    changes: FieldChanges,
) -> Result<CreatedIssue> {
    create_issue_with(services, caller, instance, changes, &Beside::default()).await
}

/// Creates an issue, and does what is sent along; all of it or nothing.
///
/// # Errors
/// As [`create_issue`], and those of the steps.
pub async fn create_issue_with(
    services: &Services,
    caller: &Caller,
    instance: &str,
    changes: FieldChanges,
    beside: &Beside,
) -> Result<CreatedIssue> {
    beside.permit(caller)?;
    let mut write = Writing::begin(services, caller, Action::CreateIssue, instance).await?;
    let fields = prepare(&mut write, changes).await?;
    let (created, mut after) = add(&mut write, fields).await?;
    let done = beside.apply(&mut write, &created.id).await?;
    if !done.is_empty() {
        after["besides"] = Value::Array(done);
    }
    write.finish(&created.key, Value::Null, after).await?;
    Ok(created)
}

/// The fields of a new issue, none of them wrong.
pub(super) async fn prepare(write: &mut Writing<'_>, mut changes: FieldChanges) -> Result<Value> {
    let site = write.instance.clone();
    let dialect = site.dialect;
    let now = next_moment(write.services, []);
    let (project, kind) = (changes.take("project"), changes.take("issuetype"));
    let project = members(&required_project(write, &project).await?, &OF_PROJECT);
    let mut desk = Desk::new(write, &site, changes.dialect, dialect);
    let kind = pick(desk.roster(Roster::IssueTypes).await?.iter(), &kind).cloned();
    let mut problems = Vec::new();
    if kind.is_none() {
        problems.push(problem("issuetype", "Specify a valid issue type"));
    }
    let place = json!({ "project": project, "issuetype": kind });
    let workflow = SiteWorkflow::load(&mut *desk.tx, &site, &place).await?;
    let status = workflow.status(workflow.workflow.initial());
    let mut fields = blank(dialect, &status, &now);
    fields["project"] = project;
    if let Some(kind) = kind {
        fields["issuetype"] = kind;
    }
    fields["priority"] = usual_priority(desk.roster(Roster::Priorities).await?);
    for field in desk.roster(Roster::Fields).await? {
        if let Some(id) = field["id"].as_str().filter(|id| id.starts_with("customfield_")) {
            fields[id] = Value::Null;
        }
    }
    match desk.apply(&mut fields, &changes).await {
        Ok(_) => {}
        Err(Error::Invalid(found)) => problems.extend(found),
        Err(error) => return Err(error),
    }
    problems.extend(missing(&fields, &changes));
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    // By now the components are known, whose leads may get it.
    if is_assigned_automatically(&changes) {
        fields["assignee"] = automatic_assignee(write.tx.as_mut(), &site, dialect, &fields).await?;
    }
    Ok(fields)
}

/// Stores a new issue with these fields, and ends the write.
pub(super) async fn store(mut write: Writing<'_>, fields: Value) -> Result<CreatedIssue> {
    let (created, after) = add(&mut write, fields).await?;
    write.finish(&created.key, Value::Null, after).await?;
    Ok(created)
}

/// Stores a new issue as part of a write; answers what the audit log keeps of it.
async fn add(write: &mut Writing<'_>, mut fields: Value) -> Result<(CreatedIssue, Value)> {
    let site = write.instance.clone();
    let dialect = site.dialect;
    let parent = match fields["issuetype"]["subtask"] == true {
        true => text_of(&fields["parent"]["id"]),
        false => None,
    };
    let parent = match parent {
        Some(parent) => Some(write.issue(&parent).await?),
        None => None,
    };
    let id = write.ids(2).await?;
    let key = free_key(write, fields["project"]["key"].as_str().unwrap_or_default()).await?;
    let jira_id = id.to_string();
    for (field, list) in [("votes", "votes"), ("watches", "watchers")] {
        fields[field]["self"] = json!(address(&site, dialect, &format!("issue/{key}/{list}")));
    }
    rank(write, &mut fields, id).await?;
    fields["comment"]["self"] = json!(address(&site, dialect, &format!("issue/{jira_id}/comment")));
    let raw = json!({
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": jira_id,
        "self": address(&site, dialect, &format!("issue/{jira_id}")),
        "key": key,
        "fields": fields,
        "changelog": { "startAt": 0, "maxResults": 0, "total": 0, "histories": [] },
    });
    let mut drafts = vec![Draft::new(raw.clone(), dialect)];
    if let Some(parent) = &parent {
        drafts.push(with_subtask(write.services, parent, &raw));
    }
    write.store(drafts).await?;
    let event = json!({
        "issue_event_type_name": "issue_created",
        "user": account(dialect),
        "issue": hint(&site, &raw),
    });
    write.announce("jira:issue_created", event).await?;
    if let Some(parent) = &parent {
        let link = subtask_link(id + 1, parent, &jira_id);
        write.announce("issuelink_created", link).await?;
    }
    let after = json!({ "id": jira_id, "key": key, "fields": audited(&raw) });
    Ok((CreatedIssue { id: jira_id, key }, after))
}

/// A new issue stands behind all others on its boards.
async fn rank(write: &mut Writing<'_>, fields: &mut Value, id: i64) -> Result<()> {
    let instance = write.instance.id;
    let roster = write.tx.roster(instance, Roster::Fields).await?;
    let is_rank = |field: &&Value| {
        field["schema"]["custom"].as_str().is_some_and(|custom| custom.ends_with(":gh-lexo-rank"))
    };
    if let Some(field) = roster.iter().find(is_rank).and_then(|field| field["id"].as_str()) {
        fields[field] = json!(domain::rank::of_new_issue(id));
    }
    Ok(())
}

/// The project that is named by id or key, where the caller may write.
async fn required_project(write: &mut Writing<'_>, wanted: &Value) -> Result<Value> {
    let refused = || Error::invalid("project", "valid project is required");
    let asked = text_of(&wanted["id"]).or_else(|| text_of(&wanted["key"])).ok_or_else(refused)?;
    let instance = write.instance.id;
    let found = write.tx.project(instance, &asked).await?.ok_or_else(refused)?;
    if write.reaches(found["key"].as_str().unwrap_or_default()) { Ok(found) } else { Err(refused()) }
}

/// Whether nobody is named to whom it goes: `-1` stands for that, too (jira-facts 11.2).
fn is_assigned_automatically(changes: &FieldChanges) -> bool {
    let members = ["accountId", "id", "key", "name"];
    match changes.fields.get("assignee") {
        Some(user) => members.into_iter().any(|member| user[member] == "-1"),
        None => !changes.names("assignee"),
    }
}

/// What every issue must have.
fn missing(fields: &Value, changes: &FieldChanges) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if fields["summary"].is_null() && !changes.names("summary") {
        problems.push(problem("summary", "You must specify a summary of the issue."));
    }
    if fields["issuetype"]["subtask"] == true && !fields["parent"].is_object() && !changes.names("parent") {
        let message = "Issue type is a sub-task but parent issue key or id not specified.";
        problems.push(problem("issuetype", message));
    }
    problems
}

fn problem(field: &str, message: &str) -> FieldProblem {
    FieldProblem { field: field.to_owned(), message: message.to_owned() }
}

/// An issue about which nothing was said yet.
fn blank(dialect: Dialect, status: &Value, now: &str) -> Value {
    let mut fields = json!({
        "status": status,
        "resolution": null, "resolutiondate": null,
        "created": now, "updated": now, "lastViewed": null, "duedate": null,
        "labels": [], "components": [], "fixVersions": [], "versions": [],
        "security": null, "description": null, "environment": null,
        "creator": account(dialect), "reporter": account(dialect), "assignee": null,
        "attachment": [], "subtasks": [], "issuelinks": [],
        "votes": { "votes": 0, "hasVoted": false },
        "watches": { "watchCount": 0, "isWatching": false },
        "comment": { "comments": [], "maxResults": 0, "total": 0, "startAt": 0 },
        "worklog": { "startAt": 0, "maxResults": 20, "total": 0, "worklogs": [] },
    });
    if dialect == Dialect::V3 {
        fields["statusCategory"] = status["statusCategory"].clone();
        fields["statuscategorychangedate"] = json!(now);
    }
    Tracking::default().write(&mut fields);
    fields
}

/// Medium, or what stands in the middle of the list.
fn usual_priority(priorities: &[Value]) -> Value {
    let medium = priorities.iter().find(|priority| priority["name"] == "Medium");
    medium.or_else(|| priorities.get(priorities.len() / 2)).cloned().unwrap_or_default()
}

/// The next key of a project: behind the highest that an issue of it ever had, deleted and moved ones included.
pub(super) async fn free_key(write: &mut Writing<'_>, project_key: &str) -> Result<String> {
    let instance = write.instance.id;
    let number = write.tx.next_key_number(instance, project_key).await?;
    Ok(format!("{project_key}-{number}"))
}

/// The parent with one more sub-task. A sub-task hangs on its parent by a link of the system, and links change `updated` (jira-facts
/// 2.5, 3.4).
fn with_subtask(services: &Services, parent: &IssueRow, child: &Value) -> Draft {
    let mut draft = Draft::of(parent, &next_moment(services, [parent]));
    let fields = &child["fields"];
    let shown = json!({
        "id": child["id"], "key": child["key"], "self": child["self"],
        "fields": members(fields, &["summary", "status", "priority", "issuetype"]),
    });

    let listed = &mut draft.fields()["subtasks"];
    match listed.as_array_mut() {
        Some(list) => list.push(shown),
        None => *listed = json!([shown]),
    }
    draft
}

/// The link of the system between a parent and its sub-task, as webhooks tell it.
fn subtask_link(id: i64, parent: &IssueRow, child: &str) -> Value {
    json!({ "issueLink": {
        "id": id,
        "sourceIssueId": parent.jira_id.parse::<i64>().unwrap_or_default(),
        "destinationIssueId": child.parse::<i64>().unwrap_or_default(),
        "issueLinkType": {
            "id": 0, "name": "jira_subtask_link", "outwardName": "jira_subtask_outward",
            "inwardName": "jira_subtask_inward", "isSubTaskLinkType": true, "isSystemLinkType": true,
        },
        "systemLink": true,
    }})
}

/// What the audit log keeps of a new issue: not its text.
fn audited(raw: &Value) -> Value {
    let mut kept = members(&raw["fields"], &["summary", "assignee", "labels", "duedate"]);
    for named in ["project", "issuetype", "priority"] {
        kept[named] = raw["fields"][named]["name"].clone();
    }
    kept
}
