//! Migrations that fail, that wait, and that are built beside a live system.

use std::time::Duration;

use sqlx::{SqlSafeStr, migrate::MigrationType};

use super::{super::step::statements, *};

const SOON: Patience =
    Patience { lock_timeout: Duration::from_millis(50), attempts: 3, pause: Duration::from_millis(50) };

/// A migration of two files.
fn migration(version: i64, up: &str, down: &str) -> [Migration; 2] {
    let file = |kind, sql: &str| {
        let no_transaction = sql.starts_with("-- no-transaction");
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        Migration::new(version, "test".into(), kind, sql, no_transaction)
    };
    [file(MigrationType::ReversibleUp, up), file(MigrationType::ReversibleDown, down)]
}

/// A table with rows, as the first migration.
fn table() -> [Migration; 2] {
    migration(
        1,
        "CREATE TABLE items (id int, name text); INSERT INTO items SELECT g % 500, 'x' FROM generate_series(1, 1000) g;",
        "DROP TABLE items",
    )
}

async fn apply_all(owner: &mut PgConnection, all: &[Migration], patience: Patience) -> Result<usize> {
    lock(owner).await?;
    let result = apply_missing(owner, &all.iter().collect::<Vec<_>>(), patience).await;
    unlock(owner).await?;
    result
}

async fn versions(owner: &mut PgConnection) -> Vec<i64> {
    sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY 1").fetch_all(owner).await.unwrap()
}

/// Name and validity of the indexes of `items`.
async fn indexes(owner: &mut PgConnection) -> Vec<(String, bool)> {
    sqlx::query_as(
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = to_regclass('items') ORDER BY 1",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_migration_leaves_what_was_before() {
    let database = TestDatabase::create().await;
    let mut owner = database.connect(SUPERUSER).await;
    let broken = migration(2, "CREATE TABLE half (id int); SELECT 1 / 0;", "DROP TABLE half");
    let all = [table(), broken].concat();
    let error = apply_all(&mut owner, &all, SOON).await.unwrap_err();
    assert!(error.with_causes().contains("division by zero"), "{}", error.with_causes());
    assert_eq!(versions(&mut owner).await, [1]);
    let half: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('half')::text").fetch_one(&mut owner).await.unwrap();
    assert_eq!(half, None);

    // Mended, it goes on from there.
    let all = [table(), migration(2, "CREATE TABLE half (id int)", "DROP TABLE half")].concat();
    assert_eq!(apply_all(&mut owner, &all, SOON).await.unwrap(), 1);
    drop(owner);
    database.remove().await;
}

const UNIQUE_UP: &str = "-- no-transaction
-- The ids are not unique: this fails after the index was begun.
DROP INDEX CONCURRENTLY IF EXISTS items_id;
CREATE UNIQUE INDEX CONCURRENTLY items_id
    ON items (id);
";
const INDEX_UP: &str = "-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS items_id;
CREATE INDEX CONCURRENTLY items_id ON items (id);
";
const INDEX_DOWN: &str = "-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS items_id;
";

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_outside_of_a_transaction_is_cleared_away() {
    let database = TestDatabase::create().await;
    let mut owner = database.connect(SUPERUSER).await;
    let all = [table(), migration(2, UNIQUE_UP, INDEX_DOWN)].concat();
    let error = apply_all(&mut owner, &all, SOON).await.unwrap_err();
    assert!(error.with_causes().contains("could not create unique index"), "{}", error.with_causes());
    assert_eq!(indexes(&mut owner).await, []);
    assert_eq!(versions(&mut owner).await, [1]);

    // Where even that did not come about (the process was killed), the next run begins by it.
    let left_behind = statements(UNIQUE_UP).pop().unwrap();
    assert!(owner.execute(AssertSqlSafe(left_behind)).await.is_err());
    owner
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (2, 'test', false, '', -1)",
        )
        .await
        .unwrap();
    assert_eq!(indexes(&mut owner).await, [("items_id".into(), false)]);
    let all = [table(), migration(2, INDEX_UP, INDEX_DOWN)].concat();
    assert_eq!(apply_all(&mut owner, &all, SOON).await.unwrap(), 1);
    assert_eq!(indexes(&mut owner).await, [("items_id".into(), true)]);
    assert_eq!(versions(&mut owner).await, [1, 2]);

    let all: Vec<_> = all.iter().collect();
    assert_eq!(take_back(&mut owner, &all, 1, SOON).await.unwrap(), 1);
    assert_eq!(indexes(&mut owner).await, []);
    drop(owner);
    database.remove().await;
}

/// With `SELECT pg_advisory_lock()` the waiting ones would hold snapshots, and the index would wait for them for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_built_concurrently_while_nine_others_wait_to_migrate() {
    let database = TestDatabase::create().await;
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let owner = database.options(SUPERUSER);
            tokio::spawn(async move {
                let mut owner = PgConnection::connect_with(&owner).await.unwrap();
                let all = [table(), migration(2, INDEX_UP, INDEX_DOWN)].concat();
                apply_all(&mut owner, &all, SOON).await.unwrap()
            })
        })
        .collect();
    let mut applied = 0;
    for task in tasks {
        applied += task.await.unwrap();
    }
    assert_eq!(applied, 2);
    let mut owner = database.connect(SUPERUSER).await;
    assert_eq!(indexes(&mut owner).await, [("items_id".into(), true)]);
    drop(owner);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_for_a_table_lets_readers_through() {
    let database = TestDatabase::create().await;
    let mut owner = database.connect(SUPERUSER).await;
    apply_all(&mut owner, &table(), SOON).await.unwrap();
    let mut reader = database.connect(SUPERUSER).await;
    let mut long = reader.begin().await.unwrap();
    long.execute("SELECT count(*) FROM items").await.unwrap();

    let wider = migration(2, "ALTER TABLE items ADD COLUMN more int", "ALTER TABLE items DROP COLUMN more");
    let all = [table(), wider].concat();
    let refused = apply_all(&mut owner, &all, SOON).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Unavailable(told) if told.contains("did not get its locks in 3 attempts"))
    );
    assert_eq!(versions(&mut owner).await, [1]);

    // It stands in line for ever longer than anybody would wait; whoever only reads comes through all the same.
    let patience = Patience { attempts: 10_000, ..SOON };
    let migrating = {
        let options = database.options(SUPERUSER);
        tokio::spawn(async move {
            let mut owner = PgConnection::connect_with(&options).await.unwrap();
            apply_all(&mut owner, &all, patience).await
        })
    };
    let mut other = database.connect(SUPERUSER).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'items'::regclass AND NOT granted";
    loop {
        let found: i64 = sqlx::query_scalar(waiting).fetch_one(&mut owner).await.unwrap();
        if found > 0 {
            break;
        }
    }
    other.execute("SELECT count(*) FROM items").await.unwrap();
    assert!(!migrating.is_finished());
    long.commit().await.unwrap();
    assert_eq!(migrating.await.unwrap().unwrap(), 1);
    drop((owner, reader, other));
    database.remove().await;
}

#[test]
fn statements_end_with_a_semicolon_at_the_end_of_a_line() {
    let sql = "-- no-transaction\n\nDROP INDEX a;\n-- why\nCREATE INDEX a\n  ON t (b); -- not here\n  ;\nSELECT 'a;b'";
    assert_eq!(
        statements(sql),
        ["DROP INDEX a;", "CREATE INDEX a\n  ON t (b); -- not here\n  ;", "SELECT 'a;b'"]
    );
}
