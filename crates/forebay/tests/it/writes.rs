//! A sandbox executes the writes of Jira's own REST: what they answer, what changes, what history and webhooks tell of it.

mod beside;
mod comments_and_worklogs;
mod links;
mod moves_and_deletions;
mod neighbours;
mod parts;
mod rich_text;
mod workflow;

use std::sync::{Arc, Mutex};

use axum::{Router, extract::State, routing::post};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::{AtDoor, TestApp, eventually};

const EVENTS: [&str; 11] = [
    "jira:issue_created",
    "jira:issue_updated",
    "jira:issue_deleted",
    "comment_created",
    "comment_updated",
    "comment_deleted",
    "worklog_created",
    "worklog_updated",
    "worklog_deleted",
    "issuelink_created",
    "issuelink_deleted",
];

async fn hear(State(heard): State<Arc<Mutex<Vec<Value>>>>, text: String) {
    heard.lock().unwrap().push(serde_json::from_str(&text).unwrap());
}

/// A sandbox `play` with somebody who listens to it.
struct Play {
    app: TestApp,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl AtDoor for Play {
    const BASE: &'static str = "/jira/play/rest/api/3";

    fn app(&self) -> &TestApp {
        &self.app
    }
}

impl Play {
    async fn start(issues: u32) -> Self {
        let app = TestApp::start().await;
        app.sandbox("play", issues);
        let heard = Arc::<Mutex<Vec<Value>>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", post(hear)).with_state(heard.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let hook = json!({ "name": "all", "url": url, "events": EVENTS });
        let registered = app.post("/jira/play/rest/webhooks/1.0/webhook", hook).await;
        assert!(registered.status.is_success(), "{}", registered.text);
        Self { app, heard }
    }

    /// An issue's fields.
    async fn fields(&self, issue: &str) -> Value {
        self.get(&format!("issue/{issue}")).await.ok()["fields"].clone()
    }

    /// An issue's histories, oldest first.
    async fn histories(&self, issue: &str) -> Vec<Value> {
        let found = self.get(&format!("issue/{issue}/changelog")).await.ok();
        found["values"].as_array().unwrap().clone()
    }

    /// The first delivery of that event that is as wanted.
    async fn heard(&self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let look = || async {
            let heard = self.heard.lock().unwrap();
            heard.iter().find(|body| body["webhookEvent"] == event && wanted(body)).cloned()
        };
        eventually(look, Option::is_some).await.unwrap()
    }

    /// A new issue of the first project, by its key.
    async fn issue(&self, more: Value) -> String {
        let project = self.project(0).await;
        let mut fields =
            json!({ "project": { "key": project }, "issuetype": { "name": "Task" }, "summary": "One" });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.post("issue", json!({ "fields": fields })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["key"].as_str().unwrap().to_owned()
    }

    /// The key of the project of the first issue, or of another one.
    async fn project(&self, at: usize) -> String {
        let first = self.fields("10001").await["project"]["key"].clone();
        let listed = self.get("project").await.ok();
        let others =
            listed.as_array().unwrap().iter().map(|project| &project["key"]).filter(|key| **key != first);
        std::iter::once(&first).chain(others).nth(at).unwrap().as_str().unwrap().to_owned()
    }
}

fn moment(fields: &Value) -> chrono::DateTime<chrono::Utc> {
    domain::jira_time::parse(fields["updated"].as_str().unwrap()).unwrap()
}

fn document(text: &str) -> Value {
    json!({ "type": "doc", "version": 1,
            "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": text }] }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_created_found_and_announced() {
    let play = Play::start(30).await;
    let project = play.project(0).await;
    let fields = json!({
        "project": { "key": project }, "issuetype": { "name": "Story" }, "summary": " A new story ",
        "description": document("why"), "labels": ["b", "a"], "priority": { "name": "High" },
        "duedate": "2030-01-02", "customfield_10016": 5, "timetracking": { "originalEstimate": "1d 4h" },
    });
    let made = play.post("issue", json!({ "fields": fields })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let key = made.json["key"].as_str().unwrap().to_owned();
    let id = made.json["id"].as_str().unwrap().to_owned();
    assert_eq!(made.json.as_object().unwrap().len(), 3);
    assert!(made.json["self"].as_str().unwrap().ends_with(&format!("/rest/api/3/issue/{id}")));
    assert!(key.starts_with(&format!("{project}-")));

    let read = play.fields(&key).await;
    assert_eq!(read["summary"], "A new story");
    assert_eq!(read["status"]["statusCategory"]["key"], "new");
    assert_eq!(read["priority"]["id"], "2");
    assert_eq!(read["description"], document("why"));
    assert_eq!(read["timetracking"]["remainingEstimate"], "1d 4h", "all of it remains");
    assert_eq!(read["timeoriginalestimate"], 43_200);
    assert_eq!((&read["customfield_10016"], &read["customfield_10031"]), (&json!(5), &Value::Null));
    assert_eq!(read["reporter"]["accountId"], "forebay-sandbox");
    assert_eq!(read["created"], read["updated"]);
    assert_eq!(play.histories(&key).await, Vec::<Value>::new(), "creation is no history");
    let jql = json!({ "jql": format!("project = {project} AND labels = b AND due = 2030-01-02"), "fields": ["id"] });
    assert_eq!(play.post("search/jql", jql).await.ok()["issues"][0]["id"], id.as_str());
    let event = play.heard("jira:issue_created", |body| body["issue"]["id"] == id.as_str()).await;
    assert_eq!(event["issue"]["key"], key.as_str());
    assert_eq!(event["issue_event_type_name"], "issue_created");
    assert!(event.get("changelog").is_none());

    let wiki = json!({ "fields": { "project": { "key": project }, "issuetype": { "id": "10002" },
                                   "summary": "wiki", "description": "h1. Title" } });
    let made = play.app.post("/jira/play/rest/api/2/issue", wiki).await.ok();
    let read = play.fields(made["key"].as_str().unwrap()).await;
    assert_eq!(read["description"]["content"][0]["type"], "heading", "stored as the sandbox speaks");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong_is_named_field_by_field() {
    let play = Play::start(30).await;
    let project = play.project(0).await;
    let refused = async |fields: Value| {
        let answer = play.post("issue", json!({ "fields": fields })).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.json["errorMessages"], json!([]), "{}", answer.text);
        answer.json["errors"].clone()
    };
    let mut whole = json!({ "project": { "key": project }, "issuetype": { "name": "Task" }, "summary": "x" });
    assert_eq!(refused(json!({ "summary": "x" })).await, json!({ "project": "valid project is required" }));
    assert_eq!(
        refused(json!({ "project": { "key": project } })).await,
        json!({ "issuetype": "Specify a valid issue type", "summary": "You must specify a summary of the issue." })
    );
    whole["nonsense"] = json!(1);
    whole["status"] = json!({ "name": "Done" });
    whole["labels"] = json!(["two words"]);
    whole["duedate"] = json!("tomorrow");
    whole["description"] = json!("plain");
    whole["assignee"] = json!({ "accountId": "nobody" });
    let errors = refused(whole).await;
    assert_eq!(errors.as_object().unwrap().len(), 6, "{errors}");
    assert_eq!(
        errors["nonsense"],
        "Field 'nonsense' cannot be set. It is not on the appropriate screen, or unknown."
    );
    assert_eq!(errors["labels"], "The label 'two words' contains spaces which is invalid.");
    assert_eq!(errors["assignee"], "User 'nobody' does not exist.");
    let sub = json!({ "project": { "key": project }, "issuetype": { "name": "Sub-task" }, "summary": "x" });
    assert!(refused(sub).await["issuetype"].as_str().unwrap().contains("parent issue key or id"));

    let reader = play.app.key_for("acme", "read");
    let path = "/jira/play/rest/api/3/issue";
    let body = json!({ "fields": {} });
    assert_eq!(play.app.ask(Method::POST, path, Some(&reader), Some(body.clone())).await.status, 403);
    play.app.mirror("copy", "play", "cloud");
    let mirror = play.app.post("/jira/copy/rest/api/3/issue", body).await;
    assert_eq!(mirror.status, 501, "{}", mirror.text);
    assert!(mirror.text.contains("create_issue"), "{}", mirror.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_changes_what_it_names_and_writes_one_history() {
    let play = Play::start(60).await;
    let user = play.fields("10001").await["reporter"]["accountId"].as_str().unwrap().to_owned();
    let key = play.issue(json!({ "labels": ["old"], "customfield_10031": { "value": "Major" } })).await;
    let before = play.fields(&key).await;
    let edited = play
        .put(
            &format!("issue/{key}"),
            json!({
                "fields": { "summary": "Two", "priority": { "id": "3" }, "assignee": { "accountId": user },
                            "customfield_10031": { "value": "Minor" } },
                "update": { "labels": [{ "add": "new" }, { "remove": "old" }, { "add": "new" }] },
            }),
        )
        .await;
    assert_eq!((edited.status.as_u16(), edited.text.as_str()), (204, ""));
    let after = play.fields(&key).await;
    assert!(moment(&after) > moment(&before));
    assert_eq!((&after["summary"], &after["labels"]), (&json!("Two"), &json!(["new"])));
    assert_eq!(after["assignee"]["accountId"], user.as_str());
    assert_eq!(after["customfield_10031"]["id"], "10103");

    let histories = play.histories(&key).await;
    assert_eq!(histories.len(), 1);
    let items = histories[0]["items"].as_array().unwrap();
    let changed: Vec<&str> = items.iter().map(|item| item["field"].as_str().unwrap()).collect();
    assert_eq!(changed, ["assignee", "Severity", "summary", "labels"], "Medium it was: {items:?}");
    assert_eq!(items[0]["to"], user.as_str());
    assert_eq!(
        items[1],
        json!({ "field": "Severity", "fieldtype": "custom", "fieldId": "customfield_10031", "from": "10102",
                "fromString": "Major", "to": "10103", "toString": "Minor" })
    );
    assert_eq!((&items[3]["fromString"], &items[3]["toString"]), (&json!("old"), &json!("new")));
    let event = play.heard("jira:issue_updated", |body| body["issue"]["key"] == key.as_str()).await;
    assert_eq!(event["changelog"]["id"], histories[0]["id"]);
    assert_eq!(event["changelog"]["items"], histories[0]["items"]);

    let same = play.put(&format!("issue/{key}"), json!({ "fields": { "summary": "Two" } })).await;
    assert_eq!(same.status, 204);
    assert_eq!(play.fields(&key).await["updated"], after["updated"], "nothing changed");
    assert_eq!(play.histories(&key).await.len(), 1);
    let both = json!({ "fields": { "labels": [] }, "update": { "labels": [{ "add": "x" }] } });
    assert_eq!(play.put(&format!("issue/{key}"), both).await.status, 400);
    assert_eq!(play.put(&format!("issue/{key}"), json!({})).await.status, 400);
    assert_eq!(play.put("issue/NONE-1", json!({ "fields": { "summary": "x" } })).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_the_project_sprints_and_assignees_are_set() {
    let play = Play::start(200).await;
    let project = play.project(0).await;
    let sample = async |condition: &str| {
        let jql = json!({ "jql": format!("project = {project} AND {condition}"), "fields": ["*all"] });
        play.post("search/jql", jql).await.ok()["issues"][0]["fields"].clone()
    };
    let component = sample("component is not EMPTY").await["components"][0]["name"].clone();
    let version = sample("fixVersion is not EMPTY").await["fixVersions"][0].clone();
    let sprint = sample("sprint is not EMPTY").await["customfield_10020"][0].clone();
    let key = play.issue(json!({})).await;
    let path = format!("issue/{key}");
    let fields = json!({ "components": [{ "name": component }], "fixVersions": [{ "id": version["id"] }],
                         "customfield_10020": sprint["id"] });
    assert_eq!(play.put(&path, json!({ "fields": fields })).await.status, 204);
    let read = play.fields(&key).await;
    assert_eq!(read["components"][0]["name"], component);
    assert_eq!(read["fixVersions"][0], version, "as every issue shows it");
    assert_eq!(read["customfield_10020"][0]["name"], sprint["name"]);
    let items = play.histories(&key).await.remove(0)["items"].clone();
    let fields: Vec<&str> =
        items.as_array().unwrap().iter().map(|item| item["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["Component", "Sprint", "Fix Version"]);

    let user = sample("reporter is not EMPTY").await["reporter"]["accountId"].clone();
    assert_eq!(play.put(&format!("{path}/assignee"), json!({ "accountId": user })).await.status, 204);
    assert_eq!(play.fields(&key).await["assignee"]["accountId"], user);
    assert_eq!(play.put(&format!("{path}/assignee"), json!({ "accountId": null })).await.status, 204);
    assert_eq!(play.fields(&key).await["assignee"], Value::Null);
    let event =
        play.heard("jira:issue_updated", |body| body["issue_event_type_name"] == "issue_assigned").await;
    assert_eq!(event["changelog"]["items"][0]["fieldId"], "assignee");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_writers_on_one_issue_lose_nothing() {
    let play = Play::start(30).await;
    let key = play.issue(json!({})).await;
    let path = format!("issue/{key}");
    let write = async |number: usize| {
        let edit = json!({ "update": { "labels": [{ "add": format!("label{number}") }] } });
        assert_eq!(play.put(&path, edit).await.status, 204);
        let text = json!({ "body": document("hello") });
        assert_eq!(play.post(&format!("{path}/comment"), text).await.status, 201);
        let work = json!({ "timeSpentSeconds": 60, "started": "2024-01-02T03:04:05.000+0000" });
        assert_eq!(play.post(&format!("{path}/worklog"), work).await.status, 201);
    };
    join_all((0..8).map(write)).await;
    let fields = play.fields(&key).await;
    assert_eq!(fields["labels"].as_array().unwrap().len(), 8, "{}", fields["labels"]);
    assert_eq!((&fields["comment"]["total"], &fields["worklog"]["total"]), (&json!(8), &json!(8)));
    assert_eq!(fields["timespent"], 480);
    assert_eq!(play.histories(&key).await.len(), 16);
    let made = join_all((0..8).map(|_| play.issue(json!({})))).await;
    let distinct: std::collections::HashSet<_> = made.iter().collect();
    assert_eq!(distinct.len(), 8, "every issue has a key of its own");
}
