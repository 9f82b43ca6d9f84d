//! The contract: what is served of Jira's API is answered as Atlassian's OpenAPI documents say, on a sandbox and on a mirror; status,
//! content type and schema. Where they are wrong about their own Jira is written down in [`EXCEPTIONS`], each with its reason.

mod cases;
mod schema;
mod statuses;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use reqwest::Method;
use serde_json::{Value, json};

use self::{
    cases::{Case, Landmarks, service_desk},
    schema::{Deviation, Schemas},
};
use crate::app::{Answer, TestApp};

/// Where Atlassian's document and Atlassian's Jira disagree, by named schema and member (`*`: any); what Jira does is served.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("ChangeDetails.from", "null where there was no value before (jira-facts 6.4)"),
    ("ChangeDetails.fromString", "null where there was no value before (jira-facts 6.4)"),
    ("ChangeDetails.to", "null where there is no value after (jira-facts 6.4)"),
    ("ChangeDetails.toString", "null where there is no value after (jira-facts 6.4)"),
    ("IssueBean.from", "as `ChangeDetails.from`, which Jira Software's document spells out in place"),
    ("IssueBean.fromString", "as `ChangeDetails.fromString`"),
    ("IssueBean.to", "as `ChangeDetails.to`"),
    ("IssueBean.toString", "as `ChangeDetails.toString`"),
    ("FieldDetails.untranslatedName", "Cloud serves it for fields with names in several languages"),
    ("BulkIssueResults.expand", "in the document's own example of such an answer"),
    ("AttachmentMetadata.id", "a text in practice, as in issues (jira-facts 6.2)"),
    ("RemoteIssueLink.", "a list unless `globalId` names one, as in the document's own example"),
    ("Webhook.expirationDate", "a text in every example of the document (jira-facts 3.1)"),
    ("WebhooksExpirationDate.expirationDate", "a text in every example of the document (jira-facts 3.1)"),
    ("ServerInformation.defaultLocale", "served, and read by clients (jira-facts 11.4)"),
];

/// Statuses that an operation's document does not name, and why they are answered all the same.
const UNDECLARED: &[(&str, u16, &str)] = &[];

/// Served operations that no case asks for yet. A served operation that is neither here nor in `cases.rs` fails the test.
const WITHOUT_CASES: &[&str] = &[];

/// What `docs/jira-compatibility.md` says of an operation that is served.
pub struct Served {
    pub method: String,
    pub path: String,
    /// As [`Case::operation`].
    pub operation: String,
    pub sandbox_only: bool,
}

/// The operations that are served.
pub fn served() -> Vec<Served> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/jira-compatibility.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut found = Vec::new();
    for line in page.lines() {
        let columns: Vec<&str> = line.split('|').map(|column| column.trim().trim_matches('`')).collect();
        let [_, method, path, operation, says, _] = columns[..] else { continue };
        if ["served", "sandbox only"].contains(&says) && path.starts_with("/rest/") {
            found.push(Served {
                method: method.to_owned(),
                path: path.to_owned(),
                // `getIssue` and some others are in more than one document.
                operation: if path.starts_with("/rest/agile/") {
                    format!("agile.{operation}")
                } else if path.starts_with("/rest/servicedeskapi/") {
                    format!("jsm.{operation}")
                } else {
                    operation.to_owned()
                },
                sandbox_only: says == "sandbox only",
            });
        }
    }
    found
}

fn documents() -> Option<Vec<Value>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/jira-openapi"));
    let files = ["jira-platform.v3.json", "jira-software.v3.json", "jsm.v3.json"];
    files
        .iter()
        .map(|file| Some(serde_json::from_str(&std::fs::read_to_string(folder.join(file)).ok()?).unwrap()))
        .collect()
}

/// The document that has an operation, and what it says of it.
fn described<'d>(documents: &'d [Value], method: &str, path: &str) -> (&'d Value, &'d Value) {
    let found = documents
        .iter()
        .find_map(|document| Some((document, document["paths"].get(path)?.get(method.to_lowercase())?)));
    found.unwrap_or_else(|| panic!("no document has {method} {path}"))
}

/// A sandbox with the issues that the cases name, and a mirror of it.
async fn sites(app: &TestApp) -> Landmarks {
    app.sandbox("site", 120);
    let ask = async |path: &str| app.get(&format!("/jira/site/rest/api/3/{path}")).await.ok();
    let send = async |path: &str, body: Value| {
        let made = app.post(&format!("/jira/site/rest/api/3/{path}"), body).await;
        assert!(made.status.is_success(), "{path}: {}", made.text);
        made.json
    };
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned();
    let project = ask("project/PAY").await;
    let is_other = |one: &&Value| one["key"] != "PAY" && one["projectTypeKey"] == "software";
    let other = ask("project").await.as_array().unwrap().iter().find(is_other).unwrap().clone();
    let types = ask("issuetype").await;
    let task = types.as_array().unwrap().iter().find(|kind| kind["name"] == "Task").unwrap().clone();
    let link_type = ask("issueLinkType").await["issueLinkTypes"][0].clone();
    let new = || json!({ "fields": { "project": { "key": "PAY" }, "issuetype": { "id": task["id"] }, "summary": "Landmark" } });
    let issue = text(&send("issue", new()).await["id"]);
    let doomed = text(&send("issue", new()).await["id"]);
    let document = json!({ "type": "doc", "version": 1,
                           "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": "Hi" }] }] });
    let comment = send(&format!("issue/{issue}/comment"), json!({ "body": document })).await;
    let work =
        json!({ "timeSpentSeconds": 3600, "started": "2024-01-02T03:04:05.000+0000", "comment": document });
    let worklog = send(&format!("issue/{issue}/worklog"), work).await;
    let link = json!({ "type": { "id": link_type["id"] }, "inwardIssue": { "id": issue }, "outwardIssue": { "id": "10001" } });
    app.post("/jira/site/rest/api/3/issueLink", link).await;
    let shown = ask(&format!("issue/{issue}")).await;
    let history = ask(&format!("issue/{issue}/changelog")).await;
    let transition = ask(&format!("issue/{issue}/transitions")).await["transitions"][0]["id"].clone();
    let file = format!("/jira/site/rest/api/3/issue/{issue}/attachments");
    let attachment = app.upload(&file, "notes.txt", b"words".to_vec()).await.ok();
    let elsewhere =
        json!({ "globalId": "system=1", "object": { "url": "https://example.com", "title": "Elsewhere" } });
    let remote_link = send(&format!("issue/{issue}/remotelink"), elsewhere).await;
    set_properties(app, &issue, &text(&comment["id"]), &text(&worklog["id"])).await;
    let filter = json!({ "name": "Landmark", "description": "of a case", "jql": "project is not EMPTY", "favourite": true });
    let filter = send("filter", filter).await;
    let bulk = send("bulk/issues/watch", json!({ "selectedIssueIdsOrKeys": [issue] })).await;
    let open = ask("search?jql=resolution%20is%20EMPTY%20ORDER%20BY%20created%20ASC&maxResults=1").await;
    let subtasks = ask("search?jql=issuetype%20in%20subTaskIssueTypes()&fields=parent&maxResults=1").await;
    let fields = ask("field").await;
    let is_select =
        |field: &&Value| field["schema"]["custom"].as_str().is_some_and(|custom| custom.ends_with(":select"));
    let select = fields.as_array().unwrap().iter().find(is_select).unwrap().clone();
    let plan = async |path: &str| app.get(&format!("/jira/site/rest/agile/1.0/{path}")).await.ok();
    let id = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{value} is no number"));
    let board = id(&plan("board?type=scrum").await["values"][0]["id"]);
    let future = json!({ "name": "Landmark", "originBoardId": board });
    let future = app.post("/jira/site/rest/agile/1.0/sprint", future).await.ok();
    let help = service_desk::landmarks(app).await;
    app.mirror("copy", "site", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app.until_rosters_are_read("copy").await;
    Landmarks {
        issue,
        doomed,
        parent: text(&subtasks["issues"][0]["fields"]["parent"]["id"]),
        comment: text(&comment["id"]),
        worklog: text(&worklog["id"]),
        link: text(&shown["fields"]["issuelinks"][0]["id"]),
        project: text(&project["id"]),
        key: "PAY".into(),
        other: text(&other["key"]),
        version: text(&project["versions"][0]["id"]),
        replaced_version: text(&project["versions"][1]["id"]),
        merged_version: text(&project["versions"][2]["id"]),
        history: text(&history["values"][0]["id"]).parse().unwrap(),
        component: text(&project["components"][0]["id"]),
        issue_type: text(&task["id"]),
        link_type: text(&link_type["id"]),
        status: text(&ask("status").await[0]["id"]),
        priority: text(&ask("priority").await[0]["id"]),
        resolution: text(&ask("resolution").await[0]["id"]),
        account: text(&project["lead"]["accountId"]),
        transition: text(&transition),
        open: text(&open["issues"][0]["id"]),
        attachment: text(&attachment[0]["id"]),
        remote_link: remote_link["id"].to_string(),
        filter: text(&filter["id"]),
        task: text(&bulk["taskId"]),
        select: text(&select["id"]),
        board,
        kanban: id(&plan("board?type=kanban").await["values"][0]["id"]),
        sprint: id(&plan(&format!("board/{board}/sprint?state=active")).await["values"][0]["id"]),
        future: id(&future["id"]),
        help,
        epic: text(&plan(&format!("board/{board}/epic")).await["values"][0]["key"]),
    }
}

/// Gives an issue, and a comment and a worklog of it, the property that the cases name.
async fn set_properties(app: &TestApp, issue: &str, comment: &str, worklog: &str) {
    let owners =
        [format!("issue/{issue}"), format!("comment/{comment}"), format!("issue/{issue}/worklog/{worklog}")];
    for owner in owners {
        let property = format!("/jira/site/rest/api/3/{owner}/properties/landmark");
        let set = app.ask(Method::PUT, &property, Some(&app.key), Some(json!({ "of": "a case" }))).await;
        assert!(set.status.is_success(), "{owner}: {}", set.text);
    }
}

/// What comes of asking.
#[derive(Default)]
struct Contract {
    /// By operation: how many answers fit.
    fitting: BTreeMap<String, usize>,
    /// By operation: the statuses of these answers.
    told: BTreeMap<String, BTreeSet<u16>>,
    /// Operations of which a success fits.
    validated: BTreeSet<String>,
    wrong: BTreeSet<String>,
    excepted: BTreeSet<&'static str>,
    answers: usize,
}

impl Contract {
    fn judge(&mut self, documents: &[Value], served: &Served, instance: &str, asked: &str, answer: &Answer) {
        self.answers += 1;
        let (document, operation) = described(documents, &served.method, &served.path);
        let status = answer.status.as_u16();
        let mut wrong = Vec::new();
        let declared = operation["responses"].get(status.to_string());
        let excepted =
            UNDECLARED.iter().any(|(id, code, _)| (*id == served.operation || *id == "*") && *code == status);
        if declared.is_none() && !excepted && ![401, 501].contains(&status) {
            wrong.push(format!("{status} is not among its statuses"));
        }
        let schema = declared.and_then(|response| response["content"]["application/json"].get("schema"));
        match (status, schema) {
            (204, _) if !answer.text.is_empty() => wrong.push("204 with a body".into()),
            (204, _) => {}
            // Whatever the document makes of no content.
            (200..=299, schema)
                if answer.text.is_empty() && schema.is_none_or(|schema| *schema == json!({})) => {}
            // The document says nothing of what there is: bytes, for instance.
            (200..=299, Some(schema)) if *schema == json!({}) => {}
            // Bytes of whatever type.
            (200..=299, None) if declared.is_some_and(|response| response.get("content").is_none()) => {}
            _ if !is_json(answer) => wrong.push(format!("is no JSON: {}", answer.text)),
            (200..=299, Some(schema)) => {
                wrong.extend(self.unexpected(Schemas(document).deviations(schema, &answer.json)))
            }
            (400.., _) if !is_error(&answer.json) => {
                wrong.push(format!("is no error of Jira's: {}", answer.text))
            }
            _ => {}
        }
        if wrong.is_empty() {
            *self.fitting.entry(served.operation.clone()).or_default() += 1;
            self.told.entry(served.operation.clone()).or_default().insert(status);
            if answer.status.is_success() {
                self.validated.insert(served.operation.clone());
            }
        }
        self.wrong.extend(
            wrong.into_iter().map(|what| format!("{} {asked} of `{instance}`: {what}", served.operation)),
        );
    }

    /// The deviations that no exception explains.
    fn unexpected(&mut self, deviations: Vec<Deviation>) -> Vec<String> {
        let mut unexpected = Vec::new();
        for deviation in deviations {
            match EXCEPTIONS.iter().find(|(at, _)| *at == deviation.at) {
                Some((at, _)) => {
                    self.excepted.insert(at);
                }
                None => unexpected.push(format!("{}: {}", deviation.at, deviation.what)),
            }
        }
        unexpected
    }

    fn print(&self, served: &[Served]) {
        eprintln!("operation                                  answers that fit");
        for served in served {
            let fitting = self.fitting.get(&served.operation).copied().unwrap_or_default();
            eprintln!("{:<42} {fitting}", served.operation);
        }
        eprintln!(
            "{} operations served, {} validated by {} answers, {} exceptions of {} used",
            served.len(),
            self.validated.len(),
            self.answers,
            self.excepted.len(),
            EXCEPTIONS.len(),
        );
    }
}

fn is_json(answer: &Answer) -> bool {
    let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    ["application/json;charset=UTF-8", "application/problem+json"].contains(&kind) && !answer.json.is_null()
}

/// One of the forms of jira-facts 10.1.
fn is_error(body: &Value) -> bool {
    let texts = |list: &Value| list.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    let collection = texts(&body["errorMessages"])
        && body
            .get("errors")
            .is_none_or(|errors| errors.as_object().is_some_and(|all| all.values().all(Value::is_string)));
    let of_elements = |list: &Vec<Value>| list.iter().all(|error| is_error(&error["elementErrors"]));
    let bulk = body["errors"].as_array().is_some_and(of_elements);
    collection || bulk || body["detail"].is_string() || body["errorMessage"].is_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_answered_as_atlassians_documents_say() {
    let Some(documents) = documents() else {
        let said = "Atlassian's documents are not part of a clone";
        assert!(std::env::var_os("FOREBAY_EXPECT_SHARED").is_none(), "{said}");
        eprintln!("skipped: {said}");
        return;
    };
    let served = served();
    let by_id = |operation: &str| {
        let mut found = served.iter().filter(|served| served.operation == operation);
        found.next().unwrap_or_else(|| panic!("{operation} is not served, says docs/jira-compatibility.md"))
    };
    let app = TestApp::start().await;
    let landmarks = sites(&app).await;
    let mut contract = Contract::default();
    who_may_nothing(&app, &documents, &served, &landmarks, &mut contract).await;
    who_asks_too_often(&app, &documents, &served, &mut contract).await;
    // The mirror first: what the sandbox is asked to change would reach it.
    for instance in ["copy", "site"] {
        for case in cases::all(&landmarks) {
            let at = format!("/jira/{instance}/rest/{}/{}", case.root(), case.path);
            let Case { operation, method, path, body, is_upload, status } = case;
            let served = by_id(operation);
            if instance == "copy"
                && !served.sandbox_only
                && method != Method::GET
                && !is_read(operation)
                && status < 300
            {
                // Written through, it would change what the sandbox is asked for next; `sync.rs` looks at these.
                continue;
            }
            let refused = instance == "copy" && served.sandbox_only;
            let answer = match is_upload {
                true => app.upload(&at, "words.txt", b"words".to_vec()).await,
                false => app.ask(method.clone(), &at, Some(&app.key), body).await,
            };
            // What is wrong with a request may be said before, but a mirror does nothing of what only sandboxes do.
            let as_expected = answer.status == status && (!refused || status >= 400);
            let not_served_there = refused && answer.status == 501;
            if !(as_expected || not_served_there) {
                let said = format!("{method} {at}: {} instead of {status}: {}", answer.status, answer.text);
                contract.wrong.insert(said);
                continue;
            }
            contract.judge(&documents, served, instance, &format!("{method} {path}"), &answer);
        }
        for served in &served {
            let path = served.path.replace(['{', '}'], "");
            let method = Method::from_bytes(served.method.as_bytes()).unwrap();
            let answer = app.ask(method, &format!("/jira/{instance}{path}"), None, None).await;
            assert_eq!(answer.status, 401, "{path}");
            contract.judge(&documents, served, instance, "without a key", &answer);
        }
    }
    contract.print(&served);
    assert!(contract.wrong.is_empty(), "{:#?}", contract.wrong);
    let open = statuses::open(&documents, &served, &contract.told);
    assert!(open.is_empty(), "{open:#?}");
    let asked: BTreeSet<&str> = cases::all(&landmarks).iter().map(|case| case.operation).collect();
    for served in &served {
        let id = served.operation.as_str();
        assert!(
            asked.contains(id) != WITHOUT_CASES.contains(&id),
            "{id} is served: add a case for it to contract/cases.rs"
        );
    }
}

/// What would succeed, asked with a key that may nothing of it: 403, and nothing happens.
async fn who_may_nothing(
    app: &TestApp,
    documents: &[Value],
    served: &[Served],
    landmarks: &Landmarks,
    contract: &mut Contract,
) {
    let key = app.key_for("acme", "sql");
    for case in cases::all(landmarks).into_iter().filter(|case| case.status < 300) {
        let at = format!("/jira/site/rest/{}/{}", case.root(), case.path);
        let answer = match case.is_upload {
            true => app.upload_as(&key, &at, "words.txt", b"words".to_vec()).await,
            false => app.ask(case.method, &at, Some(&key), case.body).await,
        };
        let served = served.iter().find(|served| served.operation == case.operation).unwrap();
        if answer.status != 403 || !is_error(&answer.json) {
            contract.wrong.insert(format!("{at} to who may nothing: {} {}", answer.status, answer.text));
        } else if statuses::named(documents, served).contains(&403) {
            contract.judge(documents, served, "site", "by who may nothing", &answer);
        }
    }
}

/// Each operation, asked with a key that has asked too often: 429.
async fn who_asks_too_often(app: &TestApp, documents: &[Value], served: &[Served], contract: &mut Contract) {
    let made =
        app.json(&["key", "create", "--tenant", "acme", "--scopes", "read,write,admin", "--rate", "1"]);
    let key = made["key"].as_str().unwrap();
    for served in served {
        let method = Method::from_bytes(served.method.as_bytes()).unwrap();
        let at = format!("/jira/site{}", served.path.replace(['{', '}'], ""));
        let mut answer = app.ask(method.clone(), &at, Some(key), None).await;
        if answer.status != 429 {
            // The one request of this minute.
            answer = app.ask(method, &at, Some(key), None).await;
        }
        let says_when = answer.headers.contains_key("retry-after");
        if answer.status != 429 || !says_when || !is_error(&answer.json) {
            contract.wrong.insert(format!("{at} asked too often: {} {}", answer.status, answer.text));
        } else if statuses::named(documents, served).contains(&429) {
            contract.judge(documents, served, "site", "asked too often", &answer);
        }
    }
}

/// Every reading case again in the other versions, whose documents there are not: the same statuses.
#[tokio::test(flavor = "multi_thread")]
async fn other_versions_answer_the_same_questions() {
    let app = TestApp::start().await;
    let landmarks = sites(&app).await;
    let served = served();
    for case in cases::all(&landmarks) {
        // The other APIs have one version.
        if case.method != Method::GET || !case.is_platform() {
            continue;
        }
        let Case { operation, method, path, body, status, .. } = case;
        let sandbox_only = served.iter().any(|served| served.operation == operation && served.sandbox_only);
        for (instance, version) in [("copy", "2"), ("site", "latest")] {
            let at = format!("/jira/{instance}/rest/api/{version}/{path}");
            let answer = app.ask(method.clone(), &at, Some(&app.key), body.clone()).await;
            let refused = instance == "copy" && sandbox_only && answer.status == 501;
            assert!(refused || answer.status == status, "{at}: {}", answer.text);
        }
    }
}

/// Whether an operation reads although it is sent a body.
fn is_read(operation: &str) -> bool {
    [
        "searchForIssuesUsingJqlPost",
        "searchAndReconsileIssuesUsingJqlPost",
        "countIssues",
        "bulkFetchIssues",
        "getBulkChangelogs",
        "parseJqlQueries",
        "matchIssues",
        "sanitiseJqlQueries",
        "getAutoCompletePost",
        "jsm.checkRequestTypePermissions",
        "getPermittedProjects",
        "getBulkPermissions",
        "getIsWatchingIssueBulk",
        "getCommentsByIds",
        "getWorklogsForIds",
        "getChangeLogsByIds",
    ]
    .contains(&operation)
}
