//! Many mirrors of many tenants under one worker and under three: nobody starves, and nothing crosses over.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::app::{TestApp, client, free_port, serve};

const TENANTS: usize = 10;
const MIRRORS: usize = 10;
/// Pools small enough for four processes on one server.
const SMALL: [(&str, &str); 4] = [
    ("FOREBAY_WORKER_CONCURRENCY", "4"),
    ("FOREBAY_POOL_SIZE", "8"),
    ("FOREBAY_READ_POOL_SIZE", "1"),
    ("FOREBAY_PLATFORM_POOL_SIZE", "2"),
];

/// A tenant whose sandbox holds as many issues as nobody else's, mirrored ten times; one of the mirrors is at a dead address.
async fn tenant(app: &TestApp, number: usize) -> String {
    let name = format!("tenant-{number}");
    app.cli(&["tenant", "create", &name]);
    let key = app.key_for(&name, "read,write,admin");
    app.cli(&["instance", "add", "--tenant", &name, "--name", "source", "--kind", "sandbox"]);
    let issues = (number + 2).to_string();
    app.cli(&["sandbox", "seed", "source", "--tenant", &name, "--issues", &issues, "--seed", &issues]);
    for mirror in 0..MIRRORS {
        let dead = mirror == 0;
        let url = if dead { "http://127.0.0.1:9".to_owned() } else { format!("{}/jira/source", app.url) };
        let body = json!({
            "name": format!("copy-{mirror}"), "kind": "cloud", "url": url, "auth": "api_token",
            "email": "me@x.org", "token": key,
        });
        let added = client()
            .post(format!("{}/v1/instances", app.url))
            .bearer_auth(&key)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(added.status(), 201, "{}", added.text().await.unwrap());
    }
    key
}

async fn sync_all(app: &TestApp, keys: &[String]) {
    for key in keys {
        for mirror in 0..MIRRORS {
            let url = format!("{}/v1/instances/copy-{mirror}/sync", app.url);
            let asked = client().post(url).bearer_auth(key).send().await.unwrap();
            assert_eq!(asked.status(), 202);
        }
    }
}

/// Waits until every reachable mirror has so many runs that succeeded.
async fn until_all_have(app: &TestApp, runs: i64) {
    let sql = "SELECT count(*) FROM (
                   SELECT instance_id FROM sync_runs WHERE state = 'succeeded' GROUP BY instance_id HAVING count(*) >= $1) x";
    let wanted = i64::try_from(TENANTS * (MIRRORS - 1)).unwrap();
    let mut database = app.database.superuser().await;
    let began = Instant::now();
    loop {
        let done: i64 = sqlx::query_scalar(sql).bind(runs).fetch_one(&mut database).await.unwrap();
        if done == wanted {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(240), "only {done} of {wanted} mirrors were synced");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_mirrors_of_ten_tenants_are_all_served_and_nothing_crosses_over() {
    let app = TestApp::start_with(&SMALL).await;
    let mut keys = Vec::new();
    for number in 0..TENANTS {
        keys.push(tenant(&app, number).await);
    }
    sync_all(&app, &keys).await;
    until_all_have(&app, 1).await;

    let mut workers: Vec<_> = (0..2)
        .map(|_| {
            let mut command = app.command();
            command.envs(SMALL);
            serve(command, free_port(), &["worker"])
        })
        .collect();
    sync_all(&app, &keys).await;
    until_all_have(&app, 2).await;
    for worker in &mut workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }

    // Each mirror holds exactly its own tenant's issues.
    let crossed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM jira_instances c
         JOIN jira_instances s ON s.tenant_id = c.tenant_id AND s.name = 'source'
         WHERE c.name LIKE 'copy-%' AND c.name <> 'copy-0' AND (
             SELECT array_agg(i.jira_id || i.summary ORDER BY i.jira_id) FROM issues i WHERE i.instance_id = c.id)
             IS DISTINCT FROM (
             SELECT array_agg(i.jira_id || i.summary ORDER BY i.jira_id) FROM issues i WHERE i.instance_id = s.id)",
    )
    .fetch_one(&mut app.database.superuser().await)
    .await
    .unwrap();
    assert_eq!(crossed, 0);
    let failed: Vec<(i32, Option<String>)> = sqlx::query_as(
        "SELECT failures, error FROM sync_schedules s JOIN jira_instances n ON n.id = s.instance_id WHERE n.name = 'copy-0'",
    )
    .fetch_all(&mut app.database.superuser().await)
    .await
    .unwrap();
    assert_eq!(failed.len(), TENANTS);
    assert!(failed.iter().all(|(failures, error)| *failures > 0 && error.is_some()), "{failed:?}");
    // Nobody was at one mirror twice at the same time.
    let overlapping: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sync_runs a JOIN sync_runs b ON b.instance_id = a.instance_id AND b.id > a.id
         WHERE b.started_at < a.finished_at",
    )
    .fetch_one(&mut app.database.superuser().await)
    .await
    .unwrap();
    assert_eq!(overlapping, 0);
}
