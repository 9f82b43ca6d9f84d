//! What a new user stumbles over: sites that cannot be read, steps that are for good, commands beside a server.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, TestDatabase, client, eventually, forebay, free_port},
    browser::Browser,
};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command with nobody at the terminal.
fn unattended(app: &TestApp, arguments: &[&str]) -> Output {
    app.command().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A mirror of a site where nobody listens, after an attempt to sync it.
async fn app_with_a_dead_site() -> TestApp {
    let app = TestApp::start().await;
    let url = format!("http://127.0.0.1:{}", free_port());
    let mut add = app.command();
    add.args(["instance", "add", "--tenant", "acme", "--name", "dead", "--kind", "cloud", "--url", &url]);
    add.args(["--email", "me@x.org", "--token-env", "TEST_TOKEN"]).env("TEST_TOKEN", "hush-hush");
    let added = add.output().unwrap();
    assert!(added.status.success(), "{}", said(&added));
    assert!(said(&added).contains("`forebay instance test dead --tenant acme`"), "{}", said(&added));
    assert!(!app.output(&["sync", "run", "dead", "--tenant", "acme"]).status.success());
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_cannot_be_read_is_shown_as_failing_at_every_door() {
    let app = app_with_a_dead_site().await;
    let output = app.output(&["sync", "status", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let statuses: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&statuses[0]["tenant"], &statuses[0]["instance"]), (&json!("acme"), &json!("dead")));
    let failing = &statuses[0]["failing"];
    assert!(failing["failing_since"].is_string() && failing["next_try"].is_string(), "{failing}");
    let told = app.output(&["sync", "status", "dead"]);
    assert_eq!(told.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&told.stdout).contains("failing"), "{told:?}");
    assert!(said(&told).contains("acme/dead fails since"), "{}", said(&told));

    let one = app.get("/v1/instances/dead/sync").await.ok();
    let all = app.get("/v1/sync").await.ok();
    for status in [&one, &all["syncs"][0]] {
        assert_eq!(status["failing"]["since"], failing["failing_since"], "{status}");
        assert!(!status["failing"]["last_error"].as_str().unwrap().contains("hush"), "{status}");
    }

    let browser = Browser::open(390, 844).await;
    browser.go(&format!("{}/login", app.url)).await;
    browser.fill("input[name=key]", &app.key).await;
    browser.click("form button[type=submit]").await;
    browser.wait_for("may be old: its site cannot be read").await;
    browser.wait_for("acme").await;
    browser.go(&format!("{}/instances", app.url)).await;
    browser.wait_for("Failing").await;
    browser.go(&format!("{}/instances/dead", app.url)).await;
    browser.wait_for("Next try by").await;
    assert_eq!(browser.overflow().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_gone_for_good_without_somebody_who_says_so() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    for arguments in [
        vec!["instance", "remove", "site"],
        vec!["tenant", "remove", "acme"],
        vec!["tenant", "erase-user", "somebody", "--tenant", "acme"],
        vec!["migrate", "down", "3"],
    ] {
        let refused = unattended(&app, &arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(
            said(&refused).contains("nothing was removed") && said(&refused).contains("--yes"),
            "{arguments:?}"
        );
    }
    assert_eq!(app.get("/health/ready").await.status, StatusCode::OK);
    assert_eq!(app.get("/v1/issues/10001").await.status, StatusCode::OK);

    let mistyped =
        unattended(&app, &["tenant", "erase-user", "nobody", "--tenant", "acme", "--yes", "--json"]);
    assert_eq!(mistyped.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&mistyped.stdout).unwrap();
    assert_eq!(error["error"]["code"], "invalid", "{error}");
    let dry = app.json(&["tenant", "erase-user", "nobody", "--tenant", "acme", "--dry-run"]);
    assert_eq!((&dry[0]["rows"], &dry[0]["erased_before"]), (&json!({}), &json!(false)));
    let usage = app.output(&["tenant", "erase-user", "--json"]);
    assert_eq!(usage.status.code(), Some(2));
    assert_eq!(serde_json::from_slice::<Value>(&usage.stdout).unwrap()["error"]["code"], "usage");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_schema_was_taken_back_is_not_ready() {
    let app = TestApp::start().await;
    app.cli(&["migrate", "down", "--yes"]);
    let ready =
        eventually(async || app.get("/health/ready").await.status, |status| *status != StatusCode::OK).await;
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);
    app.cli(&["migrate", "up"]);
    eventually(async || app.get("/health/ready").await.status, |status| *status == StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_beside_a_server_go_by_its_address_and_networks() {
    let app = TestApp::start().await;
    let beside = |arguments: &[&str]| {
        let mut command = forebay(&app.database.url());
        command.env_remove("FOREBAY_ALLOW_PRIVATE_NETWORKS").env("TEST_TOKEN", &app.key).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let sandbox =
        beside(&["instance", "add", "--tenant", "acme", "--name", "source", "--kind", "sandbox", "--json"]);
    let place = format!("{}/jira/source", app.url);
    assert_eq!(sandbox["base_url"], place);
    let copy = ["instance", "add", "--tenant", "acme", "--name", "copy", "--kind", "cloud", "--url", &place];
    beside(&[&copy[..], &["--email", "me@x.org", "--token-env", "TEST_TOKEN", "--json"]].concat());
    assert_eq!(beside(&["instance", "test", "copy", "--json"])["webhook"], true);
    let hooks = app.get("/jira/source/rest/webhooks/1.0/webhook").await.ok();
    assert!(hooks[0]["url"].as_str().unwrap().starts_with(&app.url), "{hooks}");
    let findings = beside(&["doctor", "--json"]);
    assert!(findings[0]["detail"].as_str().unwrap().contains(&app.url), "{findings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sandboxes_follow_the_server_and_no_webhook_goes_to_a_guess() {
    let mut app = TestApp::start().await;
    app.sandbox("play", 0);
    assert!(app.stop());
    let port = free_port();
    let mut command = forebay(&app.database.url());
    command.env("FOREBAY_LISTEN", format!("127.0.0.1:{port}"));
    let mut server = crate::app::serve(command, port, &["serve"]);
    let moved = format!("http://127.0.0.1:{port}/jira/play");
    let list = || {
        let output = forebay(&app.database.url()).args(["instance", "list", "--json"]).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()[0]["base_url"].clone()
    };
    eventually(async || list(), |address| *address == moved).await;
    crate::app::signal(&server, "TERM");
    server.wait().unwrap();

    // Before the first server nobody knows where webhooks should go.
    let fresh = TestDatabase::migrated().await;
    let run = |arguments: &[&str]| {
        let mut command = forebay(&fresh.url());
        let output = command.env("TEST_TOKEN", "t").args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert!(run(&["tenant", "create", "acme"]).0);
    let (_, findings) = run(&["doctor", "--json"]);
    assert!(findings.contains("no server has started here yet"), "{findings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_tells_what_it_rejected_by_its_exit_code_and_in_order() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    let mut recorded = Vec::new();
    for id in 10_001..10_004 {
        let path = format!("/jira/site/rest/api/3/issue/{id}?expand=changelog");
        recorded.push(app.get(&path).await.ok().to_string());
    }
    app.sandbox("copy", 0);
    let lines = [&recorded[0], r#"{"id": "7"}"#, "{not json", &recorded[1]].map(str::to_owned).join("\n");
    let import = |text: &str| {
        let mut command = app.command();
        command.args(["sandbox", "import", "copy", "-", "--tenant", "acme", "--json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let (code, outcome) = import(&lines);
    assert_eq!(
        (code, &outcome["issues"], &outcome["already_there"]),
        (Some(3), &json!(2), &json!(0)),
        "{outcome}"
    );
    let rejected: Vec<_> = outcome["rejected"].as_array().unwrap().iter().map(|line| &line["line"]).collect();
    assert_eq!(rejected, [2, 3]);
    let (code, again) = import(&recorded.join("\n"));
    assert_eq!((code, &again["issues"], &again["already_there"]), (Some(0), &json!(1), &json!(2)), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_opens_the_issues_it_counts() {
    let app = TestApp::start().await;
    app.sandbox("site", 400);
    let pulse = app.get("/v1/pulse?weeks=52").await.ok();
    assert!(
        pulse["cycle_time_days"]["p50"].as_f64().unwrap() <= pulse["lead_time_days"]["p50"].as_f64().unwrap()
    );
    let page = app.get("/?weeks=52").await.text;
    let links: Vec<String> = page
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"))
        .filter(|address| address.starts_with("/issues?jql="))
        .collect();
    let count = async |mark: &str| {
        let address = links
            .iter()
            .find(|address| address.contains(mark))
            .unwrap_or_else(|| panic!("{mark}: {links:?}"));
        let found =
            app.get(&format!("{}&total=true&limit=1", address.replacen("/issues", "/v1/issues", 1))).await;
        found.ok()["total"].as_u64().unwrap()
    };
    assert_eq!(count("CHANGED").await, pulse["stuck"].as_u64().unwrap(), "stuck");
    assert!(count("key+IN").await > 0, "reopened");
    assert_eq!(app.get("/v1/pulse?project=NOPE").await.status, StatusCode::NOT_FOUND);
    let wrong = app.get("/v1/audit?action=foo").await;
    assert!(wrong.status == StatusCode::BAD_REQUEST && wrong.text.contains("add_comment"), "{}", wrong.text);
    assert_eq!(app.get("/v1/whoami").await.ok()["tenant_name"], "acme");
    let entries = app.get("/v1/audit?target=cli&action=create_key").await.ok();
    assert!(entries["entries"][0]["actor"].as_str().unwrap().starts_with("cli:"), "{entries}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_tells_its_id_and_what_it_does_not_open() {
    let app = TestApp::start().await;
    let made =
        app.output(&["key", "create", "--tenant", "acme", "--scopes", "read", "--projects", "main/OPS"]);
    assert!(
        said(&made).contains("its id is ") && said(&made).contains("no instance `main`"),
        "{}",
        said(&made)
    );
    assert_eq!(String::from_utf8_lossy(&made.stdout).trim().len(), 54, "the key alone is on stdout");
    let id = app.json(&["key", "list", "--tenant", "acme"])[0]["id"].as_str().unwrap().to_owned();
    let nothing = app.output(&["key", "update", &id]);
    assert!(!nothing.status.success() && said(&nothing).contains("nothing to change was named"));
}

/// The demo's link is tested where the demo is; here that a used one opens nothing.
pub async fn link_is_used_up(link: &str) {
    let again = client().get(link).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    let said = again.text().await.unwrap();
    assert!(said.contains("was used already"), "{said}");
}
