//! Pages that fail, and changes that pages pass over: neither stops a mirror, nor makes it wrong.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::app::{TestApp, eventually};

const OF_SOURCE: &str = "instance_id = (SELECT id FROM jira_instances WHERE name = 'source')";
const OF_COPY: &str = "instance_id = (SELECT id FROM jira_instances WHERE name = 'copy')";

/// A sandbox and a mirror of it that nothing is copied to yet, and that no worker looks at.
async fn mirror(kind: &str, issues: u32) -> (TestApp, PgConnection) {
    let app = TestApp::start_without_worker().await;
    app.sandbox("source", issues);
    app.mirror("copy", "source", kind);
    let owner = app.database.superuser().await;
    (app, owner)
}

fn sync(app: &TestApp) -> Value {
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"])
}

async fn execute(owner: &mut PgConnection, sql: &str) -> u64 {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(owner).await.unwrap().rows_affected()
}

async fn number(owner: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(owner).await.unwrap()
}

async fn fail(app: &TestApp, rules: Value) {
    app.post("/v1/sandbox/source/faults", json!({ "seed": 3, "rules": rules })).await.ok();
}

/// Changes an issue of the source behind its doors: its summary, and when it says that it was updated.
async fn change(owner: &mut PgConnection, jira_id: &str, summary: &str, updated: &str) {
    let sql = format!(
        "UPDATE issues SET summary = '{summary}', updated_at = {updated}, raw_jsonb = jsonb_set(jsonb_set(raw_jsonb,
             '{{fields,updated}}', to_jsonb(to_char(({updated}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"+0000\"'))),
             '{{fields,summary}}', '\"{summary}\"')
         WHERE {OF_SOURCE} AND jira_id = '{jira_id}'"
    );
    assert_eq!(execute(owner, &sql).await, 1);
}

async fn summary(app: &TestApp, jira_id: &str) -> String {
    let issue = app.get(&format!("/v1/issues/{jira_id}?instance=copy")).await.ok();
    issue["summary"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_breaks_pages_is_read_on_its_own() {
    for (kind, how) in [("cloud", "failure"), ("datacenter", "cut")] {
        let (app, mut owner) = mirror(kind, 150).await;
        fail(&app, json!([{ "fault": "poisoned_issue", "how": how, "issues": ["10042"] }])).await;
        let run = sync(&app);
        assert_eq!(run["issues"], 150, "{kind}: {run}");
        assert!(run["requests"].as_u64().unwrap() < 100, "{kind}: {run}");
        let present = format!("SELECT count(*) FROM issues WHERE {OF_COPY} AND presence = 'present'");
        assert_eq!(number(&mut owner, &present).await, 150, "{kind}");
        assert_eq!(app.get("/v1/instances/copy/rejects").await.ok()["rejects"], json!([]), "{kind}");
        let injected = app.get("/v1/sandbox/source/faults").await.ok()["injected"]["poisoned_issue"].clone();
        assert!(injected.as_u64().unwrap() > 5, "{kind}: {injected}");
        // Its histories have come along.
        let without = format!(
            "SELECT count(*) FROM issues i WHERE {OF_COPY} AND jira_id = '10042'
             AND (SELECT count(*) FROM changelogs c WHERE c.issue_id = i.id) <> (
                 SELECT count(*) FROM changelogs c JOIN issues s ON s.id = c.issue_id
                 WHERE s.{OF_SOURCE} AND s.jira_id = '10042')"
        );
        assert_eq!(number(&mut owner, &without).await, 0, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_cannot_be_read_at_all_is_kept_aside_and_stored_when_it_can() {
    let (app, _) = mirror("cloud", 60).await;
    // The oldest and the newest are asked for first, for the times of the whole site.
    let rules = json!([{ "fault": "poisoned_issue", "alone": true, "issues": ["10001", "10060"] }]);
    fail(&app, rules).await;
    let run = sync(&app);
    assert_eq!(run["issues"], 58, "{run}");
    let list = app.get("/v1/instances/copy/rejects").await.ok()["rejects"].clone();
    let rows: Vec<(&str, &str)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["jira_id"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(rows.len(), 2, "{list}");
    assert!(
        rows.iter().all(|(id, reason)| ["10001", "10060"].contains(id) && reason.contains("500")),
        "{list}"
    );

    let id = list[0]["id"].as_str().unwrap();
    let retry = ["sync", "rejects", "retry", "copy", id, "--tenant", "acme"];
    assert_eq!(app.json(&retry)["outcome"], "unanswered");
    fail(&app, json!([])).await;
    assert_eq!(app.json(&retry)["outcome"], "stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_fails_at_every_issue_is_not_asked_for_each_of_them() {
    let (app, mut owner) = mirror("cloud", 120).await;
    fail(
        &app,
        json!([{ "fault": "status", "status": 500, "on": { "endpoints": ["issue"] } },
                      { "fault": "poisoned_issue", "share": 1.0 }]),
    )
    .await;
    assert!(!app.output(&["sync", "run", "copy", "--tenant", "acme"]).status.success());
    let requests = number(&mut owner, "SELECT requests FROM sync_runs").await;
    assert!(requests < 60, "{requests}");
    let aside = number(&mut owner, "SELECT count(*) FROM sync_rejects").await;
    assert_eq!(aside, 0, "it is the site that fails, and not they");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_of_the_future_does_not_make_polls_pass_over_the_present() {
    let (app, mut owner) = mirror("cloud", 20).await;
    change(&mut owner, "10003", "From the future", "now() + interval '400 days'").await;
    sync(&app);
    let ahead = "SELECT count(*) FROM sync_watermarks WHERE last_updated_at > now()";
    assert_eq!(number(&mut owner, ahead).await, 0);
    app.post("/jira/source/rest/api/2/issue/10005/comment", json!({ "body": "Seen?" })).await.ok();
    sync(&app);
    let page = app.get("/jira/copy/rest/api/2/issue/10005/comment").await.ok();
    assert!(page.to_string().contains("Seen?"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_that_leave_a_minute_while_it_is_read_by_offsets_take_no_others_with_them() {
    // Once the first page is stored, thirty issues of the minute are changed again.
    const CHANGE: &str = "
        CREATE FUNCTION change_thirty() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE public.issues SET updated_at = now() - interval '1 hour', raw_jsonb = jsonb_set(raw_jsonb,
                '{fields,updated}', to_jsonb(to_char((now() - interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"+0000\"')))
            WHERE instance_id = (SELECT id FROM public.jira_instances WHERE name = 'source')
              AND jira_number BETWEEN 10001 AND 10030;
            RETURN NULL;
        END $$;
        CREATE TRIGGER change_thirty AFTER UPDATE ON sync_runs
            FOR EACH ROW WHEN (OLD.done = 0 AND NEW.done > 0) EXECUTE FUNCTION change_thirty()";
    let (app, mut owner) = mirror("datacenter", 330).await;
    sync(&app);
    let minute = "date_trunc('minute', now() - interval '2 hours')";
    let one_minute = format!(
        "UPDATE issues SET summary = 'Moved', updated_at = {minute}, raw_jsonb = jsonb_set(jsonb_set(raw_jsonb, '{{fields,updated}}',
             to_jsonb(to_char(({minute}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"+0000\"'))),
             '{{fields,summary}}', '\"Moved\"') WHERE {OF_SOURCE}"
    );
    assert_eq!(execute(&mut owner, &one_minute).await, 330);
    // As if all of them were older at the copy.
    let older = format!("UPDATE issues SET jira_updated_at = now() - interval '1 day' WHERE {OF_COPY}");
    execute(&mut owner, &older).await;
    execute(&mut owner, "UPDATE sync_watermarks SET last_updated_at = now() - interval '3 hours'").await;
    sqlx::Executor::execute(&mut owner, sqlx::raw_sql(CHANGE)).await.unwrap();
    sync(&app);
    let unmoved = format!("SELECT count(*) FROM issues WHERE {OF_COPY} AND summary <> 'Moved'");
    assert_eq!(number(&mut owner, &unmoved).await, 0, "none was skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_index_showed_late_is_found_by_a_second_look() {
    let (app, mut owner) = mirror("cloud", 20).await;
    sync(&app);
    // From here on polls ask for what changed within minutes.
    app.post("/jira/source/rest/api/2/issue/10005/comment", json!({ "body": "Now" })).await.ok();
    sync(&app);
    change(&mut owner, "10003", "Shown late", "now() - interval '1 hour'").await;
    sync(&app);
    assert_ne!(summary(&app, "10003").await, "Shown late", "a poll does not see that far back");
    let hour = "UPDATE sync_watermarks SET last_updated_at = last_updated_at - interval '1 hour' WHERE entity = 'late_changes'";
    assert_eq!(execute(&mut owner, hour).await, 1);
    let before = number(&mut owner, "SELECT requests FROM sync_runs ORDER BY started_at DESC LIMIT 1").await;
    let run = sync(&app);
    assert_eq!(summary(&app, "10003").await, "Shown late");
    let cost = run["requests"].as_i64().unwrap() - before;
    assert!((1..=2).contains(&cost), "a page of names and an issue: {cost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_was_restored_from_a_backup_is_copied_anew() {
    let (app, mut owner) = mirror("cloud", 30).await;
    app.post("/jira/source/rest/api/2/issue/10004/comment", json!({ "body": "Before" })).await.ok();
    execute(&mut owner, "CREATE TEMP TABLE backup AS SELECT * FROM issues").await;
    execute(&mut owner, "CREATE TEMP TABLE backup_changelogs AS SELECT * FROM changelogs").await;
    let edit = json!({ "fields": { "summary": "After the backup" } });
    for id in ["10004", "10005"] {
        let path = format!("/jira/source/rest/api/2/issue/{id}");
        app.ask(reqwest::Method::PUT, &path, Some(&app.key), Some(edit.clone())).await.ok();
    }
    sync(&app);
    assert_eq!(summary(&app, "10004").await, "After the backup");
    for restore in [
        format!(
            "UPDATE issues i SET summary = b.summary, raw_jsonb = b.raw_jsonb, updated_at = b.updated_at,
                     jira_updated_at = b.jira_updated_at, source_hash = b.source_hash
                 FROM backup b WHERE b.id = i.id AND i.{OF_SOURCE}"
        ),
        format!(
            "DELETE FROM changelogs c USING issues i WHERE i.id = c.issue_id AND i.{OF_SOURCE}
                     AND c.id NOT IN (SELECT id FROM backup_changelogs)"
        ),
    ] {
        execute(&mut owner, &restore).await;
    }
    sync(&app);
    assert_eq!(
        summary(&app, "10004").await,
        "After the backup",
        "nothing tells a poll that the site went back"
    );

    let run = app.json(&["sync", "run", "copy", "--tenant", "acme", "--anew"]);
    assert_eq!(run["issues"], 30, "{run}");
    assert_ne!(summary(&app, "10004").await, "After the backup");
    let differing = "SELECT count(*) FROM (
            SELECT s.jira_id FROM issues s JOIN issues c ON c.jira_id = s.jira_id AND c.id <> s.id
            WHERE s.instance_id = (SELECT id FROM jira_instances WHERE name = 'source')
              AND c.instance_id <> s.instance_id
              AND (s.summary <> c.summary OR s.jira_updated_at <> c.jira_updated_at
                   OR (SELECT count(*) FROM changelogs x WHERE x.issue_id = s.id)
                      <> (SELECT count(*) FROM changelogs x WHERE x.issue_id = c.id))) x";
    assert_eq!(number(&mut owner, differing).await, 0);
    let audit = app.get("/v1/audit?action=start_sync").await.ok();
    assert_eq!(audit["entries"][0]["payload"]["after"]["anew"], true, "{audit}");
    // From here on it is a mirror like any other.
    sync(&app);
    let kind = "SELECT count(*) FROM sync_runs WHERE kind = 'poll' AND state = 'succeeded'";
    assert_eq!(number(&mut owner, kind).await, 2);
    assert_eq!(number(&mut owner, "SELECT count(*) FROM sync_schedules WHERE anew_at IS NOT NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restore_brings_back_comes_back_though_the_copy_has_it_newer_and_gone() {
    let (app, mut owner) = mirror("cloud", 30).await;
    execute(&mut owner, "CREATE TEMP TABLE backup AS SELECT * FROM issues").await;
    let edit = json!({ "fields": { "summary": "After the backup" } });
    app.ask(reqwest::Method::PUT, "/jira/source/rest/api/2/issue/10004", Some(&app.key), Some(edit))
        .await
        .ok();
    sync(&app);
    execute(
        &mut owner,
        &format!("UPDATE issues SET presence = 'deleted' WHERE {OF_SOURCE} AND jira_id = '10004'"),
    )
    .await;
    let census = || app.json(&["sync", "census", "copy", "--tenant", "acme"]);
    assert_eq!(census()["gone"], 1);
    let gone = format!(
        "SELECT count(*) FROM issues WHERE {OF_COPY} AND jira_id = '10004' AND presence <> 'present'"
    );
    assert_eq!(number(&mut owner, &gone).await, 1);
    let restore = format!(
        "UPDATE issues i SET presence = b.presence, summary = b.summary, raw_jsonb = b.raw_jsonb, updated_at = b.updated_at,
             jira_updated_at = b.jira_updated_at, source_hash = b.source_hash
         FROM backup b WHERE b.id = i.id AND i.{OF_SOURCE}"
    );
    execute(&mut owner, &restore).await;
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--anew"]);
    census();
    assert_eq!(number(&mut owner, &gone).await, 0);
    assert_ne!(summary(&app, "10004").await, "After the backup");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_at_the_site_fails_the_run_and_is_no_lease_of_another_worker() {
    let (app, mut owner) = mirror("cloud", 5).await;
    let conflict =
        json!({ "fault": "status", "status": 409, "body": "json", "on": { "endpoints": ["search"] } });
    fail(&app, json!([conflict])).await;
    let output = app.output(&["sync", "run", "copy", "--tenant", "acme"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("conflicting change"), "{told}");
    assert!(!told.contains("--wait"), "nobody else is at it: {told}");
    assert_eq!(number(&mut owner, "SELECT failures::bigint FROM sync_schedules").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_knows_more_than_what_is_read_is_looked_at_again() {
    let app = TestApp::start().await;
    app.sandbox("source", 10);
    app.mirror("copy", "source", "cloud");
    sync(&app);
    let mut owner = app.database.superuser().await;
    // As if a delivery had told of a change that a replica which lags does not know yet.
    let hint = "SELECT count(graphile_worker.add_job('process_hint', json_build_object('tenant', tenant_id, 'instance', id,
                    'issue', '10003', 'deleted', false, 'updated', now() + interval '1 hour')))
                FROM jira_instances WHERE name = 'copy'";
    assert_eq!(number(&mut owner, hint).await, 1);
    let waiting =
        "SELECT count(*) FROM issue_hints WHERE jira_id = '10003' AND older > 0 AND due_at > noted_at";
    eventually(
        async || -> i64 {
            sqlx::query_scalar(waiting).fetch_one(&mut app.database.superuser().await).await.unwrap()
        },
        |waiting| *waiting == 1,
    )
    .await;
}
