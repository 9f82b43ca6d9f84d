//! Many mirrors of many tenants under one worker and under three: nobody starves, and nothing crosses over. Who was served when is
//! counted, never timed.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use serde_json::json;
use sqlx::PgConnection;

use crate::app::{TestApp, client, free_port, serve};

const TENANTS: usize = 10;
const MIRRORS: usize = 10;
/// The mirror of each tenant at an address where nobody is.
const DEAD: usize = 0;
/// The one whose site wants to be left alone for an hour.
const REFUSED: usize = 1;
const WORKERS: i64 = 3;
/// Syncs that one worker does at the same time, with the settings below.
const LONG_SLOTS: i64 = 2;
/// Pools small enough for four processes on one server.
const SMALL: [(&str, &str); 4] = [
    ("FOREBAY_WORKER_CONCURRENCY", "4"),
    ("FOREBAY_POOL_SIZE", "8"),
    ("FOREBAY_READ_POOL_SIZE", "1"),
    ("FOREBAY_PLATFORM_POOL_SIZE", "2"),
];

/// A tenant whose sandbox holds as many issues as nobody else's, mirrored ten times; one of the mirrors is at a dead address, and
/// one at a site that refuses every request.
async fn tenant(app: &TestApp, number: usize) -> String {
    let name = format!("tenant-{number}");
    app.cli(&["tenant", "create", &name]);
    let key = app.key_for(&name, "read,write,admin");
    let issues = (number + 2).to_string();
    for sandbox in ["source", "strict"] {
        app.cli(&["instance", "add", "--tenant", &name, "--name", sandbox, "--kind", "sandbox"]);
    }
    app.cli(&["sandbox", "seed", "source", "--tenant", &name, "--issues", &issues, "--seed", &issues]);
    let fault = "rate_limit retry_after=3600 reason=jira-quota-tenant-based";
    app.cli(&["sandbox", "faults", "strict", "--tenant", &name, "--seed", "1", "--fault", fault]);
    for mirror in 0..MIRRORS {
        let url = match mirror {
            DEAD => "http://127.0.0.1:9".to_owned(),
            REFUSED => format!("{}/jira/strict", app.url),
            _ => format!("{}/jira/source", app.url),
        };
        let body = json!({
            "name": format!("copy-{mirror}"), "kind": "cloud", "url": url, "auth": "api_token",
            "email": "me@x.org", "token": key,
        });
        let request = client().post(format!("{}/v1/instances", app.url)).bearer_auth(&key).json(&body);
        let added = request.send().await.unwrap();
        assert_eq!(added.status(), 201, "{}", added.text().await.unwrap());
    }
    key
}

async fn tenants(app: &TestApp) -> Vec<String> {
    let mut keys = Vec::new();
    for number in 0..TENANTS {
        keys.push(tenant(app, number).await);
    }
    keys
}

async fn sync_all(url: &str, keys: &[String]) {
    for key in keys {
        for mirror in 0..MIRRORS {
            let url = format!("{url}/v1/instances/copy-{mirror}/sync");
            let asked = client().post(url).bearer_auth(key).send().await.unwrap();
            assert_eq!(asked.status(), 202);
        }
    }
}

/// Waits until every mirror whose site answers has a run that succeeded, and every other one has been tried.
async fn until_all_were_served(app: &TestApp) {
    let served = "SELECT count(DISTINCT instance_id) FROM sync_runs WHERE state = 'succeeded'";
    let tried = "SELECT count(*) FROM sync_schedules s JOIN jira_instances n ON n.id = s.instance_id
         WHERE n.name IN ('copy-0', 'copy-1') AND s.error IS NOT NULL";
    let [wanted_served, wanted_tried] =
        [TENANTS * (MIRRORS - 2), TENANTS * 2].map(|count| i64::try_from(count).unwrap());
    let mut database = app.database.superuser().await;
    let began = Instant::now();
    loop {
        let served: i64 = sqlx::query_scalar(served).fetch_one(&mut database).await.unwrap();
        let tried: i64 = sqlx::query_scalar(tried).fetch_one(&mut database).await.unwrap();
        if served == wanted_served && tried == wanted_tried {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(240),
            "{served} of {wanted_served} mirrors were synced, and {tried} of {wanted_tried} others tried"
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn count(database: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(database).await.unwrap()
}

/// Each mirror holds exactly its own site's issues with their comments and histories, and no row of another tenant's.
async fn nothing_crossed_over(app: &TestApp) {
    let mut database = app.database.superuser().await;
    let crossed = count(
        &mut database,
        "WITH held AS (
             SELECT i.tenant_id, i.instance_id,
                    array_agg(i.jira_id || i.summary ORDER BY i.jira_id) AS issues,
                    (SELECT array_agg(c.jira_id || c.body_text ORDER BY c.jira_id) FROM comments c
                     WHERE c.instance_id = i.instance_id) AS comments,
                    (SELECT count(*) FROM changelogs h WHERE h.instance_id = i.instance_id) AS changes
             FROM issues i GROUP BY i.tenant_id, i.instance_id)
         SELECT count(*) FROM jira_instances n
         JOIN jira_instances s ON s.tenant_id = n.tenant_id AND s.name = 'source'
         LEFT JOIN held source ON source.instance_id = s.id
         LEFT JOIN held copy ON copy.instance_id = n.id
         WHERE n.name ~ '^copy-[2-9]$'
           AND (copy.tenant_id IS DISTINCT FROM n.tenant_id
                OR (copy.issues, copy.comments, copy.changes) IS DISTINCT FROM (source.issues, source.comments, source.changes))",
    )
    .await;
    assert_eq!(crossed, 0, "mirrors that differ from their own tenant's source");
    let different = "SELECT count(DISTINCT issues) FROM (
            SELECT count(*) AS issues FROM issues i JOIN jira_instances n ON n.id = i.instance_id
            WHERE n.name = 'copy-2' GROUP BY n.tenant_id) x";
    assert_eq!(
        count(&mut database, different).await,
        i64::try_from(TENANTS).unwrap(),
        "no two tenants are alike"
    );
    let astray = "SELECT count(*) FROM issues i JOIN jira_instances n ON n.id = i.instance_id
         WHERE n.name IN ('copy-0', 'copy-1') OR n.tenant_id <> i.tenant_id";
    assert_eq!(count(&mut database, astray).await, 0, "rows of mirrors whose site never answered");
}

/// Mirrors in trouble say so, and nobody was at one mirror twice at the same time.
async fn trouble_is_told_and_runs_do_not_overlap(app: &TestApp) {
    let mut database = app.database.superuser().await;
    let untold = "SELECT count(*) FROM sync_schedules s JOIN jira_instances n ON n.id = s.instance_id
         WHERE n.name = 'copy-0' AND NOT (s.failures > 0 AND s.error IS NOT NULL)
            OR n.name = 'copy-1' AND NOT (s.failures = 0 AND s.error IS NOT NULL AND s.next_at > now() + interval '50 minutes')";
    assert_eq!(count(&mut database, untold).await, 0);
    let overlapping = "SELECT count(*) FROM sync_runs a JOIN sync_runs b
           ON b.instance_id = a.instance_id AND (b.started_at, b.id) > (a.started_at, a.id)
         WHERE b.started_at < a.finished_at";
    assert_eq!(count(&mut database, overlapping).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_mirrors_of_ten_tenants_are_all_served_by_one_worker() {
    let app = TestApp::start_with(&SMALL).await;
    let keys = tenants(&app).await;
    sync_all(&app.url, &keys).await;
    until_all_were_served(&app).await;
    nothing_crossed_over(&app).await;
    trouble_is_told_and_runs_do_not_overlap(&app).await;
}

/// Three processes, as an operator runs them; the first tenant asks for its syncs again and again.
#[tokio::test(flavor = "multi_thread")]
async fn three_workers_serve_a_hundred_mirrors_and_nobody_gets_ahead_by_asking_more() {
    let app = TestApp::start_without_worker_with(&SMALL).await;
    let keys = tenants(&app).await;
    sync_all(&app.url, &keys).await;
    let (url, greedy) = (app.url.clone(), keys[0].clone());
    let asking = tokio::spawn(async move {
        loop {
            sync_all(&url, std::slice::from_ref(&greedy)).await;
        }
    });
    let mut workers: Vec<Child> = (0..WORKERS)
        .map(|_| {
            let mut command = app.command();
            command.envs(SMALL);
            serve(command, free_port(), &["worker"])
        })
        .collect();
    until_all_were_served(&app).await;
    let mut database = app.database.superuser().await;
    let greedy_turns = "SELECT count(*) FROM sync_runs r JOIN tenants t ON t.id = r.tenant_id
         JOIN jira_instances n ON n.id = r.instance_id WHERE t.name = 'tenant-0' AND n.name ~ '^copy-[2-9]$'";
    let began = Instant::now();
    while count(&mut database, greedy_turns).await <= i64::try_from(MIRRORS - 2).unwrap() {
        assert!(began.elapsed() < Duration::from_secs(120), "asking again led to nothing");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    asking.abort();
    // Each process has two queues, for long jobs and for short ones.
    assert_eq!(count(&mut database, "SELECT count(*) FROM graphile_worker._private_workers").await, 6);
    for worker in &mut workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }

    // Everybody was asked for before the greedy ones were asked for again. So when the first of them has its second turn, nobody else
    // waits for a first one but those that a worker has already taken: one for each slot that is about to begin, and one that is fetched
    // ahead for it.
    let overtaken = "SELECT count(*) FROM (
             SELECT min(r.started_at) AS first FROM sync_runs r
             JOIN jira_instances n ON n.id = r.instance_id JOIN tenants t ON t.id = n.tenant_id
             WHERE t.name <> 'tenant-0' AND n.name ~ '^copy-[2-9]$' GROUP BY n.id) others
         WHERE first > (SELECT min(second) FROM (
             SELECT (array_agg(r.started_at ORDER BY r.started_at))[2] AS second FROM sync_runs r
             JOIN jira_instances n ON n.id = r.instance_id JOIN tenants t ON t.id = n.tenant_id
             WHERE t.name = 'tenant-0' AND n.name ~ '^copy-[2-9]$' GROUP BY n.id) greedy)";
    let overtaken = count(&mut database, overtaken).await;
    let taken = WORKERS * LONG_SLOTS * 2;
    assert!(overtaken <= taken, "{overtaken} waited for their first turn while another had its second");
    nothing_crossed_over(&app).await;
    trouble_is_told_and_runs_do_not_overlap(&app).await;
    // An hour's pause holds in all three, and nobody pulls it forward by asking.
    for key in &keys {
        let request = client().get(format!("{}/v1/sandbox/strict/faults", app.url)).bearer_auth(key);
        let report: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        let asked = report["injected"]["rate_limit"].as_u64();
        assert!(asked.is_some_and(|asked| (1..=2).contains(&asked)), "{report}");
    }
}
