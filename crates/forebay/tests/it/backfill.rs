//! A first copy that is killed, paused, canceled and divided still copies everything once.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::app::{TestApp, free_port, serve};

/// Enough for several ranges: none of them is to hold more than 500.
const ISSUES: u32 = 1_200;
/// A page holds so many.
const PAGE: u64 = 100;
/// Pages of one mirror that may be on their way.
const PARALLEL: u64 = 2;

/// A mirror that no worker looks at by itself, because its time is far away.
async fn mirror(app: &TestApp, kind: &str) {
    app.mirror("copy", "source", kind);
    let far = "INSERT INTO sync_schedules (tenant_id, instance_id, next_at)
               SELECT tenant_id, id, now() + '1 day' FROM jira_instances WHERE name = 'copy'
               ON CONFLICT (tenant_id, instance_id) DO UPDATE SET next_at = excluded.next_at";
    sqlx::query(far).execute(&mut app.database.superuser().await).await.unwrap();
}

/// A process that is slow enough to be met on its way.
fn slow(app: &TestApp) -> Command {
    let mut command = app.command();
    command.env("FOREBAY_JIRA_REQUESTS_PER_MINUTE", "300").env("FOREBAY_SYNC_PARALLEL", PARALLEL.to_string());
    command
}

/// A backfill in a process of its own.
fn slow_backfill(app: &TestApp) -> Child {
    let mut command = slow(app);
    command.args(["sync", "run", "copy", "--tenant", "acme"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until some pages are stored and several ranges are known.
async fn until_under_way(app: &TestApp) -> u64 {
    let status =
        until(app, |status| status["run"]["done"].as_u64().is_some_and(|done| done >= 2 * PAGE)).await;
    assert_eq!((&status["run"]["kind"], &status["run"]["state"]), (&json!("backfill"), &json!("running")));
    assert_eq!(status["run"]["total"], ISSUES, "{status}");
    status["run"]["done"].as_u64().unwrap()
}

/// Waits for the whole copy.
async fn until_succeeded(app: &TestApp) -> Value {
    until(app, |status| status["run"]["state"] == "succeeded").await["run"].clone()
}

/// Waits for how the sync stands: copying so much takes a busy machine its time.
async fn until(app: &TestApp, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let status = app.get("/v1/instances/copy/sync").await.ok();
        if wanted(&status) {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{status}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&mut app.database.superuser().await).await.unwrap()
}

async fn same_as_source(app: &TestApp) {
    const DIFFERING: &str = "
        WITH one AS (SELECT i.*, n.name FROM issues i JOIN jira_instances n ON n.id = i.instance_id)
        SELECT count(*) FROM (SELECT * FROM one WHERE name = 'source') s
        FULL JOIN (SELECT * FROM one WHERE name = 'copy') c USING (jira_id)
        WHERE s.key IS DISTINCT FROM c.key OR s.summary IS DISTINCT FROM c.summary
           OR s.updated_at IS DISTINCT FROM c.updated_at OR s.presence IS DISTINCT FROM c.presence";
    assert_eq!(count(app, DIFFERING).await, 0);
    const CHILDREN: &str = "
        SELECT count(*) FROM (
            SELECT n.name, count(*) AS rows FROM changelogs c JOIN issues i ON i.id = c.issue_id
            JOIN jira_instances n ON n.id = i.instance_id GROUP BY n.name) x";
    assert_eq!(count(app, CHILDREN).await, 2);
    const UNEQUAL: &str = "
        SELECT count(DISTINCT rows) FROM (
            SELECT n.name, count(*) AS rows FROM changelogs c JOIN issues i ON i.id = c.issue_id
            JOIN jira_instances n ON n.id = i.instance_id GROUP BY n.name) x";
    assert_eq!(count(app, UNEQUAL).await, 1, "as many items of histories here as there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_that_is_killed_goes_on_and_repeats_no_more_than_the_pages_in_flight() {
    let app = TestApp::start().await;
    app.sandbox("source", ISSUES);
    for kind in ["cloud", "datacenter"] {
        mirror(&app, kind).await;
        let mut process = slow_backfill(&app);
        let done = until_under_way(&app).await;
        assert!(count(&app, "SELECT count(*) FROM sync_ranges").await > 1, "several ranges");
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(done < u64::from(ISSUES), "it was on its way");
        // As if the lease of the dead process had ended.
        sqlx::query("UPDATE sync_runs SET lease_until = now() WHERE state = 'running'")
            .execute(&mut app.database.superuser().await)
            .await
            .unwrap();
        let run = app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
        let read = run["issues"].as_u64().unwrap();
        // Data Center shows the issues of a page's last minute again on the next one.
        let twice = PARALLEL * PAGE + if kind == "cloud" { 0 } else { PAGE };
        assert!((u64::from(ISSUES)..=u64::from(ISSUES) + twice).contains(&read), "{kind}: {run}");
        assert_eq!(count(&app, "SELECT count(*) FROM sync_runs WHERE kind = 'backfill'").await, 1);
        assert_eq!(count(&app, "SELECT count(*) FROM sync_ranges").await, 0);
        same_as_source(&app).await;
        app.cli(&["instance", "remove", "copy", "--tenant", "acme", "--yes"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_in_a_backfill_is_followed_by_one_that_goes_on_where_it_was() {
    let app = TestApp::start_without_worker().await;
    app.sandbox("source", ISSUES);
    mirror(&app, "cloud").await;
    assert_eq!(app.post("/v1/instances/copy/sync", Value::Null).await.status, 202);
    let mut killed = serve(slow(&app), free_port(), &["worker"]);
    until_under_way(&app).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let done = count(&app, "SELECT done FROM sync_runs").await;
    assert!(done < i64::from(ISSUES), "it was on its way");
    // As if two minutes had gone by, in which nobody heard of the dead worker.
    let mut database = app.database.superuser().await;
    for later in [
        "UPDATE sync_runs SET lease_until = now()",
        "UPDATE graphile_worker._private_workers SET last_heartbeat_at = now() - interval '2 minutes'",
    ] {
        sqlx::query(later).execute(&mut database).await.unwrap();
    }

    let mut next = serve(app.command(), free_port(), &["worker"]);
    let run = until_succeeded(&app).await;
    next.kill().unwrap();
    next.wait().unwrap();
    let read = run["issues"].as_u64().unwrap();
    assert!((u64::from(ISSUES)..=u64::from(ISSUES) + PARALLEL * PAGE).contains(&read), "{run}");
    assert_eq!(
        count(&app, "SELECT count(*) FROM sync_runs WHERE kind = 'backfill'").await,
        1,
        "the same run"
    );
    same_as_source(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_that_is_canceled_between_two_ranges_is_not_taken_for_a_whole_copy() {
    // Right behind the first range that is taken away, in the moment in which nothing is in flight.
    const CANCEL: &str = "
        CREATE FUNCTION cancel_run() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE public.sync_runs SET state = 'canceled', finished_at = now() WHERE state = 'running';
            DELETE FROM public.sync_ranges;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER cancel_run AFTER DELETE ON sync_ranges DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION cancel_run()";
    let app = TestApp::start().await;
    app.sandbox("source", ISSUES);
    mirror(&app, "cloud").await;
    let mut database = app.database.superuser().await;
    database.execute(sqlx::raw_sql(CANCEL)).await.unwrap();
    let ended = app.output(&["sync", "run", "copy", "--tenant", "acme"]);
    assert!(!ended.status.success());
    let status = app.get("/v1/instances/copy/sync").await.ok();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(status["run"]["state"], "canceled", "{told}");
    assert_eq!(status["watermark"], Value::Null, "{status}");

    database.execute(sqlx::raw_sql("DROP TRIGGER cancel_run ON sync_ranges")).await.unwrap();
    let run = app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert_eq!(run["issues"], ISSUES, "a backfill once more: {run}");
    same_as_source(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_paused_resumed_and_canceled_by_those_who_may() {
    let app = TestApp::start().await;
    app.sandbox("source", ISSUES);
    mirror(&app, "cloud").await;
    let reader = app.key_for("acme", "read");
    let act = async |what: &str, key: &str| {
        app.ask(Method::POST, &format!("/v1/instances/copy/sync/{what}"), Some(key), None)
            .await
            .status
            .as_u16()
    };
    assert_eq!(act("cancel", &app.key).await, 409, "nothing is under way");
    assert_eq!(act("resume", &app.key).await, 409, "nothing is paused");
    for what in ["pause", "resume", "cancel"] {
        assert_eq!(act(what, &reader).await, 403, "{what}");
    }
    let mut process = slow_backfill(&app);
    until_under_way(&app).await;
    assert_eq!(act("pause", &app.key).await, 204);
    assert!(!process.wait().unwrap().success(), "it was told to stop");
    let paused = app.get("/v1/instances/copy/sync").await.ok();
    assert!(paused["paused_at"].is_string() && paused["run"]["state"] == "running", "{paused}");
    assert_eq!(app.post("/v1/instances/copy/sync", Value::Null).await.status, 409);
    assert!(!app.output(&["sync", "run", "copy", "--tenant", "acme"]).status.success());

    // Canceled, it keeps what it has and begins anew only when somebody wants that.
    let stored = count(
        &app,
        "SELECT count(*) FROM issues i JOIN jira_instances n ON n.id = i.instance_id AND n.name = 'copy'",
    )
    .await;
    assert!(stored > 0);
    assert_eq!(act("cancel", &app.key).await, 204);
    assert_eq!(count(&app, "SELECT count(*) FROM sync_ranges").await, 0);
    assert_eq!(app.get("/v1/instances/copy/sync").await.ok()["run"]["state"], "canceled");
    assert_eq!(act("resume", &app.key).await, 202);
    // The worker of the served process takes it from here.
    assert_eq!(until_succeeded(&app).await["kind"], "backfill");
    same_as_source(&app).await;
    let audit = app.get("/v1/audit?limit=50").await.ok();
    for action in ["pause_sync", "cancel_sync", "resume_sync"] {
        let entries = audit["entries"].as_array().unwrap();
        assert!(
            entries.iter().any(|entry| entry["action"] == action && entry["target"] == "copy"),
            "{action}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_fails_is_tried_ever_later_with_the_reason_shown_and_at_once_on_demand() {
    let app = TestApp::start().await;
    app.sandbox("source", 5);
    mirror(&app, "cloud").await;
    let token = app.json(&["key", "list", "--tenant", "acme"])[0]["id"].as_str().unwrap().to_owned();
    let operator = app.key_for("acme", "read,admin");
    let status = async || app.ask(Method::GET, "/v1/instances/copy/sync", Some(&operator), None).await.ok();
    app.cli(&["key", "revoke", &token]);
    for failures in 1..=2 {
        assert!(!app.output(&["sync", "run", "copy", "--tenant", "acme"]).status.success());
        let shown = status().await;
        assert_eq!(shown["failures"], failures, "{shown}");
        assert!(shown["problem"].as_str().unwrap().contains("credentials"), "{shown}");
        assert!(shown["next_at"].is_string());
    }
    let wait: f64 =
        sqlx::query_scalar("SELECT extract(epoch FROM next_at - now())::float8 FROM sync_schedules")
            .fetch_one(&mut app.database.superuser().await)
            .await
            .unwrap();
    assert!(wait > 60.0, "twice the shortest distance after the second failure: {wait}");
    // The schedule sees to what comes next; nothing dies in the queue.
    let dead = app.json(&["jobs", "list", "--state", "dead"]);
    assert_eq!(dead, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_followed_as_events() {
    let app = TestApp::start().await;
    app.sandbox("source", 5);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let url = format!("{}/v1/instances/copy/sync/events", app.url);
    let mut answer = crate::app::client().get(url).bearer_auth(&app.key).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while !text.contains("\n\n") {
        text.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.starts_with("event: sync\n"), "{text}");
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let status: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&status["issues"], &status["run"]["state"]), (&json!(5), &json!("succeeded")));
    let watched = app.json(&["sync", "watch", "copy", "--tenant", "acme"]);
    assert_eq!(watched["issues"], 5);
}

/// Lets the site refuse searches for ten minutes, or serve them again as if that time were over.
async fn refuse_searches(app: &TestApp, refuse: bool) {
    let path = "/v1/sandbox/source/faults";
    let answer = if refuse {
        let quota = json!({ "rules": [{ "fault": "rate_limit", "retry_after": 600, "reason": "jira-quota-tenant-based",
                                        "on": { "endpoints": ["search"] } }] });
        app.post(path, quota).await
    } else {
        let over = "UPDATE site_limits SET pauses = '[]', per_minute = NULL, full_at = NULL";
        sqlx::query(over).execute(&mut app.database.superuser().await).await.unwrap();
        app.ask(Method::DELETE, path, Some(&app.key), None).await
    };
    assert!(answer.status.is_success(), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_wants_to_be_left_alone_is_asked_again_when_it_said_and_nothing_has_failed() {
    let app = TestApp::start().await;
    app.sandbox("source", 30);
    mirror(&app, "cloud").await;
    refuse_searches(&app, true).await;
    assert!(!app.output(&["sync", "run", "copy", "--tenant", "acme"]).status.success());
    let waiting = app.get("/v1/instances/copy/sync").await.ok();
    assert_eq!((&waiting["failures"], &waiting["run"]["state"]), (&json!(0), &json!("running")), "{waiting}");
    assert!(waiting["problem"].as_str().unwrap().contains("left alone"), "{waiting}");
    let wait: f64 =
        sqlx::query_scalar("SELECT extract(epoch FROM next_at - now())::float8 FROM sync_schedules")
            .fetch_one(&mut app.database.superuser().await)
            .await
            .unwrap();
    assert!((500.0..=601.0).contains(&wait), "{wait}");
    refuse_searches(&app, false).await;
    let run = app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert_eq!(run["issues"], 30, "{run}");
    assert_eq!(
        count(&app, "SELECT count(*) FROM sync_runs WHERE kind = 'backfill'").await,
        1,
        "the same run"
    );

    // So does a census: it concludes nothing, and goes on.
    refuse_searches(&app, true).await;
    assert!(!app.output(&["sync", "census", "copy", "--tenant", "acme"]).status.success());
    assert_eq!(app.get("/v1/instances/copy/census").await.ok()["census"]["state"], "running");
    refuse_searches(&app, false).await;
    let census = app.json(&["sync", "census", "copy", "--tenant", "acme"]);
    assert_eq!((&census["state"], &census["gone"]), (&json!("succeeded"), &json!(0)), "{census}");
    assert_eq!(count(&app, "SELECT count(*) FROM censuses").await, 1, "the same census");
}

/// Three issues are larger than any page may be, so that fewer are asked for, and they are read alone; the others come by the
/// hundred again after that.
#[tokio::test(flavor = "multi_thread")]
async fn issues_that_are_larger_than_pages_may_be_are_copied_with_little_memory() {
    let app = TestApp::start_without_worker().await;
    app.sandbox("source", 250);
    let comment = json!({ "body": "long ".repeat(6_000) });
    for issue in [10_001, 10_002, 10_120] {
        // More than Jira embeds in an issue.
        for _ in 0..24 {
            let path = format!("/jira/source/rest/api/2/issue/{issue}/comment");
            assert_eq!(app.post(&path, comment.clone()).await.status, 201);
        }
    }
    for kind in ["cloud", "datacenter"] {
        mirror(&app, kind).await;
        let mut command = app.command();
        command.env("FOREBAY_SYNC_MEMORY_MIB", "8").env("FOREBAY_JIRA_REQUESTS_PER_MINUTE", "100000");
        command.args(["sync", "run", "copy", "--tenant", "acme", "--json"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
        let run: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(run["issues"], 250, "{run}");
        assert_eq!(count(&app, "SELECT count(*) FROM sync_rejects").await, 0, "{run}");
        same_as_source(&app).await;
        const COMMENTS: &str = "
            SELECT count(DISTINCT rows) FROM (
                SELECT n.name, array_agg(c.source_hash ORDER BY c.jira_id) AS rows FROM comments c
                JOIN jira_instances n ON n.id = c.instance_id GROUP BY n.name) x";
        if kind == "cloud" {
            assert_eq!(count(&app, COMMENTS).await, 1, "the same comments here as there");
        }
        const LONG: &str = "SELECT count(*) FROM comments WHERE length(body_text) > 20000";
        assert_eq!(count(&app, LONG).await, 2 * 3 * 24, "{kind}");
        app.cli(&["instance", "remove", "copy", "--tenant", "acme", "--yes"]);
    }
}
