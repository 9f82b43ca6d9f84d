//! Groups, roles, followers and properties: at a sandbox, at the mirror of it, and in the searches of both.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, eventually};

async fn mirrored(app: &TestApp) {
    app.mirror("copy", "site", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app.until_rosters_are_read("copy").await;
}

async fn ask(app: &TestApp, method: Method, path: &str, body: Option<Value>) -> Answer {
    app.ask(method, &format!("/jira/site/rest/api/3/{path}"), Some(&app.key), body).await
}

async fn get(app: &TestApp, instance: &str, path: &str) -> Value {
    app.get(&format!("/jira/{instance}/rest/api/3/{path}")).await.ok()
}

async fn search(app: &TestApp, instance: &str, jql: &str) -> Answer {
    let body = json!({ "jql": jql, "fields": ["labels", "fixVersions"], "maxResults": 1000 });
    app.post(&format!("/jira/{instance}/rest/api/3/search/jql"), body).await
}

async fn keys(app: &TestApp, instance: &str, jql: &str) -> BTreeSet<String> {
    let found = search(app, instance, jql).await.ok();
    found["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["key"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_means_its_members_in_searches_of_the_site_and_of_its_copy() {
    let app = TestApp::start().await;
    app.sandbox("site", 80);
    mirrored(&app).await;
    for instance in ["site", "copy"] {
        let groups = get(&app, instance, "group/bulk").await;
        let groups = groups["values"].as_array().unwrap();
        assert!(groups.len() > 3, "{groups:?}");
        for group in groups {
            let name = group["name"].as_str().unwrap();
            let mut members: Vec<String> = Vec::new();
            loop {
                let start = members.len();
                let path = format!("group/member?groupname={name}&startAt={start}&includeInactiveUsers=true");
                let page = get(&app, instance, &path).await;
                let page = page["values"].as_array().unwrap();
                if page.is_empty() {
                    break;
                }
                members.extend(page.iter().map(|one| one["accountId"].to_string()));
            }
            let of_group = keys(&app, instance, &format!("assignee in membersOf(\"{name}\")")).await;
            let one_by_one = format!("assignee in ({})", members.join(", "));
            assert_eq!(of_group, keys(&app, instance, &one_by_one).await, "{name} of {instance}");
        }
        let everybody = keys(&app, instance, "assignee in membersOf(\"JIRA-Software-Users\")").await;
        assert!(!everybody.is_empty(), "names are read in any case");
        let refused = search(&app, instance, "assignee in membersOf(\"no such group\")").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.text.contains("no such group"), "{}", refused.text);
        let projects = keys(&app, instance, "project in projectsWhereUserHasRole(\"Developers\")").await;
        assert!(projects.len() < 1000, "{projects:?}");
        let roles = get(&app, instance, "project/PAY/role").await;
        assert!(roles["Developers"].is_string(), "{roles}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_into_a_group_is_found_by_it_at_once_and_not_any_more_when_it_is_gone() {
    let app = TestApp::start().await;
    app.sandbox("site", 60);
    let issues = search(&app, "site", "assignee is not EMPTY").await.ok();
    assert!(!issues["issues"].as_array().unwrap().is_empty());
    let people = get(&app, "site", "group/member?groupname=jira-software-users&maxResults=50").await;
    let account = people["values"][0]["accountId"].as_str().unwrap().to_owned();
    assert_eq!(
        ask(&app, Method::POST, "group", Some(json!({ "name": "made" }))).await.status,
        StatusCode::CREATED
    );
    assert!(
        keys(&app, "site", "assignee in membersOf(made)").await.is_empty(),
        "of an empty group there is nobody"
    );
    let put =
        ask(&app, Method::POST, "group/user?groupname=made", Some(json!({ "accountId": account }))).await;
    assert_eq!(put.status, StatusCode::CREATED);
    let theirs = keys(&app, "site", &format!("assignee = \"{account}\"")).await;
    assert_eq!(keys(&app, "site", "assignee in membersOf(made)").await, theirs);
    let path = format!("group/user?groupname=made&accountId={account}");
    assert!(ask(&app, Method::DELETE, &path, None).await.status.is_success());
    assert!(keys(&app, "site", "assignee in membersOf(made)").await.is_empty());
    assert!(ask(&app, Method::DELETE, "group?groupname=made", None).await.status.is_success());
    assert_eq!(search(&app, "site", "assignee in membersOf(made)").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_renamed_or_deleted_is_so_in_the_issues_that_have_it() {
    let app = TestApp::start().await;
    app.sandbox("site", 80);
    let versions = get(&app, "site", "project/PAY/versions").await;
    let mut held = None;
    for version in versions.as_array().unwrap() {
        let id = version["id"].as_str().unwrap().to_owned();
        let having = keys(&app, "site", &format!("fixVersion = {id}")).await;
        if !having.is_empty() {
            held = Some((id, having));
        }
    }
    let (id, having) = held.unwrap();
    let path = format!("version/{id}");
    ask(&app, Method::PUT, &path, Some(json!({ "name": "another name" }))).await.ok();
    assert_eq!(keys(&app, "site", "fixVersion = \"another name\"").await, having);
    let key = having.first().unwrap();
    let issue = get(&app, "site", &format!("issue/{key}?fields=fixVersions")).await;
    assert!(issue.to_string().contains("another name"), "{issue}");
    assert!(ask(&app, Method::DELETE, &path, None).await.status.is_success());
    for jql in [
        "fixVersion = \"another name\"",
        "fixVersion not in (\"another name\")",
        "affectedVersion > \"another name\"",
    ] {
        let refused = search(&app, "site", jql).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{jql}");
        assert!(
            refused.text.contains("The value 'another name' does not exist for the field"),
            "{}",
            refused.text
        );
    }
    // What was once is found in histories still.
    assert!(!keys(&app, "site", "fixVersion was \"another name\"").await.is_empty());
    let issue = get(&app, "site", &format!("issue/{key}?fields=fixVersions")).await;
    assert!(!issue.to_string().contains("another name"), "{issue}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_edit_changes_what_it_can_and_tells_of_what_it_could_not() {
    let app = TestApp::start().await;
    app.sandbox("site", 40);
    let edit = json!({
        "selectedIssueIdsOrKeys": ["10001", "10002", "NOPE-1"], "selectedActions": ["labels"],
        "editedFieldsInput": { "labelsFields": [{
            "fieldId": "labels", "labels": [{ "name": "in-bulk" }], "bulkEditMultiSelectFieldOption": "ADD",
        }] },
    });
    let task = ask(&app, Method::POST, "bulk/issues/fields", Some(edit)).await.ok();
    let progress = get(&app, "site", &format!("bulk/queue/{}", task["taskId"].as_str().unwrap())).await;
    assert_eq!(progress["status"], "COMPLETE", "{progress}");
    assert_eq!(progress["processedAccessibleIssues"].as_array().unwrap().len(), 2, "{progress}");
    assert_eq!(keys(&app, "site", "labels = in-bulk").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_asked_to_copies_properties_and_followers() {
    let copied = [("FOREBAY_SYNC_FOLLOWERS", "on"), ("FOREBAY_SYNC_ISSUE_PROPERTIES", "landmark")];
    let app = TestApp::start_with(&copied).await;
    app.sandbox("site", 40);
    let people = get(&app, "site", "group/member?groupname=jira-software-users&maxResults=50").await;
    let account = people["values"][0]["accountId"].as_str().unwrap().to_owned();
    let property = json!({ "n": 7, "tags": ["Red", "green"] });
    for key in ["landmark", "other"] {
        let path = format!("issue/10001/properties/{key}");
        assert!(ask(&app, Method::PUT, &path, Some(property.clone())).await.status.is_success());
    }
    let watch = ask(&app, Method::POST, "issue/10002/watchers", Some(json!(account))).await;
    assert!(watch.status.is_success(), "{}", watch.text);
    app.mirror("copy", "site", "cloud");
    // The command syncs by itself, so it has to be told as well.
    let mut sync = app.command();
    sync.envs(copied).args(["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert!(sync.output().unwrap().status.success());
    app.until_rosters_are_read("copy").await;
    for jql in [
        "issue.property[landmark].n = 7",
        "issue.property[landmark].tags = red",
        "issue.property[landmark].n > 6",
    ] {
        let found = keys(&app, "copy", jql).await;
        assert_eq!((found.len(), &found), (1, &keys(&app, "site", jql).await), "{jql}");
    }
    assert!(keys(&app, "copy", "issue.property[landmark].n = 8").await.is_empty());
    let found = get(&app, "copy", "issue/10001?properties=*all&fields=summary").await;
    assert_eq!(found["properties"], json!({ "landmark": property }), "only what was asked for");
    let watched = format!("watcher = \"{account}\" AND id = 10002");
    assert_eq!(keys(&app, "site", &watched).await.len(), 1);
    eventually(async || search(&app, "copy", &watched).await.status, |status| status.is_success()).await;
    assert_eq!(keys(&app, "copy", &watched).await.len(), 1);
}
