//! What an issue shows of others is what they are now, however warm the caches are: at a sandbox, and at a mirror of it.

use serde_json::{Value, json};

use super::Play;
use crate::app::{AtDoor, eventually};

/// The id of a transition that leads to something that is done.
async fn to_done(play: &Play, issue: &str) -> String {
    let open = play.get(&format!("issue/{issue}/transitions")).await.ok();
    let open = open["transitions"].as_array().unwrap();
    let done = open.iter().find(|open| open["to"]["statusCategory"]["key"] == "done").unwrap();
    done["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_its_sub_tasks_and_linked_issues_show_each_other_as_they_are() {
    let play = Play::start(60).await;
    let (other_project, epic) =
        (play.project(1).await, play.issue(json!({ "issuetype": { "name": "Epic" } })).await);
    let story = play.issue(json!({ "issuetype": { "name": "Story" }, "parent": { "key": epic } })).await;
    let sub = play.issue(json!({ "issuetype": { "name": "Sub-task" }, "parent": { "key": story } })).await;
    let linked = play.issue(json!({})).await;
    let link = json!({ "type": { "name": "Blocks" }, "inwardIssue": { "key": story }, "outwardIssue": { "key": linked } });
    assert_eq!(play.post("issueLink", link).await.status, 201);
    let id = play.get(&format!("issue/{story}")).await.ok()["id"].as_str().unwrap().to_owned();

    // A mirror that has read all of it, and caches that are warm on both sides.
    play.app.mirror("copy", "play", "cloud");
    play.app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let shown = async |site: &str| {
        let read = play.app.get(&format!("/jira/{site}/rest/api/3/issue/{id}")).await.ok();
        let of = |issue: &Value| {
            (
                issue["key"].clone(),
                issue["fields"]["summary"].clone(),
                issue["fields"]["status"]["statusCategory"]["key"].clone(),
            )
        };
        let fields = &read["fields"];
        [of(&fields["parent"]), of(&fields["subtasks"][0]), of(&fields["issuelinks"][0]["outwardIssue"])]
    };
    for site in ["play", "copy"] {
        let before = shown(site).await;
        assert!(
            before.iter().all(|(_, summary, category)| summary == "One" && category == "new"),
            "{site}: {before:?}"
        );
    }

    let renamed = json!({ "fields": { "summary": "Renamed", "priority": { "name": "Low" } } });
    assert_eq!(play.put(&format!("issue/{epic}"), renamed).await.status, 204);
    let done = json!({ "transition": { "id": to_done(&play, &sub).await } });
    assert_eq!(play.post(&format!("issue/{sub}/transitions"), done).await.status, 204);
    let moved = json!({ "targetToSourcesMapping": { &other_project: { "issueIdsOrKeys": [linked] } } });
    assert_eq!(play.post("bulk/issues/move", moved).await.status, 201);

    let now = shown("play").await;
    assert_eq!((&now[0].0, &now[0].1), (&json!(epic), &json!("Renamed")));
    assert_eq!((&now[1].0, &now[1].2), (&json!(sub), &json!("done")));
    let key = now[2].0.as_str().unwrap();
    assert!(key.starts_with(&format!("{other_project}-")), "{key}");
    // The epic as boards tell of it is made of the parent.
    let agile = play.app.get(&format!("/jira/play/rest/agile/1.0/issue/{id}")).await.ok();
    assert_eq!(agile["fields"]["epic"]["name"], "Renamed");
    // In a list too, and what was not changed is as it was.
    let found =
        play.post("search/jql", json!({ "jql": format!("id = {id}"), "fields": ["parent"] })).await.ok();
    let parent = &found["issues"][0]["fields"]["parent"]["fields"];
    assert_eq!((&parent["summary"], &parent["priority"]["name"]), (&json!("Renamed"), &json!("Low")));
    assert!(parent["issuetype"]["iconUrl"].is_string() || parent["issuetype"]["id"].is_string(), "{parent}");

    play.app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let (summary, category) = (json!("Renamed"), json!("done"));
    let copied = eventually(|| shown("copy"), |shown| shown[0].1 == summary && shown[1].2 == category).await;
    assert_eq!(copied[2].0, now[2].0);

    assert_eq!(play.delete(&format!("issue/{sub}")).await.status, 204);
    assert_eq!(play.fields(&id).await["subtasks"], json!([]));
}
