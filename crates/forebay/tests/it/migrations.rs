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
    for down in 1..=steps {
        let output = forebay(&url).args(["migrate", "down"]).output().unwrap();
        assert!(output.status.success(), "down {down}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(status(&url).iter().all(|(_, applied)| !*applied));
    let left: Vec<String> = sqlx::query_scalar(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'v', 'm', 'p', 'S')
           AND c.relname <> '_sqlx_migrations'",
    )
    .fetch_all(&mut app.database.superuser().await)
    .await
    .unwrap();
    assert_eq!(left, Vec::<String>::new(), "what the downs left behind");
    let output = forebay(&url).args(["migrate", "up", "--json"]).output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["applied"], steps);
    assert!(status(&url).iter().all(|(_, applied)| *applied));
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
