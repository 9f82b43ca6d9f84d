//! The command line: what it prints, and how it refuses.

use serde_json::Value;

use crate::app::{BINARY, MASTER_KEY, TestApp, forebay};

/// Runs a command that must fail; answers what it said.
fn refused(app: &TestApp, arguments: &[&str]) -> String {
    let output = app.output(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_refused_with_the_remedy() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    let add = ["instance", "add", "--tenant", "acme", "--name"];
    for (arguments, said) in [
        (vec!["tenant", "create", "Not A Name"], "lower-case letters, digits and dashes"),
        (vec!["tenant", "create", "acme"], "acme"),
        (vec!["key", "create", "--tenant", "nobody", "--scopes", "read"], "tenant `nobody` does not exist"),
        (
            vec!["key", "create", "--tenant", "acme", "--scopes", "fly"],
            "choose from read, write, sql, ai, admin",
        ),
        (vec!["key", "revoke", "not-an-id"], "is no key id"),
        ([&add[..], &["x", "--kind", "fax"]].concat(), "choose from cloud, datacenter, server, sandbox"),
        ([&add[..], &["x", "--kind", "cloud"]].concat(), "url: is needed"),
        ([&add[..], &["x", "--kind", "cloud", "--token-env", "NOT_SET"]].concat(), "NOT_SET"),
        ([&add[..], &["site", "--kind", "sandbox"]].concat(), "site"),
        (vec!["instance", "test", "nowhere"], "hint: `forebay instance list` shows what there is"),
        (vec!["instance", "remove", "nowhere"], "instance `nowhere` does not exist"),
        (vec!["sync", "run", "site"], "is a sandbox"),
        (vec!["sync", "status", "nowhere"], "instance `nowhere` does not exist"),
        (vec!["sandbox", "import", "site", "/does/not/exist"], "/does/not/exist cannot be read"),
        (vec!["search", "project =", "--tenant", "acme"], "Expecting either a value, list or function"),
        (vec!["search", "universe = 1", "--tenant", "acme"], "Field 'universe' does not exist"),
        (vec!["mcp"], "FOREBAY_API_KEY is missing"),
        (vec!["sandbox", "seed", "site", "--issues", "0"], "0 is not in 1.."),
        (vec!["demo", "--issues", "many"], "invalid value 'many'"),
        (vec!["worker", "--listen", "here"], "invalid value 'here'"),
    ] {
        let told = refused(&app, &arguments);
        assert!(told.contains(said), "{arguments:?}: {told}");
        assert!(!told.contains("panicked"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_configuration_is_refused_with_the_remedy() {
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = std::process::Command::new(BINARY);
        command.env_remove("REDIS_URL").envs(variables.iter().copied()).args(arguments);
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{variables:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let somewhere = "postgres://forebay:hush-hush@127.0.0.1:1/none";
    let told = run(&[("DATABASE_URL", somewhere)], &["tenant", "list"]);
    assert!(
        told.contains("FOREBAY_MASTER_KEY is missing") && told.contains("openssl rand -hex 32"),
        "{told}"
    );
    let told = run(&[("DATABASE_URL", somewhere), ("FOREBAY_MASTER_KEY", "short")], &["tenant", "list"]);
    assert!(told.contains("FOREBAY_MASTER_KEY") && !told.contains("short"), "{told}");
    let told = run(&[("DATABASE_URL", somewhere), ("FOREBAY_MASTER_KEY", MASTER_KEY)], &["tenant", "list"]);
    assert!(told.contains("cannot be reached") && !told.contains("hush-hush"), "{told}");
    let told = run(&[("DATABASE_URL", "mysql://x"), ("FOREBAY_MASTER_KEY", MASTER_KEY)], &["tenant", "list"]);
    assert!(told.contains("DATABASE_URL is no PostgreSQL address"), "{told}");
    let told = run(&[("FOREBAY_LISTEN", "nowhere")], &["serve"]);
    assert!(told.contains("nowhere"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_told_at_once() {
    let app = TestApp::start().await;
    let port = app.url.rsplit(':').next().unwrap();
    let told = refused(&app, &["serve", "--listen", &format!("127.0.0.1:{port}")]);
    assert!(told.contains("cannot listen on") && told.contains("choose another with --listen"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn search_prints_a_table_or_one_json_document() {
    let app = TestApp::start().await;
    app.sandbox("site", 25);
    let table = app.cli(&["search", "ORDER BY created DESC", "--tenant", "acme", "--limit", "3"]);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.starts_with("KEY"), "{table}");
    let found = app.json(&[
        "search",
        "ORDER BY created DESC",
        "--tenant",
        "acme",
        "--instance",
        "site",
        "--limit",
        "3",
    ]);
    assert_eq!((found["issues"].as_array().unwrap().len(), &found["total"]), (3, &Value::from(25)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_issues() {
    let app = TestApp::start().await;
    for name in ["one", "two"] {
        app.sandbox(name, 30);
    }
    let summaries = |name: &str| {
        let found =
            app.json(&["search", "ORDER BY id", "--tenant", "acme", "--instance", name, "--limit", "100"]);
        let issues = found["issues"].as_array().unwrap().clone();
        issues.iter().map(|issue| (issue["key"].clone(), issue["summary"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(summaries("one"), summaries("two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_that_is_repeated_stores_only_what_is_missing() {
    let app = TestApp::start().await;
    app.sandbox("site", 40);
    let again = ["sandbox", "seed", "site", "--tenant", "acme", "--issues", "40", "--seed", "7"];
    let seeded = app.json(&again);
    assert_eq!(
        (&seeded["generated"], &seeded["issues"], &seeded["comments"]),
        (&40.into(), &0.into(), &0.into())
    );
    assert_eq!(seeded["changelog_items"], 0);

    // As if it had been interrupted before the last nine.
    let mut owner = app.database.superuser().await;
    let gone = sqlx::query("DELETE FROM issues WHERE jira_number > 10031").execute(&mut owner).await.unwrap();
    assert_eq!(gone.rows_affected(), 9);
    assert_eq!(app.json(&again)["issues"], 9);
    assert_eq!(app.json(&again)["issues"], 0);

    let told =
        refused(&app, &["sandbox", "seed", "site", "--tenant", "acme", "--issues", "40", "--seed", "8"]);
    assert!(told.contains("`site` was seeded with 40 issues of seed 7"), "{told}");
    assert!(told.contains("make another sandbox"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_removed_takes_every_row_with_it() {
    let app = TestApp::start().await;
    app.sandbox("site", 20);
    let asked = app
        .command()
        .args(["instance", "remove", "site"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8(asked.stderr).unwrap();
    assert!(
        !asked.status.success() && told.contains("nothing was removed") && told.contains("--yes"),
        "{told}"
    );
    assert_eq!(app.get("/v1/issues/10001").await.status, 200);
    app.cli(&["instance", "remove", "site", "--tenant", "acme", "--yes"]);
    let mut owner = app.database.superuser().await;
    for table in [
        "issues",
        "comments",
        "changelogs",
        "worklogs",
        "issue_links",
        "issue_field_values",
        "users",
        "projects",
        "statuses",
    ] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut owner).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_healthy_house_healthy() {
    let app = TestApp::start().await;
    app.sandbox("source", 3);
    app.mirror("copy", "source", "cloud");
    let findings = app.json(&["doctor"]);
    for finding in findings.as_array().unwrap() {
        assert_eq!(finding["ok"], true, "{finding}");
    }
    let checks: Vec<_> =
        findings.as_array().unwrap().iter().map(|f| f["check"].as_str().unwrap().to_owned()).collect();
    assert!(
        checks.contains(&"border".to_owned()) && checks.contains(&"instance acme/copy".to_owned()),
        "{checks:?}"
    );
    let mut command = forebay(&app.database.url());
    let output = command.env("REDIS_URL", "redis://127.0.0.1:1").args(["doctor"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("✗ redis"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_speaks_mcp_over_stdin_and_stdout() {
    use std::io::{BufRead, BufReader, Write};
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    let mut command = app.command();
    command.arg("mcp").env("FOREBAY_API_KEY", &app.key);
    let mut child =
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut send = |message: Value| writeln!(stdin, "{message}").unwrap();
    send(serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } }));
    let hello: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(hello["result"]["serverInfo"]["name"], "forebay");
    send(serde_json::json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    send(serde_json::json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "jql_search", "arguments": { "jql": "ORDER BY key" } } }));
    let found: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(found["result"]["structuredContent"]["total"], 5, "{found}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
