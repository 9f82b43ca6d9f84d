//! Keys: what their policies let through at each door, and how they end.

use std::io::{BufRead, BufReader, Write};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{BINARY, TestApp, client, free_port, serve, signal},
    doors::mcp_call,
};

/// A site with several projects; one of them, and a key that sees only that.
async fn limited() -> (TestApp, String, String) {
    let app = TestApp::start().await;
    app.sandbox("site", 60);
    let issues = app.get("/v1/issues?jql=ORDER%20BY%20key&limit=200").await.ok();
    let keys: Vec<&str> =
        issues["issues"].as_array().unwrap().iter().filter_map(|i| i["key"].as_str()).collect();
    let project = keys[0].split('-').next().unwrap().to_owned();
    assert!(keys.iter().any(|key| !key.starts_with(&format!("{project}-"))), "several projects are needed");
    let arguments =
        ["key", "create", "--tenant", "acme", "--scopes", "read,write,sql,ai,admin", "--projects", &project];
    let key = app.cli(&arguments).trim().to_owned();
    (app, project, key)
}

/// Every text of an answer that looks like a key of an issue of another project.
fn foreign<'a>(text: &'a str, project: &str, others: &'a [String]) -> Vec<&'a str> {
    let found = others.iter().filter(|other| *other != project);
    found
        .filter(|other| text.contains(&format!("\"{other}-")) || text.contains(&format!("/{other}-")))
        .map(String::as_str)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_limited_to_a_project_sees_nothing_of_the_others_at_any_door() {
    let (app, project, key) = limited().await;
    let projects = app.get("/jira/site/rest/api/3/project/search").await.ok();
    let others: Vec<String> = projects["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["key"].as_str().unwrap().to_owned())
        .collect();
    assert!(others.len() > 1);
    let all = app.get("/v1/issues?jql=ORDER%20BY%20key&limit=200").await.ok();
    let hidden = all["issues"].as_array().unwrap().iter().find(|issue| issue["project"] != project.as_str());
    let hidden = hidden.and_then(|issue| issue["key"].as_str()).unwrap().to_owned();
    let own = format!("{project}-1");
    // An entry about an issue that is hidden, and one about another.
    for issue in [&hidden, &own] {
        app.post(&format!("/v1/issues/{issue}/comments"), json!({ "body": "wombat" })).await.ok();
    }

    let get = async |path: &str| app.ask(Method::GET, path, Some(&key), None).await;
    let post = async |path: &str, body: Value| app.ask(Method::POST, path, Some(&key), Some(body)).await;
    assert_eq!(get(&format!("/v1/issues/{own}")).await.status, 200);
    for path in [
        format!("/v1/issues/{hidden}"),
        format!("/v1/issues/{hidden}/comments"),
        format!("/v1/issues/{hidden}/changelog"),
        format!("/v1/issues/{hidden}/transitions"),
        format!("/jira/site/rest/api/2/issue/{hidden}"),
        format!("/jira/site/rest/api/3/issue/{hidden}/comment"),
        format!("/jira/site/rest/api/3/issue/{hidden}/changelog"),
        format!("/jira/site/rest/api/3/issue/{hidden}/worklog"),
        format!("/jira/site/rest/api/3/issue/{hidden}/transitions"),
        format!("/issues/{hidden}"),
    ] {
        let answer = get(&path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    for path in [
        "/v1/issues?jql=ORDER%20BY%20key&limit=200",
        "/v1/issues?jql=text%20~%20wombat",
        "/v1/issues?jql=comment%20~%20wombat",
        "/v1/pulse",
        "/v1/audit?limit=200",
        "/v1/keys",
        "/jira/site/rest/api/3/search/jql?jql=created%20%3E%3D%20%221970-01-01%22&fields=*all",
        "/jira/site/rest/api/3/project/search",
        "/jira/site/rest/api/2/search?jql=&maxResults=100&fields=*all",
        "/issues?jql=",
        "/",
        "/audit",
        "/instances",
    ] {
        let answer = get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(foreign(&answer.text, &project, &others).is_empty(), "{path}: {}", answer.text);
    }
    let found = get("/v1/issues?jql=text%20~%20wombat").await.ok();
    assert_eq!(found["issues"].as_array().unwrap().len(), 1, "{found}");

    for (path, body) in [
        (format!("/v1/issues/{hidden}/comments"), json!({ "body": "x" })),
        (format!("/v1/issues/{hidden}/transitions"), json!({ "transition": "Done" })),
        (
            format!("/jira/site/rest/api/3/issue/{hidden}/comment"),
            json!({ "body": { "type": "doc", "version": 1, "content": [] } }),
        ),
    ] {
        let status = post(&path, body).await.status;
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
    assert!(post(&format!("/v1/issues/{own}/comments"), json!({ "body": "mine" })).await.status.is_success());

    let sql = post("/v1/sql", json!({ "sql": "SELECT key FROM jira.issues" })).await;
    assert_eq!((sql.status.as_u16(), sql.json["code"].as_str()), (403, Some("forbidden")), "{}", sql.text);
    assert!(sql.text.contains("limited"), "{}", sql.text);
    let webhook = json!({ "name": "w", "url": "https://x.example/", "events": ["jira:issue_updated"] });
    assert_eq!(post("/jira/site/rest/webhooks/1.0/webhook", webhook).await.status, 403);
    assert_eq!(app.ask(Method::DELETE, "/v1/instances/site", Some(&key), None).await.status, 403);

    let found = mcp_call(&app, &key, "jql_search", json!({ "jql": "ORDER BY key", "limit": 100 })).await;
    assert!(foreign(&found.to_string(), &project, &others).is_empty(), "{found}");
    for (tool, arguments) in [
        ("get_issue", json!({ "key": hidden })),
        ("get_transitions", json!({ "key": hidden })),
        ("add_comment", json!({ "key": hidden, "body": "x" })),
        ("sql_query", json!({ "sql": "SELECT key FROM jira.issues" })),
    ] {
        let refused = mcp_call(&app, &key, tool, arguments).await;
        assert_eq!(refused["isError"], true, "{tool}: {refused}");
        let code = refused["structuredContent"]["code"].as_str().unwrap();
        assert_eq!(code, if tool == "sql_query" { "forbidden" } else { "not_found" }, "{tool}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_checked_kept_shown_and_changed() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    let wrong = json!({ "name": "k", "scopes": ["read"], "policy": { "actions": ["fly"], "tools": ["saw"], "rate": 0 } });
    let refused = app.post("/v1/keys", wrong).await;
    assert_eq!(refused.status, 400);
    let fields: Vec<_> =
        refused.json["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["actions", "tools", "rate"]);
    assert!(refused.text.contains("add_comment") && refused.text.contains("jql_search"), "{}", refused.text);

    let policy = json!({ "projects": [], "actions": ["add_comment"], "tools": ["get_issue"], "rate": null });
    let body = json!({ "name": "k", "scopes": ["read", "write"], "policy": policy, "expires_at": "2099-01-01T00:00:00Z" });
    let made = app.post("/v1/keys", body).await.ok();
    assert_eq!((&made["policy"], &made["expires_at"]), (&policy, &json!("2099-01-01T00:00:00Z")));
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let send = async |path: &str, body: Value| app.ask(Method::POST, path, Some(key), Some(body)).await;
    let issue = app.get("/v1/issues?jql=ORDER%20BY%20key").await.ok()["issues"][0]["key"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(send(&format!("/v1/issues/{issue}/comments"), json!({ "body": "x" })).await.status, 201);
    let moved = send(&format!("/v1/issues/{issue}/transitions"), json!({ "transition": "31" })).await;
    assert_eq!(moved.status, 403);
    assert!(moved.text.contains("transition_issue"), "{}", moved.text);
    let refused = mcp_call(&app, key, "jql_search", json!({ "jql": "ORDER BY key" })).await;
    assert_eq!(refused["structuredContent"]["code"], "forbidden", "{refused}");
    assert_ne!(mcp_call(&app, key, "get_issue", json!({ "key": issue })).await["isError"], true);

    let path = format!("/v1/keys/{id}");
    let changed = json!({ "policy": { "actions": ["transition_issue"], "rate": 2 }, "expires_at": null });
    let changed = app.ask(Method::PATCH, &path, Some(&app.key), Some(changed)).await.ok();
    assert_eq!((&changed["policy"]["rate"], &changed["expires_at"]), (&json!(2), &Value::Null));
    let entries = app.get("/v1/audit?action=update_key").await.ok();
    let payload = &entries["entries"][0]["payload"];
    assert_eq!(payload["before"]["policy"]["actions"], json!(["add_comment"]), "{payload}");
    assert_eq!(payload["after"]["policy"]["actions"], json!(["transition_issue"]), "{payload}");

    // Two a minute, all doors together.
    assert_eq!(app.ask(Method::GET, "/v1/whoami", Some(key), None).await.status, 200);
    assert_eq!(app.ask(Method::GET, "/jira/site/rest/api/3/myself", Some(key), None).await.status, 200);
    for path in ["/v1/whoami", "/jira/site/rest/api/3/myself"] {
        let refused = app.ask(Method::GET, path, Some(key), None).await;
        assert_eq!(refused.status, 429, "{path}");
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
    }
    let refused = mcp_call(&app, key, "get_issue", json!({ "key": issue })).await;
    assert_eq!(refused["structuredContent"]["code"], "rate_limited", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_key_that_may_more_than_their_own() {
    let app = TestApp::start().await;
    let arguments = [
        "key",
        "create",
        "--tenant",
        "acme",
        "--scopes",
        "read,admin",
        "--rate",
        "50",
        "--expires-in",
        "30d",
        "--actions",
        "create_key,update_key",
        "--name",
        "junior",
    ];
    let junior = app.cli(&arguments).trim().to_owned();
    let make = async |body: Value| app.ask(Method::POST, "/v1/keys", Some(&junior), Some(body)).await;
    let stronger = make(json!({ "name": "x", "scopes": ["read", "write"] })).await;
    let fields: Vec<_> =
        stronger.json["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["scopes", "expires_at", "actions", "rate"], "{}", stronger.text);
    let within = json!({ "name": "x", "scopes": ["read"], "expires_at": app.get("/v1/keys").await.ok()["keys"][0]["expires_at"],
                         "policy": { "actions": ["create_key"], "rate": 10 } });
    let made = make(within).await.ok();
    // Nor does a change make one.
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let grown = app.ask(Method::PATCH, &path, Some(&junior), Some(json!({ "policy": { "rate": 10 } }))).await;
    assert_eq!(
        (grown.status.as_u16(), &grown.json["errors"][0]["field"]),
        (400, &json!("actions")),
        "{}",
        grown.text
    );
    assert_eq!(
        app.ask(Method::DELETE, &path, Some(&junior), None).await.status,
        403,
        "revoke_key is not among the actions"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_when_it_expires_and_the_lists_say_so() {
    let app = TestApp::start().await;
    let made = app.json(&["key", "create", "--tenant", "acme", "--scopes", "read", "--expires-in", "90d"]);
    let key = made["key"].as_str().unwrap();
    assert_eq!(app.ask(Method::GET, "/v1/whoami", Some(key), None).await.status, 200);
    let mut owner = app.database.superuser().await;
    sqlx::query("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1::uuid")
        .bind(made["id"].as_str())
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(app.ask(Method::GET, "/v1/whoami", Some(key), None).await.status, 401);
    assert!(app.cli(&["key", "list", "--tenant", "acme"]).contains("expired"));
    app.cli(&["key", "update", made["id"].as_str().unwrap(), "--expires-in", "never"]);
    assert_eq!(app.ask(Method::GET, "/v1/whoami", Some(key), None).await.status, 200);
    let past =
        app.output(&["key", "create", "--tenant", "acme", "--scopes", "read", "--expires-at", "2020-01-01"]);
    assert!(!past.status.success());
    assert!(String::from_utf8_lossy(&past.stderr).contains("future"), "{past:?}");
}

/// Revoked in one process, refused in the other at once; and by an agent's session that is under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_ends_in_every_process_and_session() {
    let app = TestApp::start().await;
    let port = free_port();
    let mut second = serve(app.command(), port, &["serve"]);
    let other = format!("http://127.0.0.1:{port}");
    crate::app::eventually(
        || async {
            client().get(format!("{other}/health/ready")).send().await.is_ok_and(|a| a.status().is_success())
        },
        |ready| *ready,
    )
    .await;
    let made = app.post("/v1/keys", json!({ "name": "agent", "scopes": ["read"] })).await.ok();
    let key = made["key"].as_str().unwrap();
    let there = async || {
        client().get(format!("{other}/v1/whoami")).bearer_auth(key).send().await.unwrap().status().as_u16()
    };
    assert_eq!(there().await, 200);

    let mut command = app.command();
    command.arg("mcp").env("FOREBAY_API_KEY", key);
    let mut agent =
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = agent.stdin.take().unwrap();
    let mut lines = BufReader::new(agent.stdout.take().unwrap()).lines();
    let mut ask = |message: Value| -> Value {
        writeln!(stdin, "{message}").unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };
    ask(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } }));
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "jql_search", "arguments": { "jql": "ORDER BY key" } } });
    assert_ne!(ask(call.clone())["result"]["isError"], true);

    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(app.ask(Method::DELETE, &path, Some(&app.key), None).await.status, 204);
    assert_eq!(there().await, 401);
    let refused = ask(call);
    assert_eq!(refused["result"]["structuredContent"]["code"], "unauthenticated", "{refused}");
    drop(stdin);
    agent.wait().unwrap();
    signal(&second, "TERM");
    second.wait().unwrap();
    assert!(std::path::Path::new(BINARY).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_authorization_headers_are_refused() {
    let app = TestApp::start().await;
    let bearer = format!("Bearer {}", app.key);
    let request = client().get(format!("{}/v1/whoami", app.url)).header("authorization", &bearer);
    assert_eq!(request.header("authorization", &bearer).send().await.unwrap().status(), 401);
}

/// The console's event stream, read until it ends or has been silent for ten seconds; answers whether it ended.
async fn ends(mut stream: reqwest::Response) -> bool {
    loop {
        match tokio::time::timeout(std::time::Duration::from_secs(10), stream.chunk()).await {
            Ok(Ok(Some(_))) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_ends_with_its_key_and_not_before() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    let mut owner = app.database.superuser().await;
    let open = async |scopes: [&str; 1]| {
        let made = app.post("/v1/keys", json!({ "name": "watcher", "scopes": scopes })).await.ok();
        let signed_in = client()
            .post(format!("{}/login", app.url))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("key={}", made["key"].as_str().unwrap()))
            .send()
            .await
            .unwrap();
        let cookie =
            signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let request = client().get(format!("{}/instances/site/events", app.url)).header("cookie", cookie);
        let mut stream = request.send().await.unwrap();
        assert_eq!(stream.status(), 200);
        let first = stream.chunk().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&first).contains("event: live"));
        (made["id"].as_str().unwrap().to_owned(), stream)
    };
    let (revoked, stream) = open(["read"]).await;
    let (_, other) = open(["read"]).await;
    let path = format!("/v1/keys/{revoked}");
    assert_eq!(app.ask(Method::DELETE, &path, Some(&app.key), None).await.status, 204);
    assert!(ends(stream).await, "a revoked key's stream goes on");

    let (expired, stream) = open(["read"]).await;
    sqlx::query("UPDATE api_keys SET expires_at = now() WHERE id = $1::uuid")
        .bind(&expired)
        .execute(&mut owner)
        .await
        .unwrap();
    assert!(ends(stream).await, "an expired key's stream goes on");

    let (narrowed, stream) = open(["read"]).await;
    let path = format!("/v1/keys/{narrowed}");
    let change = json!({ "scopes": ["sql"] });
    assert_eq!(app.ask(Method::PATCH, &path, Some(&app.key), Some(change)).await.status, 200);
    assert!(ends(stream).await, "the stream of a key that may not read any more goes on");
    assert!(!ends(other).await, "another key's stream has ended");
}
