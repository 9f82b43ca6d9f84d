//! Versions and components of a sandbox.

use serde_json::{Value, json};

use super::{Play, moment};
use crate::app::AtDoor;

impl Play {
    async fn part(&self, kind: &str, more: Value) -> Value {
        let mut wanted = json!({ "project": self.project(0).await });
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.post(kind, wanted).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_made_released_and_swapped_for_another() {
    let play = Play::start(20).await;
    let one = play.part("version", json!({ "name": "Next", "releaseDate": "2030-01-31" })).await;
    let two = play.part("version", json!({ "name": "Later" })).await;
    assert_eq!((&one["released"], &one["archived"]), (&json!(false), &json!(false)));
    let taken = json!({ "name": "next", "project": play.project(0).await });
    let taken = play.post("version", taken).await;
    assert_eq!(taken.json["errors"]["name"], "A version with this name already exists in this project.");
    let issue = play.issue(json!({ "fixVersions": [{ "name": "Next" }] })).await;
    let before = play.fields(&issue).await;

    let id = one["id"].as_str().unwrap();
    let released = play.put(&format!("version/{id}"), json!({ "released": true, "name": "1.0" })).await.ok();
    assert_eq!((&released["released"], &released["name"]), (&json!(true), &json!("1.0")));
    let after = play.fields(&issue).await;
    assert_eq!(
        (&after["fixVersions"][0]["name"], &after["fixVersions"][0]["released"]),
        (&json!("1.0"), &json!(true))
    );
    assert_eq!(after["updated"], before["updated"], "a version that changes is no change of its issues");
    let counts = play.get(&format!("version/{id}/unresolvedIssueCount")).await.ok();
    assert_eq!((&counts["issuesCount"], &counts["issuesUnresolvedCount"]), (&json!(1), &json!(1)));
    let listed = play.get(&format!("project/{}/versions", play.project(0).await)).await.ok();
    let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|version| &version["name"]).collect();
    assert_eq!(
        names[names.len() - 2..],
        [&json!("1.0"), &json!("Later")],
        "new ones stand behind the others"
    );

    let other: u64 = two["id"].as_str().unwrap().parse().unwrap();
    let swap = play.post(&format!("version/{id}/removeAndSwap"), json!({ "moveFixIssuesTo": other })).await;
    assert_eq!(swap.status, 204, "{}", swap.text);
    let swapped = play.fields(&issue).await;
    assert_eq!(swapped["fixVersions"][0]["name"], "Later");
    assert!(moment(&swapped) > moment(&after));
    let items = play.histories(&issue).await.pop().unwrap()["items"].clone();
    assert_eq!((&items[0]["fromString"], &items[1]["toString"]), (&json!("1.0"), &json!("Later")));
    assert_eq!(play.get(&format!("version/{id}")).await.status, 404);
    assert_eq!(play.delete(&format!("version/{other}")).await.status, 204);
    assert_eq!(play.fields(&issue).await["fixVersions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lead_of_a_component_gets_its_issues() {
    let play = Play::start(20).await;
    let lead = play.fields("10001").await["reporter"]["accountId"].clone();
    let led = json!({ "name": "Led", "leadAccountId": lead, "assigneeType": "COMPONENT_LEAD" });
    let led = play.part("component", led).await;
    assert_eq!(
        (&led["realAssigneeType"], &led["realAssignee"]["accountId"]),
        (&json!("COMPONENT_LEAD"), &lead)
    );
    let plain = play.part("component", json!({ "name": "Plain" })).await;
    assert_eq!(
        (&plain["assigneeType"], &plain["isAssigneeTypeValid"]),
        (&json!("PROJECT_DEFAULT"), &json!(true))
    );

    let automatic = play.issue(json!({ "components": [{ "name": "Led" }] })).await;
    assert_eq!(play.fields(&automatic).await["assignee"]["accountId"], lead);
    let named = json!({ "components": [{ "name": "Led" }], "assignee": { "accountId": "forebay-sandbox" } });
    let named = play.issue(named).await;
    assert_eq!(play.fields(&named).await["assignee"]["accountId"], "forebay-sandbox");
    let nobody = play.issue(json!({ "components": [{ "name": "Led" }], "assignee": null })).await;
    assert_eq!(play.fields(&nobody).await["assignee"], Value::Null);
    let unled = play.issue(json!({ "components": [{ "name": "Plain" }] })).await;
    assert_eq!(play.fields(&unled).await["assignee"], Value::Null);
    let back = play.put(&format!("issue/{named}/assignee"), json!({ "accountId": "-1" })).await;
    assert_eq!(back.status, 204, "{}", back.text);
    assert_eq!(play.fields(&named).await["assignee"]["accountId"], lead, "-1 is whoever gets it by itself");

    let (led, plain) = (led["id"].as_str().unwrap(), plain["id"].as_str().unwrap());
    let unknown = play.put(&format!("component/{led}"), json!({ "leadAccountId": "nobody-there" })).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
    let renamed = play.put(&format!("component/{led}"), json!({ "name": "Guided" })).await.ok();
    assert_eq!(renamed["lead"]["accountId"], lead, "what is not named stays");
    assert_eq!(play.fields(&automatic).await["components"][0]["name"], "Guided");
    assert_eq!(play.delete(&format!("component/{led}?moveIssuesTo={plain}")).await.status, 204);
    assert_eq!(play.fields(&automatic).await["components"][0]["name"], "Plain");
    assert_eq!(play.get(&format!("component/{led}")).await.status, 404);
}
