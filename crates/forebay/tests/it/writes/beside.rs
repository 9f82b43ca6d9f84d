//! What is written along with fields: comments, worklogs, links, properties and transitions, in one request.

use serde_json::{Value, json};

use super::{Play, document};
use crate::app::AtDoor;

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_brings_comments_worklogs_and_links_or_nothing_of_it() {
    let play = Play::start(30).await;
    let (key, other) = (play.issue(json!({})).await, play.issue(json!({})).await);
    let path = format!("issue/{key}");
    let update = json!({
        "comment": [{ "add": { "body": document("said") } }],
        "worklog": [{ "add": { "timeSpent": "2h", "comment": document("done") } }],
        "issuelinks": [{ "add": { "type": { "name": "Blocks" }, "outwardIssue": { "key": other } } }],
        "timetracking": [{ "edit": { "originalEstimate": "1d" } }],
        "labels": [{ "add": "a" }],
    });
    let properties = json!([{ "key": "review", "value": { "by": "zoe" } }]);
    // Jira passes over a transition here.
    let body = json!({ "update": update, "properties": properties, "transition": { "id": "999" } });
    let edited = play.put(&path, body).await;
    assert_eq!((edited.status.as_u16(), edited.text.as_str()), (204, ""));
    let fields = play.fields(&key).await;
    assert_eq!(fields["labels"], json!(["a"]));
    assert_eq!(fields["comment"]["comments"][0]["body"], document("said"));
    assert_eq!(fields["worklog"]["worklogs"][0]["timeSpentSeconds"], 7_200);
    assert_eq!(
        fields["timetracking"]["remainingEstimate"], "6h",
        "estimated first, and worked on after that"
    );
    assert_eq!(fields["issuelinks"][0]["outwardIssue"]["key"], other.as_str());
    assert_eq!(play.get(&format!("{path}/properties/review")).await.ok()["value"], json!({ "by": "zoe" }));
    play.heard("comment_created", |body| body["issue"]["key"] == key.as_str()).await;
    play.heard("worklog_created", |_| true).await;

    let comment = fields["comment"]["comments"][0]["id"].clone();
    let link = fields["issuelinks"][0]["id"].clone();
    let update = json!({
        "comment": [{ "edit": { "id": comment, "body": document("said better") } }],
        "worklog": [{ "remove": { "id": fields["worklog"]["worklogs"][0]["id"] } }],
        "issuelinks": [{ "remove": { "id": link } }],
    });
    assert_eq!(play.put(&path, json!({ "update": update })).await.status, 204);
    let after = play.fields(&key).await;
    assert_eq!(after["comment"]["comments"][0]["body"], document("said better"));
    assert_eq!((&after["worklog"]["total"], &after["issuelinks"]), (&json!(0), &json!([])));
    assert_eq!(play.fields(&other).await["issuelinks"], json!([]));

    // One bad step, and nothing happens.
    let update = json!({
        "labels": [{ "add": "b" }],
        "comment": [{ "add": { "body": document("never") } }, { "remove": { "id": "1" } }],
    });
    let refused = play.put(&path, json!({ "update": update })).await;
    assert_eq!(refused.status, 404, "{}", refused.text);
    let same = play.fields(&key).await;
    assert_eq!((&same["labels"], &same["comment"]["total"]), (&json!(["a"]), &json!(1)));
    let verb = play.put(&path, json!({ "update": { "comment": [{ "set": [] }] } })).await;
    assert_eq!(
        (verb.status.as_u16(), verb.json["errors"]["comment"].is_string()),
        (400, true),
        "{}",
        verb.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_copied_from_other_issues() {
    let play = Play::start(30).await;
    let (source, other, key) =
        (play.issue(json!({})).await, play.issue(json!({})).await, play.issue(json!({})).await);
    let id = play.get(&format!("issue/{source}")).await.ok()["id"].as_str().unwrap().parse::<i64>().unwrap();
    // Ids are numbers as well as texts.
    let link = json!({ "type": { "id": 10000 }, "inwardIssue": { "key": other }, "outwardIssue": { "id": id },
                       "comment": { "body": document("because") } });
    let made = play.post("issueLink", link).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(play.fields(&other).await["comment"]["comments"][0]["body"], document("because"));
    let copy = json!({ "copy": { "issuelinks": { "sourceIssues": [{ "key": source }] } } });
    assert_eq!(
        play.put(&format!("issue/{key}"), json!({ "update": { "issuelinks": [copy] } })).await.status,
        204
    );
    let links = play.fields(&key).await["issuelinks"].clone();
    assert_eq!(
        (links.as_array().unwrap().len(), &links[0]["inwardIssue"]["key"]),
        (1, &json!(other)),
        "{links}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_created_with_all_that_belongs_to_it() {
    let play = Play::start(30).await;
    let (project, other) = (play.project(0).await, play.issue(json!({})).await);
    let open = play.get(&format!("issue/{other}/transitions")).await.ok();
    let transition = &open["transitions"][0];
    let fields =
        json!({ "project": { "key": project }, "issuetype": { "name": "Task" }, "summary": "All of it" });
    let mut body = json!({
        "fields": fields,
        "update": {
            "comment": [{ "add": { "body": document("first") } }],
            "issuelinks": [{ "add": { "type": { "name": "Blocks" }, "inwardIssue": { "key": other } } }],
        },
        "properties": [{ "key": "source", "value": "import" }],
        "transition": { "id": transition["id"] },
    });
    let made = play.post("issue", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["transition"]["status"], 204, "{}", made.text);
    let key = made.json["key"].as_str().unwrap();
    let read = play.fields(key).await;
    assert_eq!(read["status"]["id"], transition["to"]["id"]);
    assert_eq!(read["comment"]["total"], 1);
    assert_eq!(read["issuelinks"][0]["inwardIssue"]["key"], other.as_str());
    assert_eq!(play.get(&format!("issue/{key}/properties/source")).await.ok()["value"], "import");

    // A transition that is not open leaves the issue where it begins.
    body["transition"] = json!({ "id": "999" });
    let made = play.post("issue", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["transition"]["status"], 400, "{}", made.text);
    assert!(made.json["transition"]["errorCollection"]["errors"].is_object());
    assert_eq!(
        play.fields(made.json["key"].as_str().unwrap()).await["status"]["statusCategory"]["key"],
        "new"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_and_worklogs_say_for_whom_they_are() {
    let play = Play::start(30).await;
    let key = play.issue(json!({})).await;
    let role = play.get("role").await.ok()[0]["name"].clone();
    let path = format!("issue/{key}/comment");
    let visibility = json!({ "type": "role", "value": role });
    let made = play.post(&path, json!({ "body": document("for few"), "visibility": visibility })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(
        (&made.json["visibility"]["type"], &made.json["visibility"]["value"]),
        (&json!("role"), &role)
    );
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(play.get(&format!("{path}/{id}")).await.ok()["visibility"]["value"], role);

    let answer = play.post(&path, json!({ "body": document("answer"), "parentId": id })).await;
    assert_eq!((answer.status.as_u16(), &answer.json["parentId"]), (201, &json!(id)), "{}", answer.text);
    let deeper = json!({ "body": document("deeper"), "parentId": answer.json["id"] });
    assert_eq!(play.post(&path, deeper).await.json["errors"].as_object().unwrap().len(), 1);
    let nobody = json!({ "body": document("x"), "visibility": { "type": "role", "value": "Nobody" } });
    let refused = play.post(&path, nobody).await;
    assert_eq!(refused.json["errors"]["commentLevel"], "Role 'Nobody' does not exist.");
    let internal = json!({ "body": document("x"), "properties": [{ "key": "sd.public.comment", "value": { "internal": true } }] });
    assert_eq!(play.post(&path, internal).await.json["jsdPublic"], false);

    let everyone = json!({ "body": document("for all"), "visibility": null });
    play.put(&format!("{path}/{id}"), everyone).await.ok();
    assert!(play.get(&format!("{path}/{id}")).await.ok().get("visibility").is_none());

    let work = json!({ "timeSpent": "1h", "visibility": { "type": "role", "value": role } });
    let logged = play.post(&format!("issue/{key}/worklog"), work).await;
    assert_eq!(
        (logged.status.as_u16(), &logged.json["visibility"]["value"]),
        (201, &role),
        "{}",
        logged.text
    );

    // A mirror refuses it, before its site could show it to everyone.
    play.app.mirror("copy", "play", "cloud");
    play.app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let body = json!({ "body": document("for few"), "visibility": { "type": "role", "value": role } });
    let refused = play.app.post(&format!("/jira/copy/rest/api/3/{path}"), body).await;
    assert_eq!(refused.status, 501, "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_takes_a_resolution_however_it_is_written() {
    let play = Play::start(30).await;
    let resolutions = play.get("resolution").await.ok();
    let wanted = &resolutions.as_array().unwrap().iter().find(|one| one["name"] != "Done").unwrap().clone();
    let (name, id) = (wanted["name"].as_str().unwrap(), wanted["id"].as_str().unwrap());
    for body in [
        json!({ "fields": { "resolution": { "name": name.to_uppercase() } } }),
        json!({ "fields": { "resolution": { "id": id.parse::<i64>().unwrap() } } }),
        json!({ "update": { "resolution": [{ "set": { "name": name } }], "worklog": [{ "add": { "timeSpent": "1h" } }] } }),
    ] {
        let key = play.issue(json!({})).await;
        let open = play.get(&format!("issue/{key}/transitions")).await.ok();
        let done = open["transitions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["to"]["statusCategory"]["key"] == "done")
            .unwrap()
            .clone();
        let mut request = body.clone();
        request["transition"] = json!({ "id": done["id"] });
        let answer = play.post(&format!("issue/{key}/transitions"), request).await;
        assert_eq!(answer.status, 204, "{body}: {}", answer.text);
        let read: Value = play.fields(&key).await;
        assert_eq!(read["resolution"]["name"], name, "{body}");
        assert_eq!(read["worklog"]["total"], if body["update"].is_object() { 1 } else { 0 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_move_changes_types_and_goes_on_behind_what_cannot_be_moved() {
    let play = Play::start(60).await;
    let project = play.project(0).await;
    let key = play.issue(json!({})).await;
    let sub = play.issue(json!({ "issuetype": { "name": "Sub-task" }, "parent": { "key": key } })).await;
    let last = play.issue(json!({})).await;
    let id = play.get(&format!("issue/{last}")).await.ok()["id"].as_str().unwrap().parse::<i64>().unwrap();
    let target = format!("{project},10004");
    let body =
        json!({ "targetToSourcesMapping": { &target: { "issueIdsOrKeys": [key, sub, "NONE-1", id] } } });
    let moved = play.post("bulk/issues/move", body).await;
    assert_eq!(moved.status, 201, "{}", moved.text);
    let task = play.get(&format!("bulk/queue/{}", moved.json["taskId"].as_str().unwrap())).await.ok();
    assert_eq!(task["processedAccessibleIssues"].as_array().unwrap().len(), 2, "{task}");
    assert_eq!(task["failedAccessibleIssues"].as_object().unwrap().len(), 1, "{task}");
    assert_eq!(task["invalidOrInaccessibleIssueCount"], 1, "{task}");
    for key in [&key, &last] {
        assert_eq!(play.fields(key).await["issuetype"]["name"], "Bug", "the key stays");
        let items = play.histories(key).await.pop().unwrap()["items"].clone();
        assert_eq!((&items[0]["field"], &items[0]["toString"]), (&json!("issuetype"), &json!("Bug")));
    }
    let nowhere = json!({ "targetToSourcesMapping": { "NOWHERE": { "issueIdsOrKeys": [key] } } });
    assert_eq!(play.post("bulk/issues/move", nowhere).await.status, 400);
}
