//! Each door answers as its own kind of client expects.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, client, eventually};

/// Calls an MCP tool over streamable HTTP; answers the call's result.
pub async fn mcp_call(app: &TestApp, key: &str, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    mcp(app, key, "tools/call", params).await["result"].clone()
}

async fn mcp(app: &TestApp, key: &str, method: &str, params: Value) -> Value {
    let answer = client()
        .post(format!("{}/mcp", app.url))
        .bearer_auth(key)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
        .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    let json = text
        .lines()
        .find_map(|line| line.strip_prefix("data: ").filter(|data| data.starts_with('{')))
        .unwrap_or(&text);
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn jiras_own_rest_answers_like_jira() {
    let app = TestApp::start().await;
    app.sandbox("site", 60);
    let info = app.get("/jira/site/rest/api/2/serverInfo").await.ok();
    assert_eq!(info["deploymentType"], "Cloud");
    assert_eq!(info["baseUrl"], format!("{}/jira/site", app.url));
    let basic = format!("Basic {}", STANDARD.encode(format!("anyone@example.com:{}", app.key)));
    let me = client()
        .get(format!("{}/jira/site/rest/api/3/myself", app.url))
        .header("authorization", basic)
        .send()
        .await
        .unwrap();
    assert_eq!(me.status(), 200);
    assert_eq!(me.headers()["content-type"], "application/json;charset=UTF-8");
    assert!(me.json::<Value>().await.unwrap()["accountId"].is_string());

    let page =
        app.get("/jira/site/rest/api/3/search/jql?jql=project%20is%20not%20EMPTY&maxResults=25").await.ok();
    assert_eq!(page["issues"].as_array().unwrap().len(), 25);
    assert!(page["nextPageToken"].is_string());
    assert!(page.get("total").is_none(), "the new search tells no total");
    let issue = page["issues"][0].as_object().unwrap();
    assert!(
        issue.contains_key("id") && !issue.contains_key("fields"),
        "only ids unless fields are asked for"
    );
    let old = app
        .get("/jira/site/rest/api/2/search?jql=project%20is%20not%20EMPTY&maxResults=10&startAt=55")
        .await
        .ok();
    assert_eq!((&old["total"], old["issues"].as_array().unwrap().len()), (&json!(60), 5));

    let unbounded = app.get("/jira/site/rest/api/3/search/jql?jql=order%20by%20key").await;
    assert_eq!(unbounded.status, 400);
    assert!(
        unbounded.json["errorMessages"][0]
            .as_str()
            .unwrap()
            .starts_with("Unbounded JQL queries are not allowed here.")
    );
    let wrong = app.get("/jira/site/rest/api/3/search/jql?jql=invalid%20query").await;
    assert!(
        wrong.json["errorMessages"][0].as_str().unwrap().contains("Expecting operator but got 'query'"),
        "{}",
        wrong.text
    );
    let missing = app.get("/jira/site/rest/api/3/issue/NOPE-1").await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.json["errorMessages"][0],
        "Issue does not exist or you do not have permission to see it."
    );
    let unserved = app.get("/jira/site/rest/api/3/workflow").await;
    assert_eq!(unserved.status, 501);
    assert!(
        unserved.json["errorMessages"][0].as_str().unwrap().contains("/rest/api/3/workflow"),
        "{}",
        unserved.text
    );
    let stranger = app.ask(Method::GET, "/jira/site/rest/api/3/myself", None, None).await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_text_is_adf_in_v3_and_wiki_markup_in_v2() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    let document = json!({ "version": 1, "type": "doc", "content": [
        { "type": "paragraph", "content": [{ "type": "text", "text": "bold", "marks": [{ "type": "strong" }] }] },
    ] });
    let made = app.post("/jira/site/rest/api/3/issue/10001/comment", json!({ "body": document })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["body"], document);
    let listed = app.get("/jira/site/rest/api/2/issue/10001/comment?orderBy=-created").await.ok();
    assert_eq!(listed["comments"][0]["body"], "*bold*");
    let refused = app.post("/jira/site/rest/api/3/issue/10001/comment", json!({ "body": "plain" })).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_errors_name_the_field_and_the_remedy() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    let problem = async |answer: crate::app::Answer| {
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.text);
        (
            answer.status.as_u16(),
            answer.json["code"].as_str().unwrap().to_owned(),
            answer.json["errors"][0]["field"].clone(),
        )
    };
    let jql = app.get("/v1/issues?jql=project%20%3D").await;
    assert_eq!(problem(jql).await, (400, "invalid_jql".into(), json!("jql")));
    let limit = app.get("/v1/issues?limit=many").await;
    assert_eq!(problem(limit).await.0, 400);
    let body = app.post("/v1/instances", json!({ "name": "Bad Name", "kind": "cloud" })).await;
    assert_eq!(problem(body).await, (400, "invalid".into(), json!("name")));
    let unknown = app.post("/v1/instances", json!({ "nmae": "x" })).await;
    assert_eq!(problem(unknown).await.0, 400);
    let taken = app.post("/v1/instances", json!({ "name": "site", "kind": "sandbox" })).await;
    assert_eq!(problem(taken).await.0, 409);
    let nowhere = app.get("/v1/nowhere").await;
    assert_eq!(problem(nowhere).await, (404, "unknown_route".into(), Value::Null));
    let nobody = app.ask(Method::GET, "/v1/issues", None, None).await;
    assert_eq!(problem(nobody).await, (401, "unauthenticated".into(), Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn search_pages_by_cursor_and_tells_the_exact_total() {
    let app = TestApp::start().await;
    app.sandbox("site", 45);
    let mut path = "/v1/issues?jql=ORDER%20BY%20priority&limit=20&total=true".to_owned();
    let mut keys = std::collections::BTreeSet::new();
    for size in [20, 20, 5] {
        let page = app.get(&path).await.ok();
        if keys.is_empty() {
            assert_eq!(page["total"], 45);
        }
        let issues = page["issues"].as_array().unwrap();
        assert_eq!(issues.len(), size);
        keys.extend(issues.iter().map(|issue| issue["key"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/issues?jql=ORDER%20BY%20priority&limit=20&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(keys.len(), 45);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_issue_is_not_sent_twice() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    let first = app.get("/v1/issues/10001").await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let again = client()
        .get(format!("{}/v1/issues/10001", app.url))
        .bearer_auth(&app.key)
        .header("if-none-match", tag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_finds_reads_and_writes_over_mcp() {
    let app = TestApp::start().await;
    app.sandbox("site", 30);
    let hello = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let initialized = mcp(&app, &app.key, "initialize", hello).await;
    assert_eq!(initialized["result"]["serverInfo"]["name"], "forebay", "{initialized}");
    let tools = mcp(&app, &app.key, "tools/list", json!({})).await;
    let names: Vec<_> = tools["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].as_str().unwrap().to_owned())
        .collect();
    for tool in ["jql_search", "get_issue", "get_transitions", "transition_issue", "add_comment", "sql_query"]
    {
        assert!(names.contains(&tool.to_owned()), "{names:?}");
    }
    let call = async |tool: &str, arguments: Value| mcp_call(&app, &app.key, tool, arguments).await;
    let found =
        call("jql_search", json!({ "jql": "statusCategory = \"To Do\" ORDER BY created", "limit": 3 })).await;
    let key = found["structuredContent"]["issues"][0]["key"]
        .as_str()
        .unwrap_or_else(|| panic!("{found}"))
        .to_owned();
    let open = call("get_transitions", json!({ "key": key })).await;
    assert!(open.to_string().contains("In Progress"), "{open}");
    let moved = call("transition_issue", json!({ "key": key, "transition": "In Progress" })).await;
    assert_ne!(moved["isError"], true, "{moved}");
    let said = call("add_comment", json!({ "key": key, "body": "Started by an **agent**" })).await;
    assert_ne!(said["isError"], true, "{said}");
    let issue = call("get_issue", json!({ "key": key, "include": ["comments"] })).await;
    assert!(issue.to_string().contains("Started by an **agent**"), "{issue}");
    let counted =
        call("sql_query", json!({ "sql": "SELECT status, count(*) FROM jira.issues GROUP BY status" })).await;
    assert!(counted.to_string().contains("In Progress"), "{counted}");
    let wrong = call("jql_search", json!({ "jql": "universe = 42" })).await;
    assert_eq!(wrong["isError"], true);
    assert!(wrong.to_string().contains("Field 'universe' does not exist"), "{wrong}");
    let nobody = app.ask(Method::POST, "/mcp", None, Some(json!({}))).await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn analysts_ask_in_sql() {
    let app = TestApp::start().await;
    app.sandbox("site", 30);
    let ask = async |sql: &str| app.post("/v1/sql", json!({ "sql": sql })).await;
    let answer =
        ask("SELECT status_category, count(*) AS n FROM jira.issues GROUP BY 1 ORDER BY 1").await.ok();
    assert_eq!(answer["columns"], json!(["status_category", "n"]));
    let sum: i64 = answer["rows"].as_array().unwrap().iter().map(|row| row[1].as_i64().unwrap()).sum();
    assert_eq!(sum, 30);
    let changes = ask("SELECT field, to_string FROM changelog WHERE field = 'status' LIMIT 3").await.ok();
    assert_eq!(changes["rows"].as_array().unwrap().len(), 3);
    let capped = app.post("/v1/sql", json!({ "sql": "SELECT key FROM issues", "max_rows": 10 })).await.ok();
    assert_eq!((capped["rows"].as_array().unwrap().len(), &capped["truncated"]), (10, &json!(true)));
    let wrong = ask("SELECT nothing FROM issues").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("nothing"), "{}", wrong.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn pulse_counts_what_jql_finds() {
    let app = TestApp::start().await;
    app.sandbox("site", 400);
    let pulse = app.get("/v1/pulse?instance=site&weeks=12").await.ok();
    let total = async |jql: &str| {
        let query: String = url::form_urlencoded::byte_serialize(jql.as_bytes()).collect();
        app.get(&format!("/v1/issues?jql={query}&total=true&limit=1")).await.ok()["total"].clone()
    };
    assert_eq!(pulse["issues"], total("").await);
    assert_eq!(pulse["wip"], total("statusCategory = \"In Progress\"").await);
    assert_eq!(pulse["trend"].as_array().unwrap().len(), 12);
    assert!(pulse["throughput"].as_u64().unwrap() > 0);
    let lead = &pulse["lead_time_days"];
    assert!(lead["p50"].as_f64().unwrap() <= lead["p85"].as_f64().unwrap());
    assert!(lead["p85"].as_f64().unwrap() <= lead["p90"].as_f64().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_tell_the_state_without_a_key() {
    let mut app = TestApp::start().await;
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(app.ask(Method::GET, path, None, None).await.status, 200, "{path}");
    }
    app.get("/v1/whoami").await.ok();
    let metrics = app.ask(Method::GET, "/metrics", None, None).await.text;
    assert!(metrics.contains("forebay_http_requests_total"), "{metrics}");
    app.sandbox("play", 3);
    let found = app.get("/v1/issues?instance=play").await.ok();
    let issue = format!("/v1/issues/{}?instance=play", found["issues"][0]["key"].as_str().unwrap());
    let count = async |name: &str| -> u64 {
        let metrics = app.ask(Method::GET, "/metrics", None, None).await.text;
        let of_issues = |line: &&str| line.starts_with(name) && line.contains("kind=\"issue\"");
        metrics
            .lines()
            .filter(of_issues)
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    };
    app.get(&issue).await.ok();
    let (hits, misses) = (count("forebay_cache_hits_total").await, count("forebay_cache_misses_total").await);
    assert!(misses > 0, "the first one is not there");
    app.get(&issue).await.ok();
    assert!(count("forebay_cache_hits_total").await > hits, "the second one is");
    assert_eq!(count("forebay_cache_misses_total").await, misses);
    assert!(app.stop(), "SIGTERM ends the process cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_started_and_watched_over_rest() {
    let app = TestApp::start().await;
    app.sandbox("source", 40);
    let body = json!({
        "name": "copy", "kind": "cloud", "url": format!("{}/jira/source", app.url), "auth": "api_token",
        "email": "me@example.com", "token": app.key,
    });
    let added = app.post("/v1/instances", body).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert!(!added.text.contains(&app.key), "a token is never shown again");
    let tested = app.post("/v1/instances/copy/test", json!({})).await.ok();
    assert_eq!(tested["webhook"], true, "{tested}");
    assert_eq!(app.post("/v1/instances/copy/sync", json!({})).await.status, 202);
    let done = eventually(
        async || app.get("/v1/instances/copy/sync").await.ok(),
        |status| status["run"]["state"] == "succeeded",
    )
    .await;
    assert_eq!(done["issues"], 40, "{done}");
}
