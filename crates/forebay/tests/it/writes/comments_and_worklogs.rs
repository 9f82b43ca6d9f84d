//! Comments and worklogs.

use serde_json::{Value, json};

use super::{Play, document, moment};
use crate::app::AtDoor;

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_read_changed_and_deleted() {
    let play = Play::start(30).await;
    let key = play.issue(json!({})).await;
    let list = format!("issue/{key}/comment");
    let first = play.post(&list, json!({ "body": document("first") })).await.ok();
    let second = play.post(&list, json!({ "body": document("second") })).await.ok();
    let path = format!("{list}/{}", first["id"].as_str().unwrap());
    assert_eq!(play.get(&path).await.ok()["body"], document("first"));
    let before = play.fields(&key).await;

    let edited = play.put(&path, json!({ "body": document("changed") })).await;
    assert_eq!(edited.status, 200);
    assert_eq!(edited.json["body"], document("changed"));
    assert_eq!(edited.json["created"], first["created"]);
    assert_ne!(edited.json["updated"], first["updated"]);
    let after = play.fields(&key).await;
    assert!(moment(&after) > moment(&before));
    assert_eq!(after["comment"]["total"], 2);
    let event = play.heard("comment_updated", |_| true).await;
    assert_eq!((&event["comment"]["body"], &event["issue"]["key"]), (&json!("changed"), &json!(key)));

    assert_eq!(play.delete(&path).await.status, 204);
    let left = play.get(&list).await.ok();
    assert_eq!((&left["total"], &left["comments"][0]["id"]), (&json!(1), &second["id"]));
    let fields = play.fields(&key).await;
    assert!(moment(&fields) > moment(&after));
    assert_eq!(fields["comment"]["comments"].as_array().unwrap().len(), 1);
    play.heard("comment_deleted", |body| body["comment"]["id"] == first["id"]).await;
    for gone in [
        play.get(&path).await,
        play.delete(&path).await,
        play.put(&path, json!({ "body": document("x") })).await,
    ] {
        assert_eq!(gone.status, 404, "{}", gone.text);
        assert!(gone.json["errorMessages"][0].as_str().unwrap().contains("comment"), "{}", gone.text);
    }
    assert_eq!(play.put(&path, json!({ "body": "text" })).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_logged_changed_and_taken_back() {
    let play = Play::start(30).await;
    let key =
        play.issue(json!({ "timetracking": { "originalEstimate": "2h", "remainingEstimate": "2h" } })).await;
    let list = format!("issue/{key}/worklog");
    let work =
        json!({ "timeSpent": "30m", "started": "2024-01-02T03:04:05.000+0000", "comment": document("dug") });
    let added = play.post(&list, work).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!((&added.json["timeSpentSeconds"], &added.json["timeSpent"]), (&json!(1800), &json!("30m")));
    assert_eq!(added.json["started"], "2024-01-02T03:04:05.000+0000");
    let fields = play.fields(&key).await;
    assert_eq!(
        fields["timetracking"],
        json!({ "originalEstimate": "2h", "originalEstimateSeconds": 7200, "remainingEstimate": "1h 30m",
                "remainingEstimateSeconds": 5400, "timeSpent": "30m", "timeSpentSeconds": 1800 })
    );
    assert_eq!((&fields["workratio"], &fields["progress"]["percent"]), (&json!(25), &json!(25)));
    let id = added.json["id"].as_str().unwrap();
    let items = play.histories(&key).await.remove(0)["items"].clone();
    let shown: Vec<_> =
        items.as_array().unwrap().iter().map(|item| (&item["field"], &item["from"], &item["to"])).collect();
    assert_eq!(
        shown,
        [
            (&json!("timespent"), &Value::Null, &json!("1800")),
            (&json!("timeestimate"), &json!("7200"), &json!("5400")),
            (&json!("WorklogId"), &Value::Null, &json!(id)),
        ]
    );
    let event = play.heard("worklog_created", |_| true).await;
    assert_eq!((&event["worklog"]["id"], &event["worklog"]["comment"]), (&json!(id), &json!("dug")));

    let path = format!("{list}/{id}");
    let edited = play.put(&format!("{path}?adjustEstimate=leave"), json!({ "timeSpentSeconds": 3600 })).await;
    assert_eq!(edited.status, 200, "{}", edited.text);
    assert_eq!(edited.json["comment"], document("dug"), "what is left out stays");
    let after = play.fields(&key).await;
    assert_eq!((&after["timespent"], &after["timeestimate"]), (&json!(3600), &json!(5400)));
    assert!(moment(&after) > moment(&fields));
    assert_eq!(play.get(&path).await.ok()["timeSpent"], "1h");
    play.heard("worklog_updated", |_| true).await;

    assert_eq!(play.delete(&format!("{path}?adjustEstimate=new&newEstimate=1d")).await.status, 204);
    let after = play.fields(&key).await;
    assert_eq!((&after["timespent"], &after["timeestimate"]), (&json!(0), &json!(28_800)));
    assert_eq!(after["worklog"]["total"], 0);
    let last = play.histories(&key).await.pop().unwrap();
    let worklog = last["items"].as_array().unwrap().iter().find(|item| item["field"] == "WorklogId").unwrap();
    assert_eq!((&worklog["from"], &worklog["to"]), (&json!(id), &Value::Null));
    play.heard("worklog_deleted", |body| body["worklog"]["id"] == id).await;
    assert_eq!(play.get(&path).await.status, 404);
    assert_eq!(play.post(&list, json!({ "timeSpent": "soon" })).await.status, 400);
    assert_eq!(play.post(&list, json!({})).await.status, 400);
}
