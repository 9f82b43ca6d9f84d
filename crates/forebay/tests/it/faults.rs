//! A faulty sandbox as a client sees it, over real HTTP.

mod data;
mod webhooks;

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, client};

const SEARCH: &str =
    "/jira/play/rest/api/3/search/jql?jql=created%20%3E%3D%20%221970-01-01%22%20ORDER%20BY%20id";

/// A sandbox `play` with so many issues.
async fn sandbox(issues: u32) -> TestApp {
    let app = TestApp::start().await;
    app.sandbox("play", issues);
    app
}

/// Sets the faults of the sandbox.
async fn serve(app: &TestApp, rules: Value) {
    let plan = json!({ "seed": 7, "rules": rules });
    let set = app.post("/v1/sandbox/play/faults", plan).await.ok();
    assert!(set["plan"].is_object(), "{set}");
}

/// How many faults of each kind the sandbox says it has injected.
async fn injected(app: &TestApp) -> Value {
    app.get("/v1/sandbox/play/faults").await.ok()["injected"].clone()
}

async fn ask(app: &TestApp, path: &str) -> Answer {
    app.get(&format!("/jira/play/rest/api/3/{path}")).await
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// The ids of all pages, followed as Jira says: until there is no token.
async fn walk(app: &TestApp, size: u32) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut token) = (Vec::new(), 0, None::<String>);
    loop {
        let behind = token.map(|token| format!("&nextPageToken={token}")).unwrap_or_default();
        let page = app.get(&format!("{SEARCH}&maxResults={size}{behind}")).await.ok();
        pages += 1;
        assert!(pages < 200, "the walk has no end");
        ids.extend(
            page["issues"].as_array().unwrap().iter().map(|issue| issue["id"].as_str().unwrap().to_owned()),
        );
        token = page["nextPageToken"].as_str().map(str::to_owned);
        if token.is_none() {
            return (ids, pages);
        }
    }
}

fn distinct(ids: &[String]) -> usize {
    ids.iter().collect::<std::collections::BTreeSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_set_read_audited_and_cleared_through_every_door() {
    let app = sandbox(3).await;
    assert_eq!(app.get("/v1/sandbox/play/faults").await.ok()["plan"], Value::Null);
    let set = json!({ "seed": 1, "rules": [{ "fault": "status", "status": 503, "times": 1 }] });
    for (method, path) in [(Method::PUT, "/v1/sandbox/play/faults"), (Method::POST, "/sandbox/play/faults")] {
        app.ask(method, path, Some(&app.key), Some(set.clone())).await.ok();
    }
    assert_eq!(ask(&app, "myself").await.status, 503);
    assert_eq!(ask(&app, "myself").await.status, 200, "once was enough");
    let report = app.get("/v1/sandbox/play/faults").await.ok();
    assert_eq!(report["plan"]["rules"][0]["body"], "html", "defaults are filled in");
    assert_eq!((&report["injected"], &report["injected_total"]), (&json!({ "status": 1 }), &json!(1)));
    let metrics = app.get("/metrics").await.text;
    assert!(metrics.contains("forebay_sandbox_faults_total{kind=\"status\"} 1"), "{metrics}");

    // Another process sets it, and this one serves it.
    let cli = ["sandbox", "faults", "play", "--tenant", "acme"];
    let options = ["--seed", "9", "--fault", "status status=502 first=1 on.endpoints=identity"];
    assert_eq!(app.json(&[&cli[..], &options].concat())["plan"]["seed"], 9);
    crate::app::eventually(|| ask(&app, "serverInfo"), |answer| answer.status == 502).await;
    let cleared = app.ask(Method::DELETE, "/v1/sandbox/play/faults", Some(&app.key), None).await.ok();
    assert_eq!((&cleared["plan"], &cleared["injected"]), (&Value::Null, &json!({ "status": 1 })));
    assert_eq!(app.json(&cli)["injected"], json!({ "status": 1 }));
    assert_eq!(ask(&app, "myself").await.status, 200);

    let entries = app.get("/v1/audit").await.ok()["entries"].clone();
    let actions: Vec<&str> =
        entries.as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).take(4).collect();
    assert_eq!(actions, ["clear_faults", "set_faults", "set_faults", "set_faults"]);
    assert_eq!(entries[1]["payload"]["before"]["seed"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_plan_is_refused_with_the_name_of_the_field() {
    let app = sandbox(0).await;
    let wrong = json!({ "seed": 1, "rules": [{ "fault": "latency", "ms": 5 }, { "fault": "status", "status": 200 }] });
    let refused = app.post("/v1/sandbox/play/faults", wrong).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json["errors"][0]["field"]),
        (400, &json!("rules[1].status"))
    );
    assert_eq!(app.get("/v1/sandbox/play/faults").await.ok()["plan"], Value::Null, "nothing half-written");
    let output = app.output(&["sandbox", "faults", "play", "--tenant", "acme", "--fault", "flood"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("rules[0].fault"), "{output:?}");

    app.mirror("copy", "play", "cloud");
    let mirror = app.post("/v1/sandbox/copy/faults", json!({ "rules": [] })).await;
    assert_eq!(mirror.status, 409, "a mirror has the faults of its site: {}", mirror.text);
    let reader = app.key_for("acme", "read");
    let plan = Some(json!({ "rules": [] }));
    assert_eq!(app.ask(Method::POST, "/v1/sandbox/play/faults", Some(&reader), plan).await.status, 403);
    assert_eq!(app.ask(Method::GET, "/v1/sandbox/play/faults", Some(&reader), None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_faults_however_requests_interleave() {
    let app = sandbox(5).await;
    let rules = json!([
        { "fault": "status", "status": 500, "probability": 0.2 },
        { "fault": "rate_limit", "probability": 0.2 },
        { "fault": "login_page", "probability": 0.2 },
        { "fault": "latency", "ms": 0, "max_ms": 20 },
    ]);
    let run = async |seed: u64, backwards: bool| {
        app.post("/v1/sandbox/play/faults", json!({ "seed": seed, "rules": rules })).await.ok();
        let mut seen: BTreeMap<u32, Vec<(u16, bool)>> = BTreeMap::new();
        for _ in 0..3 {
            let mut asked: Vec<u32> = (0..25).collect();
            if backwards {
                asked.reverse();
            }
            let app = &app;
            let answers = asked.into_iter().map(|number| async move {
                let answer = ask(app, &format!("myself?n={number}")).await;
                (number, (answer.status.as_u16(), answer.text.starts_with("<!DOCTYPE")))
            });
            for (number, answer) in join_all(answers).await {
                seen.entry(number).or_default().push(answer);
            }
        }
        (seen, injected(&app).await)
    };
    let first = run(11, false).await;
    assert_eq!(first, run(11, true).await);
    assert_ne!(first.0, run(12, false).await.0);
    for kind in ["status", "rate_limit", "login_page", "latency"] {
        assert!(first.1[kind].as_u64().unwrap() > 0, "{kind}: {}", first.1);
    }
    let by_status = |status| first.0.values().flatten().filter(|answer| answer.0 == status).count() as u64;
    assert_eq!(by_status(500), first.1["status"].as_u64().unwrap(), "what is counted is what was seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_told_as_jira_tells_them() {
    let app = sandbox(0).await;
    serve(
        &app,
        json!([{ "fault": "rate_limit", "retry_after": 3, "reason": "jira-quota-tenant-based", "times": 1 }]),
    )
    .await;
    let limited = ask(&app, "myself").await;
    assert_eq!(limited.status, 429);
    assert_eq!(header(&limited, "retry-after").unwrap(), "3");
    assert_eq!(header(&limited, "ratelimit-reason").unwrap(), "jira-quota-tenant-based");
    assert_eq!(header(&limited, "x-ratelimit-remaining").unwrap(), "0");
    let reset = header(&limited, "x-ratelimit-reset").unwrap();
    assert!(reset.len() == 17 && reset.ends_with('Z'), "to the minute: {reset}");
    serve(&app, json!([{ "fault": "rate_limit" }])).await;
    assert_eq!(header(&ask(&app, "myself").await, "retry-after"), None);
    serve(&app, json!([{ "fault": "rate_limit", "bare": true }])).await;
    let bare = ask(&app, "myself").await;
    assert_eq!((bare.text.as_str(), header(&bare, "ratelimit-reason")), ("", None));

    // An hour's window, so that the test does not depend on when it runs; but for its last second.
    serve(&app, json!([{ "fault": "budget", "requests": 5, "per_seconds": 3600 }])).await;
    let mut told = Vec::new();
    for _ in 0..6 {
        let answer = ask(&app, "myself").await;
        told.push((
            answer.status.as_u16(),
            header(&answer, "x-ratelimit-remaining").unwrap(),
            header(&answer, "x-ratelimit-nearlimit").is_some(),
        ));
    }
    let told: Vec<(u16, &str, bool)> = told.iter().map(|(s, r, n)| (*s, r.as_str(), *n)).collect();
    assert_eq!(
        told,
        [
            (200, "4", false),
            (200, "3", false),
            (200, "2", false),
            (200, "1", false),
            (200, "0", true),
            (429, "0", true)
        ]
    );
    assert_eq!(injected(&app).await, json!({ "budget": 1 }), "only what was refused went wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_replaced_emptied_and_broken() {
    let app = sandbox(3).await;
    let one = async |rule: Value| {
        serve(&app, json!([rule])).await;
        ask(&app, "myself").await
    };
    let gateway = one(json!({ "fault": "status", "status": 504 })).await;
    assert_eq!(gateway.status, 504);
    assert!(gateway.text.contains("504 Gateway Timeout"), "{}", gateway.text);
    assert!(header(&gateway, "content-type").unwrap().starts_with("text/html"));
    let json_error = one(json!({ "fault": "status", "status": 500, "body": "json", "retry_after": 9 })).await;
    assert!(json_error.json["errorMessages"].is_array());
    assert_eq!(header(&json_error, "retry-after").unwrap(), "9");
    assert_eq!(one(json!({ "fault": "status", "status": 502, "body": "empty" })).await.text, "");
    let login = one(json!({ "fault": "login_page" })).await;
    assert!(login.status == 200 && login.text.contains("login.jsp"));
    assert!(header(&login, "content-type").unwrap().starts_with("text/html"));
    let empty = one(json!({ "fault": "empty_body" })).await;
    assert_eq!((empty.status.as_u16(), empty.text.as_str()), (200, ""));
    let broken = one(json!({ "fault": "invalid_json" })).await;
    assert_eq!((broken.status.as_u16(), &broken.json), (200, &Value::Null));
    assert!(broken.text.starts_with('{') && !broken.text.ends_with('}'), "{}", broken.text);
    let expired = one(json!({ "fault": "unauthorized" })).await;
    assert_eq!(
        (expired.status.as_u16(), expired.json),
        (401, json!({ "code": 401, "message": "Unauthorized" }))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_slow_hang_and_are_cut() {
    let app = sandbox(3).await;
    let url = format!("{}/jira/play/rest/api/3/myself", app.url);
    let send = || client().get(&url).bearer_auth(&app.key).timeout(Duration::from_secs(5)).send();

    serve(&app, json!([{ "fault": "latency", "ms": 300, "times": 1 }])).await;
    let began = std::time::Instant::now();
    assert!(send().await.unwrap().status().is_success());
    assert!(began.elapsed() >= Duration::from_millis(300));

    serve(&app, json!([{ "fault": "hang" }])).await;
    let gave_up = client().get(&url).bearer_auth(&app.key).timeout(Duration::from_millis(300)).send().await;
    assert!(gave_up.unwrap_err().is_timeout());
    serve(&app, json!([{ "fault": "hang", "ms": 50 }])).await;
    let cut = send().await.unwrap_err();
    assert!(!cut.is_timeout() && cut.is_request(), "no byte of an answer: {cut:?}");

    serve(&app, json!([{ "fault": "cut_body", "share": 0.5 }])).await;
    let answer =
        client().get(&url).bearer_auth(&app.key).header("accept-encoding", "identity").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let promised = answer.content_length().unwrap();
    let mut answer = answer;
    let mut arrived = 0;
    let error = loop {
        match answer.chunk().await {
            Ok(Some(bytes)) => arrived += bytes.len() as u64,
            Ok(None) => panic!("the body is whole"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert!(arrived > 0 && arrived < promised, "{arrived} of {promised}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_may_have_happened_although_its_answer_is_lost() {
    let app = sandbox(3).await;
    let path = "/jira/play/rest/api/2/issue/10001/comment";
    let comments = async || app.get(path).await.ok()["total"].as_u64().unwrap();
    let before = comments().await;
    let on = json!({ "endpoints": ["comments"], "methods": ["POST"] });
    serve(&app, json!([{ "fault": "status", "status": 503, "on": on }])).await;
    assert_eq!(app.post(path, json!({ "body": "lost" })).await.status, 503);
    assert_eq!(comments().await, before, "refused is not done");
    serve(&app, json!([{ "fault": "status", "status": 503, "done": true, "on": on }])).await;
    assert_eq!(app.post(path, json!({ "body": "done" })).await.status, 503);
    assert_eq!(comments().await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_counts_for_nothing_sees_an_empty_site() {
    let app = sandbox(3).await;
    serve(&app, json!([{ "fault": "anonymous" }])).await;
    let found = app.get(SEARCH).await;
    assert_eq!((found.status.as_u16(), &found.json), (200, &json!({ "issues": [], "isLast": true })));
    assert_eq!(header(&found, "x-seraph-loginreason").unwrap(), "AUTHENTICATED_FAILED");
    assert_eq!(header(&found, "x-ausername").unwrap(), "anonymous");
    assert_eq!(ask(&app, "myself").await.status, 401);
    assert_eq!(ask(&app, "issue/10001").await.status, 404);
    assert_eq!(ask(&app, "project").await.json, json!([]));
    assert_eq!(ask(&app, "project/search").await.json["total"], 0);
    assert_eq!(ask(&app, "serverInfo").await.status, 200, "that is for everybody");
    let bulk = json!({ "issueIdsOrKeys": ["10001"] });
    assert_eq!(app.post("/jira/play/rest/api/3/issue/bulkfetch", bulk).await.ok()["issues"], json!([]));
    let comment = app.post("/jira/play/rest/api/2/issue/10001/comment", json!({ "body": "x" })).await;
    assert_eq!(comment.status, 401);
}
