//! A mirror follows its source: backfill, webhooks, polling; and what is written through comes back.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, eventually};

/// An answer of the source with its links turned to the copy, as the copy's door turns them.
fn at_copy(answer: Value) -> Value {
    match answer {
        Value::Array(items) => items.into_iter().map(at_copy).collect(),
        Value::Object(members) => {
            let turned = members.into_iter().map(|(name, member)| match member {
                Value::String(link) if name == "self" => {
                    (name, link.replace("/jira/source/", "/jira/copy/").into())
                }
                member => (name, at_copy(member)),
            });
            Value::Object(turned.collect())
        }
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_equals_its_source_issue_by_issue() {
    let app = TestApp::start().await;
    app.sandbox("source", 150);
    app.mirror("copy", "source", "cloud");
    let run = app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert_eq!(run["issues"], 150);
    for name in ["comments", "changelog_items", "worklogs", "requests"] {
        assert!(run[name].as_u64().unwrap() > 0, "{name}: {run}");
    }
    let search =
        json!({ "jql": "created >= \"1970-01-01\" ORDER BY id", "fields": ["*all"], "maxResults": 100 });
    let mut token = Value::Null;
    let mut compared = 0;
    loop {
        let mut body = search.clone();
        if token.is_string() {
            body["nextPageToken"] = token.clone();
        }
        let page = app.post("/jira/source/rest/api/3/search/jql", body).await.ok();
        for issue in page["issues"].as_array().unwrap() {
            let key = issue["key"].as_str().unwrap();
            let path = |instance: &str| format!("/jira/{instance}/rest/api/3/issue/{key}?expand=changelog");
            let (source, copy) =
                (at_copy(app.get(&path("source")).await.ok()), app.get(&path("copy")).await.ok());
            assert_eq!(copy["fields"], source["fields"], "{key}");
            assert_eq!(copy["changelog"]["histories"], source["changelog"]["histories"], "{key}");
            compared += 1;
        }
        token = page["nextPageToken"].clone();
        if !token.is_string() {
            break;
        }
    }
    assert_eq!(compared, 150);

    // What issues refer to has come along, under the ids of the source.
    let project = async |instance: &str| app.get(&format!("/v1/projects/PAY?instance={instance}")).await.ok();
    let (source, copy) = (project("source").await, project("copy").await);
    for part in ["versions", "components"] {
        assert!(!source[part].as_array().unwrap().is_empty(), "{source}");
        assert_eq!(copy[part], source[part], "{part}");
    }
    let types =
        async |instance: &str| app.get(&format!("/jira/{instance}/rest/api/3/issueLinkType")).await.ok();
    assert!(!types("source").await["issueLinkTypes"].as_array().unwrap().is_empty());
    assert_eq!(types("copy").await, at_copy(types("source").await));
    let severity = app.get("/v1/fields/Severity?instance=copy").await.ok();
    assert!(!severity["options"].as_array().unwrap().is_empty(), "{severity}");
    let issue = app.get("/v1/issues/10001?instance=copy").await.ok();
    assert!(issue["watchers"].as_u64().unwrap() > 0 && issue["attachments"].is_array(), "{issue}");
    let runs = app.get("/v1/jobs").await.ok();
    assert!(runs["runs"].is_array(), "{runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_the_source_arrives_by_webhook() {
    let app = TestApp::start().await;
    app.sandbox("source", 20);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let body = json!({ "body": "Look here" });
    let added = app.post("/jira/source/rest/api/2/issue/10001/comment", body).await;
    assert_eq!(added.status, 201);
    let id = added.json["id"].as_str().unwrap().to_owned();
    let seen = eventually(
        async || app.get("/jira/copy/rest/api/2/issue/10001/comment").await.ok(),
        |page| page["comments"].as_array().unwrap().iter().any(|comment| comment["id"] == id.as_str()),
    )
    .await;
    let comment =
        seen["comments"].as_array().unwrap().iter().find(|comment| comment["id"] == id.as_str()).unwrap();
    assert_eq!(comment["body"], "Look here");
}

/// Takes a minute: that is how often mirrors are polled.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_arrives_by_polling_where_there_is_no_webhook() {
    let app = TestApp::start().await;
    app.sandbox("source", 10);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let hooks = app.get("/jira/source/rest/webhooks/1.0/webhook").await.ok();
    let id = hooks[0]["self"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let path = format!("/jira/source/rest/webhooks/1.0/webhook/{id}");
    assert!(app.ask(Method::DELETE, &path, Some(&app.key), None).await.status.is_success());
    app.post("/jira/source/rest/api/2/issue/10001/comment", json!({ "body": "Nobody was told" })).await.ok();
    let began = std::time::Instant::now();
    loop {
        let page = app.get("/jira/copy/rest/api/2/issue/10001/comment").await.ok();
        if page.to_string().contains("Nobody was told") {
            break;
        }
        assert!(began.elapsed().as_secs() < 100, "no poll came");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_catches_up_without_copying_again() {
    let app = TestApp::start().await;
    app.sandbox("source", 60);
    app.mirror("copy", "source", "cloud");
    assert_eq!(app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"])["issues"], 60);
    let again = app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert!(again["issues"].as_u64().unwrap() < 60, "{again}");
    let status = app.json(&["sync", "status", "copy", "--tenant", "acme"]);
    assert_eq!(status[0]["issues"], 60);
    assert_eq!(status[0]["run"]["kind"], "poll");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_goes_through_to_the_source_and_is_audited() {
    let app = TestApp::start().await;
    app.sandbox("source", 20);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let issue = app.get("/v1/issues?jql=statusCategory%20%3D%20Done&instance=copy&limit=1").await.ok();
    let key = issue["issues"][0]["key"].as_str().unwrap().to_owned();
    let open = app.get(&format!("/v1/issues/{key}/transitions?instance=copy")).await.ok();
    assert!(open.to_string().contains("Reopen"), "{open}");
    let body = json!({ "transition": "Reopen" });
    let moved = app.post(&format!("/v1/issues/{key}/transitions?instance=copy"), body).await.ok();
    assert_eq!(moved["status"]["name"], "To Do");
    for instance in ["source", "copy"] {
        let issue = app.get(&format!("/jira/{instance}/rest/api/3/issue/{key}?expand=changelog")).await.ok();
        assert_eq!(issue["fields"]["status"]["name"], "To Do", "{instance}");
        assert_eq!(issue["fields"]["resolution"], Value::Null, "{instance}");
        let latest = &issue["changelog"]["histories"][0]["items"];
        assert_eq!(latest[0]["field"], "status", "{instance}: {latest}");
        assert_eq!(latest[0]["toString"], "To Do", "{instance}");
    }
    let audit = app.get("/v1/audit?action=transition_issue").await.ok();
    let entry =
        audit["entries"].as_array().unwrap().iter().find(|e| e["instance"] == "copy").unwrap().clone();
    assert_eq!(entry["target"], key);
    assert_eq!(entry["outcome"], "succeeded");
    assert_eq!(entry["payload"]["before"]["status"], "Done");
    assert_eq!(entry["payload"]["after"]["status"], "To Do");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_changes_nothing_and_is_told() {
    let app = TestApp::start().await;
    app.sandbox("source", 5);
    let refused =
        app.post("/v1/issues/10001/transitions?instance=source", json!({ "transition": "Fly" })).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json["code"], "invalid");
    assert_eq!(refused.json["errors"][0]["field"], "transition");
    let empty = app.post("/v1/issues/10001/comments?instance=source", json!({ "body": "  " })).await;
    assert_eq!((empty.status.as_u16(), &empty.json["errors"][0]["field"]), (400, &json!("body")));
    assert_eq!(app.get("/v1/audit?action=add_comment").await.ok()["entries"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_credentials_are_told_and_delete_nothing() {
    let app = TestApp::start().await;
    app.sandbox("source", 5);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let keys = app.json(&["key", "list", "--tenant", "acme"]);
    let id = keys[0]["id"].as_str().unwrap().to_owned();
    app.cli(&["key", "revoke", &id]);
    let output = app.output(&["sync", "run", "copy", "--tenant", "acme"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("credentials"), "{output:?}");
    let output = app.output(&["sync", "status", "copy", "--tenant", "acme", "--json"]);
    assert_eq!(output.status.code(), Some(3), "a mirror that fails: {output:?}");
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status[0]["issues"], 5);
    assert_eq!(status[0]["run"]["state"], "failed");
    assert!(status[0]["failing"]["last_error"].as_str().unwrap().contains("credentials"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_of_the_source_is_shown_and_a_bad_credential_is_named() {
    let app = TestApp::start().await;
    app.sandbox("source", 30);
    app.mirror("copy", "source", "cloud");
    let run = app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let quota = app.get("/v1/instances/copy/quota").await.ok();
    let today = &quota["days"][0];
    assert!(today["requests"].as_u64().unwrap() >= run["requests"].as_u64().unwrap(), "{quota}");
    assert!(today["points"].as_u64().unwrap() > today["requests"].as_u64().unwrap(), "{quota}");
    assert_eq!(quota["pauses"], json!([]));

    let put = async |body: Value| {
        app.ask(Method::PUT, "/v1/instances/copy/credential", Some(&app.key), Some(body)).await
    };
    assert_eq!(put(json!({ "client_id": "c", "client_secret": "s", "token": "t" })).await.status, 400);
    assert_eq!(put(json!({ "email": "someone@example.com", "token": "revoked" })).await.status, 200);
    let tested = app.post("/v1/instances/copy/test", json!({})).await;
    assert_eq!((tested.status.as_u16(), tested.json["code"].as_str()), (502, Some("site_not_authenticated")));
    let shown = app.get("/v1/instances/copy").await.ok();
    assert!(shown["credential_problem"].as_str().unwrap().contains("credentials"), "{shown}");

    // The copy stays, and the right credential makes the instance whole again.
    assert_eq!(app.get("/v1/issues/10001?instance=copy").await.status, 200);
    assert_eq!(put(json!({ "email": "someone@example.com", "token": app.key })).await.status, 200);
    assert_eq!(app.post("/v1/instances/copy/test", json!({})).await.status, 200);
    assert_eq!(app.get("/v1/instances/copy").await.ok()["credential_problem"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_of_a_site_are_read_in_rounds_and_what_it_does_not_serve_is_told() {
    let app = TestApp::start().await;
    app.sandbox("source", 20);
    app.mirror("copy", "source", "datacenter");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app.until_rosters_are_read("copy").await;
    let freshness = app.get("/v1/instances/copy/freshness").await.ok();
    let lists = freshness["reference"].as_array().unwrap();
    let options = lists.iter().find(|list| list["list"] == "field_options").unwrap();
    assert_eq!((&options["shown"], &options["refused"]), (&json!(4), &json!(0)), "{freshness}");
    for list in lists {
        assert!(list["read_at"].is_string(), "{freshness}");
        let unserved = list["shown"] == 0 && list["refused"] != 0;
        assert_eq!(list["note"].is_string(), unserved, "{freshness}");
    }
}
