//! When every database connection is in use, or a statement takes too long, each door says so in its own way, at once, and is well
//! again after it.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};

use crate::{
    app::{Answer, TestApp, eventually},
    doors::mcp_call,
};

const ISSUE: &str = "/v1/issues/10001";
const JIRA_ISSUE: &str = "/jira/site/rest/api/2/issue/10001";

/// Keeps everybody from a table until it rolls back.
async fn lock(app: &TestApp, table: &'static str) -> PgConnection {
    let mut owner = app.database.superuser().await;
    owner.execute("BEGIN").await.unwrap();
    owner.execute(sqlx::AssertSqlSafe(format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))).await.unwrap();
    owner
}

/// Sends that many requests which take a connection and wait for the table; answers when all of them do.
async fn hold(
    app: &TestApp,
    owner: &mut PgConnection,
    table: &str,
    count: usize,
) -> Vec<tokio::task::JoinHandle<u16>> {
    let held = (0..count)
        .map(|_| {
            let request = crate::app::client().get(format!("{}{ISSUE}", app.url)).bearer_auth(&app.key);
            tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
        })
        .collect();
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE relation = to_regclass($1) AND NOT granted",
        )
        .bind(table)
        .fetch_one(&mut *owner)
        .await
        .unwrap();
        if waiting >= i64::try_from(count).unwrap() {
            return held;
        }
    }
}

fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.json["code"], code, "{}", answer.text);
}

fn is_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_says_that_the_applications_connections_are_in_use() {
    let app = TestApp::start_with(&[("FOREBAY_POOL_SIZE", "2"), ("FOREBAY_POOL_WAIT_SECONDS", "1")]).await;
    app.sandbox("site", 3);
    let mut owner = lock(&app, "issues").await;
    let held = hold(&app, &mut owner, "issues", 2).await;

    let rest = app.get(ISSUE).await;
    is_problem(&rest, 503, "busy");
    assert!(retry_after(&rest) >= 1);
    let jira = app.get(JIRA_ISSUE).await;
    assert_eq!(jira.status, 503);
    assert!(jira.json["errorMessages"][0].as_str().unwrap().contains("busy"), "{}", jira.text);
    assert!(retry_after(&jira) >= 1);
    let page = app.get("/issues").await;
    is_page(&page, 503);
    assert!(retry_after(&page) >= 1 && page.text.contains("Not available just now"), "{}", page.text);
    let tool = mcp_call(&app, &app.key, "get_issue", json!({ "key": "10001" })).await;
    assert_eq!(
        (&tool["isError"], &tool["structuredContent"]["code"]),
        (&json!(true), &json!("busy")),
        "{tool}"
    );
    assert!(tool["structuredContent"]["retry_after_seconds"].as_u64() >= Some(1), "{tool}");
    is_problem(&app.post("/v1/sql", json!({ "sql": "SELECT 1" })).await, 503, "busy");
    is_problem(&app.get("/health/ready").await, 503, "not_ready");

    owner.execute("ROLLBACK").await.unwrap();
    for request in held {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(app.get(ISSUE).await.status, 200);
    let metrics = app.get("/metrics").await.text;
    let counted = metrics
        .lines()
        .any(|line| line.starts_with("forebay_pool_refused_total{") && line.contains("role=\"forebay_app\""));
    assert!(counted, "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_says_that_nobody_can_be_recognised_just_now() {
    let app = TestApp::start_with(&[
        ("FOREBAY_PLATFORM_POOL_SIZE", "1"),
        ("FOREBAY_POOL_WAITING", "0"),
        ("FOREBAY_POOL_WAIT_SECONDS", "1"),
    ])
    .await;
    app.sandbox("site", 3);
    let mut owner = lock(&app, "api_keys").await;
    let held = hold(&app, &mut owner, "api_keys", 1).await;

    is_problem(&app.get(ISSUE).await, 503, "busy");
    let jira = app.get(JIRA_ISSUE).await;
    assert_eq!((jira.status.as_u16(), retry_after(&jira) >= 1), (503, true), "{}", jira.text);
    is_page(&app.get("/issues").await, 503);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let mcp = app.ask(Method::POST, "/mcp", Some(&app.key), Some(call)).await;
    is_problem(&mcp, 503, "busy");

    owner.execute("ROLLBACK").await.unwrap();
    for request in held {
        assert_eq!(request.await.unwrap(), 200);
    }
    eventually(async || app.get(ISSUE).await.status.as_u16(), |status| *status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_says_that_a_statement_took_too_long() {
    let app = TestApp::start_with(&[("FOREBAY_STATEMENT_TIMEOUT_SECONDS", "1")]).await;
    app.sandbox("site", 3);
    let mut owner = lock(&app, "issues").await;

    is_problem(&app.get(ISSUE).await, 504, "timed_out");
    let jira = app.get(JIRA_ISSUE).await;
    assert_eq!(jira.status, 504);
    assert_eq!(jira.json["errors"], json!({}));
    assert!(jira.json["errorMessages"][0].as_str().unwrap().contains("took too long"), "{}", jira.text);
    let page = app.get("/issues").await;
    is_page(&page, 504);
    let tool: Value = mcp_call(&app, &app.key, "get_issue", json!({ "key": "10001" })).await;
    assert_eq!(tool["structuredContent"]["code"], "timed_out", "{tool}");

    owner.execute("ROLLBACK").await.unwrap();
    assert_eq!(app.get(ISSUE).await.status, 200);
}

/// Not about speed: a worker that looks again and again at once does so thousands of times.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_jobs_rests() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    let mut owner = app.database.superuser().await;
    let looks =
        "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = '_private_jobs'";
    let mut looks = async || sqlx::query_scalar::<_, i64>(looks).fetch_one(&mut owner).await.unwrap();
    let before = looks().await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let looked = looks().await - before;
    assert!((1..400).contains(&looked), "it looked {looked} times in four seconds");
}
