//! Links.

use serde_json::{Value, json};

use super::{Play, moment};
use crate::app::AtDoor;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_two_ends_and_each_tells_its_own() {
    let play = Play::start(30).await;
    let (a, b) = (play.issue(json!({})).await, play.issue(json!({})).await);
    let before = play.fields(&b).await;
    let body =
        json!({ "type": { "name": "Blocks" }, "inwardIssue": { "key": a }, "outwardIssue": { "key": b } });
    let made = play.post("issueLink", body.clone()).await;
    assert_eq!((made.status.as_u16(), made.text.as_str()), (201, ""));
    let (at_a, at_b) = (play.fields(&a).await, play.fields(&b).await);
    let (from, to) = (&at_a["issuelinks"][0], &at_b["issuelinks"][0]);
    assert_eq!((&from["outwardIssue"]["key"], &from["type"]["outward"]), (&json!(b), &json!("blocks")));
    assert_eq!(to["inwardIssue"]["key"], a.as_str());
    assert_eq!(from["id"], to["id"]);
    assert!(moment(&at_b) > moment(&before), "both ends are changed");
    let item = |histories: Vec<Value>| histories.last().unwrap()["items"][0].clone();
    assert_eq!(
        item(play.histories(&a).await),
        json!({ "field": "Link", "fieldtype": "jira", "from": null, "fromString": null, "to": b,
                "toString": format!("This issue blocks {b}") })
    );
    assert_eq!(item(play.histories(&b).await)["toString"], format!("This issue is blocked by {a}"));
    let id = from["id"].as_str().unwrap().to_owned();
    let event = play.heard("issuelink_created", |_| true).await;
    assert_eq!(event["issueLink"]["id"].to_string(), id);
    assert!(
        event["issueLink"]["sourceIssueId"].is_number()
            && event["issueLink"]["issueLinkType"]["id"].is_number()
    );

    assert_eq!(play.post("issueLink", body).await.status, 201, "a second time changes nothing");
    assert_eq!(play.fields(&a).await["issuelinks"].as_array().unwrap().len(), 1);
    let read = play.get(&format!("issueLink/{id}")).await.ok();
    assert_eq!((&read["inwardIssue"]["key"], &read["outwardIssue"]["key"]), (&json!(a), &json!(b)));

    assert_eq!(play.delete(&format!("issueLink/{id}")).await.status, 204);
    for key in [&a, &b] {
        assert_eq!(play.fields(key).await["issuelinks"], json!([]));
        assert_eq!(item(play.histories(key).await)["to"], Value::Null);
    }
    play.heard("issuelink_deleted", |body| body["issueLink"]["id"].as_u64() == id.parse().ok()).await;
    assert_eq!(play.get(&format!("issueLink/{id}")).await.status, 404);
    assert_eq!(play.delete(&format!("issueLink/{id}")).await.status, 404);
    let unknown =
        json!({ "type": { "name": "Likes" }, "inwardIssue": { "key": a }, "outwardIssue": { "key": b } });
    let unknown = play.post("issueLink", unknown).await;
    assert_eq!(unknown.json["errorMessages"], json!(["No issue link type with name 'Likes' found."]));
}
