//! What webhooks lead to: many are read at once, nobody starves because of another site's, and none takes out what a person should be
//! asked about.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{
    app::{TestApp, client, eventually, free_port, serve},
    census_faults::mirrored,
};

async fn number(owner: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(owner).await.unwrap()
}

/// Has the mirror's issues of these numbers spoken of, as deliveries do.
async fn speak_of(owner: &mut PgConnection, mirror: &str, issues: &str) {
    let told = format!(
        "WITH copy AS (SELECT tenant_id, id FROM jira_instances WHERE name = '{mirror}'),
         told AS (
             INSERT INTO issue_hints (tenant_id, instance_id, jira_id, due_at, noted_at)
             SELECT tenant_id, id, n::text, now(), clock_timestamp() FROM copy, ({issues}) AS i (n)
             ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET noted_at = excluded.noted_at)
         SELECT forebay.ring_job('process_hint', json_build_object('tenant', tenant_id, 'instance', id), 'hint:' || id, 5, 10)
         FROM copy"
    );
    sqlx::query(AssertSqlSafe(told)).execute(owner).await.unwrap();
}

const OF_COPY: &str = "instance_id = (SELECT id FROM jira_instances WHERE name = 'copy')";

fn all_of_copy() -> String {
    format!("SELECT jira_id FROM issues WHERE {OF_COPY}")
}

async fn open_hints(owner: &mut PgConnection, mirror: &str) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM issue_hints WHERE instance_id = (SELECT id FROM jira_instances WHERE name = '{mirror}')"
    );
    number(owner, &sql).await
}

/// Waits for as long as a busy machine may take.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(120), "never: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn until_read(app: &TestApp) {
    let mut owner = app.database.superuser().await;
    until("all hints are read", async || open_hints(&mut owner, "copy").await == 0).await;
}

/// So that nothing is asked of the site but what hints ask.
async fn without_polls(app: &TestApp) {
    let path = "/v1/instances/copy/sync/pause";
    let paused = app.ask(Method::POST, path, Some(&app.key), None).await;
    assert_eq!(paused.status, 204, "{}", paused.text);
}

/// Paths that a site was asked for.
type Paths = Arc<Mutex<Vec<String>>>;

fn taken(paths: &Paths) -> Vec<String> {
    std::mem::take(&mut *paths.lock().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_read_a_hundred_issues_at_a_time() {
    let (app, site) = mirrored(250).await;
    without_polls(&app).await;
    let paths = Paths::default();
    let asked = paths.clone();
    site.lie(move |path, _, _| asked.lock().unwrap().push(path.to_owned()));
    let mut owner = app.database.superuser().await;
    let renamed =
        "UPDATE issues SET summary = 'Told', raw_jsonb = jsonb_set(raw_jsonb, '{fields,summary}', '\"Told\"')
                   WHERE instance_id = (SELECT id FROM jira_instances WHERE name = 'source')";
    sqlx::query(renamed).execute(&mut owner).await.unwrap();
    for _ in 0..3 {
        speak_of(&mut owner, "copy", &all_of_copy()).await;
    }
    until_read(&app).await;
    let told = format!("SELECT count(*) FROM issues WHERE {OF_COPY} AND summary = 'Told'");
    assert_eq!(number(&mut owner, &told).await, 250);
    let asked = taken(&paths);
    // Who we are takes two requests, a hundred issues one and their histories another; what was said while they were read, again.
    assert!(asked.len() <= 2 + 3 * 2 * 3, "{asked:?}");
    assert!(asked.iter().all(|path| !path.contains("/issue/1")), "none is asked for by itself: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_asked_once_who_we_are_and_another_account_is_not_believed() {
    let (app, site) = mirrored(10).await;
    without_polls(&app).await;
    let paths = Paths::default();
    let asked = paths.clone();
    site.lie(move |path, _, answer| {
        asked.lock().unwrap().push(path.to_owned());
        match path {
            path if path.ends_with("/myself") => answer.body["accountId"] = "somebody-else".into(),
            path if path.contains("/issue/1") => answer.status = 404,
            _ => {}
        }
    });
    let mut owner = app.database.superuser().await;
    speak_of(&mut owner, "copy", "VALUES (10003)").await;
    let refused =
        "SELECT count(*) FROM job_runs WHERE task LIKE 'process_hint%' AND error LIKE '%somebody-else%'";
    until("the account is refused", async || number(&mut owner, refused).await > 0).await;
    assert!(taken(&paths).iter().all(|path| !path.contains("/issue/")), "nothing is read as somebody else");
    let gone = format!("SELECT count(*) FROM issues WHERE {OF_COPY} AND presence <> 'present'");
    assert_eq!(number(&mut owner, &gone).await, 0);
    assert_eq!(open_hints(&mut owner, "copy").await, 1, "the hint waits");

    let asked = paths.clone();
    site.lie(move |path, _, _| asked.lock().unwrap().push(path.to_owned()));
    until_read(&app).await;
    assert!(taken(&paths).iter().any(|path| path.ends_with("/myself")));
    speak_of(&mut owner, "copy", "VALUES (10003)").await;
    until_read(&app).await;
    let again = taken(&paths);
    assert!(again.len() == 1 && again[0].contains("/issue/10003"), "{again:?}");
}

/// Nobody sees the issues of a project any more.
fn hide(path: &str, project: &str, answer: &mut crate::census_faults::Answer) {
    let is_hidden = |issue: &Value| issue["key"].as_str().is_some_and(|key| key.starts_with(project));
    if let Some(issues) = answer.body["issues"].as_array_mut() {
        issues.retain(|issue| !is_hidden(issue));
    }
    if path.contains("/issue/1") && is_hidden(&answer.body) {
        answer.status = 404;
        answer.body = json!({ "errorMessages": ["Issue does not exist"], "errors": {} });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_take_out_a_few_issues_and_a_census_asks_about_many() {
    let (app, site) = mirrored(200).await;
    site.lie(|path, _, answer| hide(path, "PAY-", answer));
    let mut owner = app.database.superuser().await;
    let of_project =
        format!("SELECT jira_id FROM issues WHERE {OF_COPY} AND key LIKE 'PAY-%' AND presence = 'present'");
    let count = format!("SELECT count(*) FROM ({of_project}) x");
    let all = number(&mut owner, &count).await;
    assert!(all > 40, "{all}");
    speak_of(&mut owner, "copy", &format!("{of_project} ORDER BY jira_id LIMIT 5")).await;
    until_read(&app).await;
    let lost = format!("SELECT count(*) FROM issues WHERE {OF_COPY} AND presence = 'access_lost'");
    assert_eq!(number(&mut owner, &lost).await, 5, "a few are believed to be lost");

    // Whatever comes one by one is counted together.
    for _ in 0..20 {
        speak_of(&mut owner, "copy", &format!("{of_project} ORDER BY jira_id LIMIT 1")).await;
        until_read(&app).await;
    }
    let left = number(&mut owner, &count).await;
    assert_eq!(left, all - 20, "then the brake holds");
    let census = || async { app.get("/v1/instances/copy/census").await.json["census"]["state"].clone() };
    eventually(census, |state| state == "held").await;
    // While somebody is asked, and after he has said no, not one more goes.
    speak_of(&mut owner, "copy", &of_project).await;
    until_read(&app).await;
    assert_eq!(number(&mut owner, &count).await, left);
    app.post("/v1/instances/copy/census/decision", json!({ "decision": "reject" })).await.ok();
    speak_of(&mut owner, "copy", &of_project).await;
    until_read(&app).await;
    assert_eq!(number(&mut owner, &count).await, left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_and_slow_site_keeps_nobody_else_waiting() {
    let small = [("FOREBAY_WORKER_CONCURRENCY", "2")];
    let app = TestApp::start_with(&small).await;
    for (site, copy) in [("busy", "copy-of-busy"), ("quiet", "copy-of-quiet")] {
        app.sandbox(site, 20);
        app.mirror(copy, site, "cloud");
        app.json(&["sync", "run", copy, "--tenant", "acme", "--wait"]);
    }
    app.cli(&["sandbox", "faults", "busy", "--tenant", "acme", "--seed", "1", "--fault", "latency ms=4000"]);
    let mut owner = app.database.superuser().await;
    speak_of(&mut owner, "copy-of-busy", "SELECT generate_series(10001, 12000)").await;
    let asked = "SELECT count(*) FROM graphile_worker._private_jobs WHERE key LIKE 'hint:%' AND locked_at IS NOT NULL";
    until("the busy site is asked", async || number(&mut owner, asked).await == 1).await;

    let polls = "SELECT count(*) FROM sync_runs r JOIN jira_instances n ON n.id = r.instance_id
                 WHERE n.name = 'copy-of-quiet' AND r.kind = 'poll' AND r.state = 'succeeded'";
    let before = number(&mut owner, polls).await;
    let told = json!({ "fields": { "summary": "Told in time" } });
    let changed =
        app.ask(Method::PUT, "/jira/quiet/rest/api/3/issue/PAY-1", Some(&app.key), Some(told)).await;
    assert!(changed.status.is_success(), "{}", changed.text);
    let poll = client().post(format!("{}/v1/instances/copy-of-quiet/sync", app.url)).bearer_auth(&app.key);
    assert_eq!(poll.send().await.unwrap().status(), 202);
    until("the quiet site's webhook arrives", async || {
        let issue = app.get("/jira/copy-of-quiet/rest/api/3/issue/PAY-1").await.ok();
        issue["fields"]["summary"] == "Told in time"
    })
    .await;
    until("the quiet site is polled", async || number(&mut owner, polls).await > before).await;
    assert!(open_hints(&mut owner, "copy-of-busy").await > 0, "the busy site is still busy");
    assert!(number(&mut owner, asked).await <= 2, "one job of each site");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_cannot_be_read_is_kept_aside_and_its_delivery_is_settled() {
    let (app, site) = mirrored(10).await;
    site.lie(|path, _, answer| {
        if path.ends_with("/issue/bulkfetch") {
            for issue in answer.body["issues"].as_array_mut().unwrap() {
                if issue["id"] == "10003" {
                    issue["fields"].as_object_mut().unwrap().remove("summary");
                }
            }
        }
    });
    let mut owner = app.database.superuser().await;
    let delivery =
        "INSERT INTO webhook_inbox (tenant_id, id, instance_id, delivery_id, event, issue_jira_id, body)
                    SELECT tenant_id, gen_random_uuid(), id, 'd', 'jira:issue_updated', '10003', '{}'
                    FROM jira_instances WHERE name = 'copy'";
    sqlx::query(delivery).execute(&mut owner).await.unwrap();
    speak_of(&mut owner, "copy", "VALUES (10003), (10004)").await;
    until_read(&app).await;
    let list = app.get("/v1/instances/copy/rejects").await.ok();
    assert_eq!(list["rejects"][0]["jira_id"], "10003", "{list}");
    assert_eq!(number(&mut owner, "SELECT count(*) FROM webhook_inbox WHERE state = 'received'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_with_a_wrong_signature_is_refused_at_the_mirrors_door() {
    let app = TestApp::start_without_worker().await;
    app.sandbox("source", 5);
    app.mirror("copy", "source", "cloud");
    let mut owner = app.database.superuser().await;
    let id: String = sqlx::query_scalar("SELECT id::text FROM jira_instances WHERE name = 'copy'")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let wrong = format!("sha256={}", "0".repeat(64));
    for signature in [Some(wrong.as_str()), Some("sha256=x"), Some(""), None] {
        let body = json!({ "webhookEvent": "jira:issue_deleted", "issue": { "id": "10001" } });
        let mut delivery = client().post(format!("{}/webhooks/jira/{id}", app.url)).json(&body);
        if let Some(signature) = signature {
            delivery = delivery.header("X-Hub-Signature", signature);
        }
        assert_eq!(delivery.send().await.unwrap().status(), 401, "{signature:?}");
    }
    let kept = "SELECT (SELECT count(*) FROM webhook_inbox) + (SELECT count(*) FROM issue_hints)";
    assert_eq!(number(&mut owner, kept).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_the_answer_and_the_end_of_the_job_loses_nothing() {
    let app = TestApp::start_without_worker().await;
    app.sandbox("source", 10);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app.cli(&[
        "sandbox",
        "faults",
        "source",
        "--tenant",
        "acme",
        "--seed",
        "1",
        "--fault",
        "latency ms=8000",
    ]);
    let mut owner = app.database.superuser().await;
    speak_of(&mut owner, "copy", "VALUES (10003)").await;
    let mut first = serve(app.command(), free_port(), &["worker"]);
    let running = "SELECT count(*) FROM graphile_worker._private_jobs WHERE key LIKE 'hint:%' AND locked_at IS NOT NULL";
    until("the issue is being read", async || number(&mut owner, running).await == 1).await;
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!((open_hints(&mut owner, "copy").await, number(&mut owner, running).await), (1, 1));

    // Nobody has heard of that worker for a while, and somebody speaks of another issue.
    let later =
        "UPDATE graphile_worker._private_workers SET last_heartbeat_at = now() - interval '26 seconds'";
    sqlx::query(later).execute(&mut owner).await.unwrap();
    app.cli(&["sandbox", "faults", "source", "--tenant", "acme", "--clear"]);
    speak_of(&mut owner, "copy", "VALUES (10004)").await;
    let mut second = serve(app.command(), free_port(), &["worker"]);
    until_read(&app).await;
    second.kill().unwrap();
    second.wait().unwrap();
}
