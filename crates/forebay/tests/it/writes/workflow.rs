//! A sandbox goes by the workflow that its user gave it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Play, document, moment};
use crate::app::AtDoor;

/// To Do, In Progress, Waiting, Done: finished by reviewers, with a resolution and somebody to thank.
fn workflow() -> Value {
    json!({
        "statuses": [
            { "id": "10000", "name": "To Do", "category": "new" },
            { "id": "10001", "name": "In Progress", "category": "indeterminate" },
            { "id": "10003", "name": "Done", "category": "done" },
            { "id": "10900", "name": "Waiting", "category": "indeterminate" },
        ],
        "transitions": [
            { "id": "11", "name": "Start", "from": ["10000"], "to": "10001" },
            { "id": "12", "name": "Wait", "from": ["10001"], "to": "10900", "conditions": ["assignee"] },
            { "id": "13", "name": "Finish", "from": ["10001", "10900"], "to": "10003",
              "conditions": [{ "role": "Reviewers" }, "subtasks_done"], "required": ["resolution", "assignee"],
              "screen": ["labels", "comment"] },
        ],
        "initial": "10000",
        "roles": { "Reviewers": ["reviewer"] },
    })
}

impl Play {
    async fn with_workflow() -> (Self, String) {
        let play = Self::start(20).await;
        let set = play.app.ask(Method::PUT, WORKFLOW, Some(&play.app.key), Some(workflow())).await.ok();
        assert_eq!((&set["instance"], &set["is_set"]), (&json!("play"), &json!(true)));
        let reviewer = json!({ "name": "reviewer", "scopes": ["read", "write"] });
        let made = play.app.post("/v1/keys", reviewer).await.ok();
        (play, made["key"].as_str().unwrap().to_owned())
    }

    /// The names of the transitions that are open to whoever has the key.
    async fn open(&self, key: &str, issue: &str) -> Vec<String> {
        let path = format!("{}/issue/{issue}/transitions", Self::BASE);
        let listed = self.app.ask(Method::GET, &path, Some(key), None).await.ok();
        let listed = listed["transitions"].as_array().unwrap().iter();
        listed.map(|transition| transition["name"].as_str().unwrap().to_owned()).collect()
    }
}

const WORKFLOW: &str = "/v1/sandbox/play/workflow";

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_is_open_to_whom_its_conditions_hold_for() {
    let (play, reviewer) = Play::with_workflow().await;
    let own = play.app.key.clone();
    let issue = play.issue(json!({})).await;
    assert_eq!(play.open(&own, &issue).await, ["Start"]);
    let start = json!({ "transition": { "id": "11" } });
    assert_eq!(play.post(&format!("issue/{issue}/transitions"), start).await.status, 204);
    assert_eq!(play.open(&own, &issue).await, [] as [&str; 0], "neither the assignee nor a reviewer");
    assert_eq!(play.open(&reviewer, &issue).await, ["Finish"]);
    let taken =
        play.post(&format!("issue/{issue}/transitions"), json!({ "transition": { "id": "13" } })).await;
    assert_eq!(taken.status, 400, "what is not offered cannot be taken: {}", taken.text);

    play.put(&format!("issue/{issue}/assignee"), json!({ "accountId": "forebay-sandbox" })).await;
    assert_eq!(play.open(&own, &issue).await, ["Wait"]);
    let waiting =
        play.post(&format!("issue/{issue}/transitions"), json!({ "transition": { "name": "Wait" } })).await;
    assert_eq!(waiting.status, 204, "{}", waiting.text);
    assert_eq!(play.fields(&issue).await["status"]["name"], "Waiting", "a status that the workflow brought");
    let found = play.get("search/jql?jql=status%20%3D%20Waiting&fields=id").await.ok();
    assert_eq!(found["issues"].as_array().unwrap().len(), 1);

    let subtask = json!({ "issuetype": { "name": "Sub-task" }, "parent": { "key": issue } });
    let subtask = play.issue(subtask).await;
    assert_eq!(play.open(&reviewer, &issue).await, [] as [&str; 0], "{subtask} is open");
    play.delete(&format!("issue/{subtask}")).await;
    assert_eq!(play.open(&reviewer, &issue).await, ["Finish"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_takes_its_fields_demands_what_is_required_and_makes_one_history() {
    let (play, reviewer) = Play::with_workflow().await;
    let issue = play.issue(json!({})).await;
    let path = format!("{}/issue/{issue}/transitions", Play::BASE);
    let take = async |body: Value| play.app.ask(Method::POST, &path, Some(&reviewer), Some(body)).await;
    take(json!({ "transition": { "id": "11" } })).await;
    let before = play.fields(&issue).await;

    let described = format!("{path}?expand=transitions.fields");
    let listed = play.app.ask(Method::GET, &described, Some(&reviewer), None).await.ok();
    let finish = &listed["transitions"][0];
    assert_eq!((&finish["hasScreen"], &finish["isConditional"]), (&json!(true), &json!(true)));
    assert_eq!(finish["fields"]["resolution"]["required"], true);
    assert!(!finish["fields"]["resolution"]["allowedValues"].as_array().unwrap().is_empty());
    assert_eq!(finish["fields"]["labels"]["operations"], json!(["add", "set", "remove"]));
    let brief = play.app.ask(Method::GET, &path, Some(&reviewer), None).await.ok();
    assert!(brief["transitions"][0].get("fields").is_none(), "shown to whoever asks for it");

    let bare = take(json!({ "transition": { "id": "13" } })).await;
    assert_eq!(bare.status, 400);
    assert_eq!(
        bare.json["errors"],
        json!({ "resolution": "Resolution is required.", "assignee": "Assignee is required." })
    );
    let foreign = json!({ "transition": { "id": "13" }, "fields": {
        "resolution": { "name": "Done" }, "assignee": { "accountId": "forebay-sandbox" }, "summary": "other" } });
    let foreign = take(foreign).await;
    assert_eq!(foreign.status, 400);
    assert!(foreign.json["errors"]["summary"].as_str().unwrap().contains("not on the appropriate screen"));
    let empty = json!({ "transition": { "id": "13" }, "fields": { "resolution": { "name": "Done" },
        "assignee": { "accountId": "forebay-sandbox" } },
        "update": { "comment": [{ "add": { "body": document(" ") } }] } });
    assert_eq!(take(empty).await.status, 400);
    assert_eq!(play.fields(&issue).await, before, "nothing of it is half done");

    let whole = json!({
        "transition": { "id": "13" },
        "fields": { "resolution": { "name": "Done" }, "assignee": { "accountId": "forebay-sandbox" } },
        "update": { "labels": [{ "add": "seen" }], "comment": [{ "add": { "body": document("well done") } }] },
    });
    let whole = take(whole).await;
    assert_eq!(whole.status, 204, "{}", whole.text);
    let after = play.fields(&issue).await;
    assert_eq!((&after["status"]["name"], &after["resolution"]["name"]), (&json!("Done"), &json!("Done")));
    assert_eq!((&after["labels"], &after["comment"]["total"]), (&json!(["seen"]), &json!(1)));
    assert_eq!(after["assignee"]["accountId"], "forebay-sandbox");
    assert!(moment(&after) > moment(&before));
    let last = play.histories(&issue).await.pop().unwrap();
    let fields: Vec<&str> =
        last["items"].as_array().unwrap().iter().map(|item| item["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["status", "resolution", "assignee", "labels"]);
    play.heard("comment_created", |body| body["comment"]["body"] == "well done").await;
    let event =
        play.heard("jira:issue_updated", |body| body["issue_event_type_name"] == "issue_resolved").await;
    assert_eq!(event["changelog"]["items"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_is_checked_before_it_is_in_force_and_can_be_taken_back() {
    let play = Play::start(5).await;
    let put = async |body: Value| play.app.ask(Method::PUT, WORKFLOW, Some(&play.app.key), Some(body)).await;
    let refused = async |change: fn(&mut Value)| {
        let mut wrong = workflow();
        change(&mut wrong);
        let answer = put(wrong).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        answer.text
    };
    assert!(refused(|plan| plan["statuses"][0]["name"] = json!("Open")).await.contains("To Do"));
    assert!(refused(|plan| plan["transitions"][0]["to"] = json!("7")).await.contains("status 7"));
    assert!(refused(|plan| plan["transitions"][2]["required"] = json!(["votes"])).await.contains("votes"));
    assert!(refused(|plan| plan["roles"] = json!({})).await.contains("Reviewers"));
    let shown = play.app.get(WORKFLOW).await.ok();
    assert_eq!((&shown["is_set"], &shown["workflow"]["initial"]), (&json!(false), &json!("10000")));

    let file = std::env::temp_dir().join(format!("forebay-workflow-{}.json", std::process::id()));
    std::fs::write(&file, workflow().to_string()).unwrap();
    let set = play.app.cli(&["sandbox", "workflow", "play", "--file", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    assert!(set.contains("Finish") && set.contains("Reviewers"), "{set}");
    let written = play.app.json(&["sandbox", "workflow", "play"]);
    assert_eq!(written, play.app.get(WORKFLOW).await.ok()["workflow"]);
    let issue = play.issue(json!({})).await;
    assert_eq!(play.open(&play.app.key, &issue).await, ["Start"]);

    let cleared = play.app.ask(Method::DELETE, WORKFLOW, Some(&play.app.key), None).await.ok();
    assert_eq!(cleared["is_set"], false);
    assert!(play.open(&play.app.key, &issue).await.len() > 1);
    let actions = play.app.get("/v1/audit?limit=50").await.ok();
    let actions: Vec<&str> =
        actions["entries"].as_array().unwrap().iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert!(actions.contains(&"set_workflow") && actions.contains(&"clear_workflow"), "{actions:?}");
}
