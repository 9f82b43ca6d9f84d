//! Migrations: up, down and up again on filled tables, by many processes at once, and refused where the border is open.

use serde_json::Value;
use sqlx::Connection;

use crate::app::{TestApp, TestDatabase, forebay};

fn status(url: &str) -> Vec<(i64, bool)> {
    let output = forebay(url).args(["migrate", "status", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let steps: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    steps.iter().map(|step| (step["version"].as_i64().unwrap(), step["applied"].as_bool().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_migration_goes_down_and_up_again_on_filled_tables() {
    let mut app = TestApp::start().await;
    app.sandbox("site", 20);
    assert!(app.stop());
    let url = app.database.url();
    let all = status(&url);
    assert!(all.iter().all(|(_, applied)| *applied));
    let steps = all.len();
    let filled = down_step_by_step(&app.database, steps).await;
    assert!(status(&url).iter().all(|(_, applied)| !*applied));
    let untouched = TestDatabase::empty().await;
    assert_eq!(&catalogue(&untouched).await, filled.last().unwrap(), "what the downs left behind");
    let output = forebay(&url).args(["migrate", "up", "--json"]).output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["applied"], steps);
    assert!(status(&url).iter().all(|(_, applied)| *applied));
    // The tables are empty now: what the ways back leave does not depend on the rows.
    let empty = down_step_by_step(&app.database, steps).await;
    for (step, (filled, empty)) in filled.iter().zip(&empty).enumerate() {
        assert_eq!(filled, empty, "after {step} steps back");
    }
}

/// Everything that migrations make, described, before the first step back and after each.
async fn down_step_by_step(database: &TestDatabase, steps: usize) -> Vec<Vec<String>> {
    let mut seen = vec![catalogue(database).await];
    for down in 1..=steps {
        let output = forebay(&database.url()).args(["migrate", "down", "--yes"]).output().unwrap();
        assert!(output.status.success(), "down {down}: {}", String::from_utf8_lossy(&output.stderr));
        seen.push(catalogue(database).await);
    }
    seen
}

async fn catalogue(database: &TestDatabase) -> Vec<String> {
    let sql = include_str!("../../../infrastructure/src/postgres/migrate/catalogue.sql");
    sqlx::query_scalar(sql).fetch_all(&mut database.superuser().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_every_gap_and_what_closes_it() {
    let database = TestDatabase::migrated().await;
    let doctor = || {
        let output = forebay(&database.url()).args(["doctor", "--json"]).output().unwrap();
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.success(), findings)
    };
    let (sound, findings) = doctor();
    assert!(sound, "{findings:?}");
    assert!(findings.iter().any(|found| found["check"] == "sql door"), "{findings:?}");

    let mut owner = database.superuser().await;
    sqlx::raw_sql(
        "CREATE POLICY lax ON comments TO forebay_app USING (true);
         GRANT SELECT ON forebay.issue_metrics TO PUBLIC; GRANT TRUNCATE ON issues TO forebay_app",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let (sound, findings) = doctor();
    assert!(!sound);
    let told: Vec<&str> = findings
        .iter()
        .filter(|found| found["ok"] == false)
        .filter_map(|found| found["detail"].as_str())
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for remedy in [
        "DROP POLICY lax ON public.comments",
        "REVOKE ALL ON forebay.issue_metrics FROM PUBLIC",
        "REVOKE TRUNCATE ON public.issues FROM PUBLIC, forebay_app",
    ] {
        assert!(
            told.iter().any(|told| told.ends_with(&format!("; to close it: {remedy}"))),
            "{remedy}: {told:?}"
        );
        sqlx::query(sqlx::AssertSqlSafe(remedy)).execute(&mut owner).await.unwrap();
    }
    assert!(doctor().0);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_migrate_at_once_do_it_once() {
    let database = TestDatabase::empty().await;
    let url = database.url();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = forebay(&url);
            command
                .args(["migrate", "up", "--json"])
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut applied = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        applied += serde_json::from_slice::<Value>(&output.stdout).unwrap()["applied"].as_u64().unwrap();
    }
    assert_eq!(applied as usize, status(&url).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_its_border_stops_the_start() {
    let database = TestDatabase::migrated().await;
    let mut owner = database.superuser().await;
    sqlx::query("ALTER TABLE issues NO FORCE ROW LEVEL SECURITY").execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    let output = forebay(&database.url()).args(["tenant", "list"]).output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("issues"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_not_migrated_is_told_what_to_do() {
    let database = TestDatabase::empty().await;
    let output = forebay(&database.url()).args(["tenant", "list"]).output().unwrap();
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("hint: run `forebay migrate up` first"),
        "{output:?}"
    );
}
