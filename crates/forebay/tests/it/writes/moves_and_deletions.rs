//! Issues that get another key, and issues that are gone.

use serde_json::{Value, json};

use super::{Play, moment};
use crate::app::AtDoor;

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_moves_with_its_sub_tasks_and_its_old_key_leads_to_it() {
    let play = Play::start(60).await;
    let to = play.project(1).await;
    let key = play.issue(json!({})).await;
    let sub = play.issue(json!({ "issuetype": { "name": "Sub-task" }, "parent": { "key": key } })).await;
    let before = play.get(&format!("issue/{key}")).await.ok();
    let body = json!({ "sendBulkNotification": false,
                       "targetToSourcesMapping": { format!("{to},10004"): { "issueIdsOrKeys": [key] } } });
    let moved = play.post("bulk/issues/move", body.clone()).await;
    assert_eq!(moved.status, 201, "{}", moved.text);
    let after = play.get(&format!("issue/{key}")).await.ok();
    assert_eq!(after["id"], before["id"]);
    assert_eq!(
        (&after["fields"]["project"]["key"], &after["fields"]["issuetype"]["name"]),
        (&json!(to), &json!("Bug"))
    );
    let new = after["key"].as_str().unwrap();
    assert!(new.starts_with(&format!("{to}-")));
    assert!(moment(&after["fields"]) > moment(&before["fields"]));
    let sub_after = play.get(&format!("issue/{sub}")).await.ok();
    assert_eq!(
        (&sub_after["fields"]["parent"]["key"], &sub_after["fields"]["project"]["key"]),
        (&json!(new), &json!(to))
    );
    assert_eq!(after["fields"]["subtasks"][0]["key"], sub_after["key"]);
    let history = play.histories(new).await.pop().unwrap();
    let fields: Vec<&str> =
        history["items"].as_array().unwrap().iter().map(|item| item["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["project", "Key", "issuetype"]);
    assert_eq!(history["items"][1]["toString"], new);
    // Deliveries of different issues come in any order.
    for moved in [&after, &sub_after] {
        let event = play
            .heard("jira:issue_updated", |body| {
                body["issue_event_type_name"] == "issue_moved" && body["issue"]["id"] == moved["id"]
            })
            .await;
        assert_eq!(event["issue"]["key"], moved["key"]);
    }
    assert_eq!(play.post("bulk/issues/move", body).await.status, 201, "it is there already");
    assert_eq!(play.histories(new).await.len(), 1);
    let next = play.issue(json!({})).await;
    assert!(next != key && next != sub, "a key that was given is not given again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_with_its_sub_tasks_and_links() {
    let play = Play::start(30).await;
    let (key, other) = (play.issue(json!({})).await, play.issue(json!({})).await);
    let sub = play.issue(json!({ "issuetype": { "name": "Sub-task" }, "parent": { "key": key } })).await;
    let parent = play.fields(&key).await;
    assert_eq!(parent["subtasks"][0]["key"], sub.as_str());
    play.heard("issuelink_created", |body| body["issueLink"]["systemLink"] == true).await;
    let link =
        json!({ "type": { "id": "10000" }, "inwardIssue": { "key": other }, "outwardIssue": { "key": sub } });
    play.post("issueLink", link).await.ok();
    let before = play.fields(&other).await;

    let refused = play.delete(&format!("issue/{key}")).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.json["errorMessages"][0].as_str().unwrap().contains("deleteSubtasks"),
        "{}",
        refused.text
    );
    assert_eq!(play.delete(&format!("issue/{key}?deleteSubtasks=true")).await.status, 204);
    for gone in [&key, &sub] {
        assert_eq!(play.get(&format!("issue/{gone}")).await.status, 404);
        assert_eq!(play.get(&format!("issue/{gone}/comment")).await.status, 404);
        play.heard("jira:issue_deleted", |body| body["issue"]["key"] == gone.as_str()).await;
    }
    let project = play.project(0).await;
    let jql = json!({ "jql": format!("project = {project} AND summary ~ One"), "fields": ["id"] });
    let found = play.post("search/jql", jql).await.ok();
    let found: Vec<&str> =
        found["issues"].as_array().unwrap().iter().map(|issue| issue["key"].as_str().unwrap()).collect();
    assert!(found.contains(&other.as_str()), "{found:?}");
    assert!(!found.contains(&key.as_str()) && !found.contains(&sub.as_str()), "{found:?}");
    let after = play.fields(&other).await;
    assert_eq!(after["issuelinks"], json!([]));
    assert!(moment(&after) > moment(&before));
    assert_eq!(play.histories(&other).await.pop().unwrap()["items"][0]["to"], Value::Null);
    play.heard("issuelink_deleted", |_| true).await;
    assert_eq!(play.delete(&format!("issue/{key}")).await.status, 404);
    let next = play.issue(json!({})).await;
    assert!(![&key, &sub, &other].contains(&&next), "keys are not given again");
}
