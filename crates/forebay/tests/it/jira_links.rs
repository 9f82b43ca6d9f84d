//! Links of answers lead back to the door that gave them: a client that follows them stays with the copy.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::TestApp;

/// Every text of an answer with the names that lead to it.
fn texts<'a>(value: &'a Value, path: &mut Vec<&'a str>, see: &mut impl FnMut(&[&str], &str)) {
    match value {
        Value::String(text) => see(path, text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, path, see)),
        Value::Object(members) => {
            for (name, member) in members {
                path.push(name);
                texts(member, path, see);
                path.pop();
            }
        }
        _ => {}
    }
}

/// What the links of an answer begin with must be ours; answers how many there are.
#[track_caller]
fn links_lead_to(ours: &str, source: &str, answer: &Value) -> usize {
    let mut links = 0;
    texts(answer, &mut Vec::new(), &mut |path, text| match path.last() {
        Some(&"self" | &"nextPage") => {
            assert!(text.starts_with(ours), "{path:?}: {text} does not begin with {ours}");
            links += 1;
        }
        // Where a browser that is signed in at the source finds them.
        Some(&"iconUrl" | &"content" | &"thumbnail") => assert!(!text.starts_with(ours), "{path:?}: {text}"),
        _ if path.contains(&"avatarUrls") => assert!(!text.starts_with(ours), "{path:?}: {text}"),
        _ => assert!(!text.starts_with(&format!("{source}/rest/")), "{path:?}: {text}"),
    });
    links
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_of_a_mirrors_answers_leads_to_the_mirror() {
    let app = TestApp::start().await;
    app.sandbox("source", 120);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let source = format!("{}/jira/source", app.url);
    let sampled = app.get("/jira/source/rest/api/3/search?jql=worklogAuthor%20is%20not%20EMPTY%20AND%20comment%20~%20%22a%22&maxResults=1").await;
    let issue = sampled.json["issues"][0]["id"].as_str().unwrap_or("10001").to_owned();
    for version in ["2", "3", "latest"] {
        let number = if version == "latest" { "2" } else { version };
        let ours = format!("{}/jira/copy/rest/", app.url);
        let api = |path: &str| format!("/jira/copy/rest/api/{version}/{path}");
        for path in [
            format!("issue/{issue}?expand=changelog,names,schema,renderedFields,transitions"),
            format!("issue/{issue}/comment?expand=renderedBody"),
            format!("issue/{issue}/worklog"),
            format!("issue/{issue}/changelog?maxResults=1"),
            format!("issue/{issue}/transitions"),
            "search?jql=order%20by%20id&fields=*all&expand=changelog".into(),
            "search/jql?jql=project%20is%20not%20EMPTY&fields=*all".into(),
            "project".into(),
            "project/search?maxResults=1".into(),
            "project/PAY".into(),
            "status".into(),
            "priority".into(),
            "resolution".into(),
            "issuetype".into(),
            "issueLinkType".into(),
            "myself".into(),
        ] {
            let answer = app.get(&api(&path)).await;
            let links = links_lead_to(&ours, &source, &answer.json);
            assert!(
                links > 0 || path.contains("/comment") || path.contains("/worklog"),
                "{path}: {}",
                answer.text
            );
        }
        let bulk = json!({ "issueIdsOrKeys": [issue], "fields": ["*all"] });
        assert!(links_lead_to(&ours, &source, &app.post(&api("issue/bulkfetch"), bulk).await.ok()) > 10);
        let bulk = json!({ "issueIdsOrKeys": [issue] });
        assert!(links_lead_to(&ours, &source, &app.post(&api("changelog/bulkfetch"), bulk).await.ok()) > 0);

        let read = app.get(&api(&format!("issue/{issue}"))).await.ok();
        let link = read["self"].as_str().unwrap();
        assert_eq!(link, format!("{ours}api/{number}/issue/{issue}"), "in the version that was asked");
        assert_eq!(app.get(link.strip_prefix(&app.url).unwrap()).await.ok()["key"], read["key"]);
    }
    // What is written through answers with the source's words, and our links.
    let made =
        app.post(&format!("/jira/copy/rest/api/2/issue/{issue}/comment"), json!({ "body": "Hi" })).await.ok();
    let ours = format!("{}/jira/copy/rest/api/2/issue/{issue}/comment/", app.url);
    assert!(made["self"].as_str().unwrap().starts_with(&ours), "{made}");
    // A key that only writes is answered alike.
    let writer = app.key_for("acme", "write");
    let path = format!("/jira/copy/rest/api/2/issue/{issue}/comment");
    let made = app.ask(Method::POST, &path, Some(&writer), Some(json!({ "body": "Hi" }))).await;
    assert!(!made.text.contains(&format!("\"self\":\"{source}")), "{}", made.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandboxs_links_are_in_the_version_that_is_asked() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    for version in ["2", "3"] {
        let read = app.get(&format!("/jira/site/rest/api/{version}/issue/10001")).await.ok();
        let ours = format!("{}/jira/site/rest/api/{version}/", app.url);
        for link in [&read["self"], &read["fields"]["status"]["self"], &read["fields"]["reporter"]["self"]] {
            assert!(link.as_str().unwrap().starts_with(&ours), "{link}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_issue_is_not_sent_twice() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    let get = async |path: &str, tag: &str| {
        let url = format!("{}/jira/site/rest/api/{path}", app.url);
        crate::app::client().get(url).bearer_auth(&app.key).header("if-none-match", tag).send().await.unwrap()
    };
    let first = app.get("/jira/site/rest/api/3/issue/10001?expand=changelog").await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let again = get("3/issue/10001?expand=changelog", &tag).await;
    assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, tag.as_str()));
    assert_eq!(again.text().await.unwrap(), "");
    assert_eq!(get("2/issue/10001?expand=changelog", &tag).await.status(), 200, "another answer");
    app.post("/jira/site/rest/api/2/issue/10001/comment", json!({ "body": "news" })).await.ok();
    assert_eq!(get("3/issue/10001?expand=changelog", &tag).await.status(), 200, "it has changed");
}
