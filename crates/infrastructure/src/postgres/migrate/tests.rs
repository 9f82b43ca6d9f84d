mod catalogue;
mod online;
mod steps;

use sqlx::Connection;

use super::*;
use crate::{
    local_server::{SUPERUSER, testing::TestDatabase},
    postgres::roles::{APP, tests::test_passwords},
};

async fn migrated(database: &TestDatabase) -> Result<usize> {
    up(&mut database.connect(SUPERUSER).await, &test_passwords(), &database.options(QUEUE)).await
}

/// Everything that migrations make, described.
async fn inventory(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT format('%s %s %s', c.relkind, c.oid::regclass, c.relowner::regrole) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('public', 'forebay', 'jira', 'graphile_worker') AND c.relname NOT LIKE '\\_sqlx%'
         UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p
         JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'forebay', 'jira', 'graphile_worker')
         UNION ALL SELECT 'schema ' || nspname FROM pg_namespace
         WHERE nspname IN ('forebay', 'jira', 'graphile_worker')
         ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_at_once_migrate_once() {
    let database = TestDatabase::create().await;
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (owner, queue) = (database.options(SUPERUSER), database.options(QUEUE));
            tokio::spawn(async move {
                let mut owner = PgConnection::connect_with(&owner).await.unwrap();
                up(&mut owner, &test_passwords(), &queue).await
            })
        })
        .collect();
    let mut applied = Vec::new();
    for task in tasks {
        applied.push(task.await.unwrap().unwrap());
    }
    let mut owner = database.connect(SUPERUSER).await;
    let (ours, queue): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM _sqlx_migrations), (SELECT count(*) FROM graphile_worker.migrations)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    let all = status(&mut owner).await.unwrap().len();
    assert_eq!(usize::try_from(ours).unwrap(), all);
    assert_eq!((applied.iter().sum::<usize>(), applied.iter().max()), (all, Some(&all)), "one did it all");
    assert!(queue > 0);

    // The queue belongs to its role, which may not make schemas any more; the application adds jobs and reads none.
    let (schema_owner, may_create): (String, bool) = sqlx::query_as(
        "SELECT nspowner::regrole::text, has_database_privilege('forebay_queue', current_database(), 'CREATE')
         FROM pg_namespace WHERE nspname = 'graphile_worker'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!((schema_owner.as_str(), may_create), (QUEUE, false));
    let mut app = database.connect(APP).await;
    app.execute("SELECT forebay.enqueue_job('poll', '{}', null, 'key', 0, null, 3)").await.unwrap();
    assert!(app.execute("SELECT * FROM graphile_worker.jobs").await.is_err());
    drop((owner, app));
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_can_be_taken_back_and_applied_again() {
    let database = TestDatabase::create().await;
    let mut owner = database.connect(SUPERUSER).await;
    assert!(status(&mut owner).await.unwrap().iter().all(|migration| !migration.applied));

    let applied = migrated(&database).await.unwrap();
    let all = status(&mut owner).await.unwrap();
    assert!(all.iter().all(|migration| migration.applied));
    assert_eq!((applied, all[0].version, all[0].description.as_str()), (all.len(), 1, "tenancy"));
    let full = inventory(&mut owner).await;

    for remaining in (0..all.len()).rev() {
        assert_eq!(down(&mut owner, 1).await.unwrap(), 1);
        let applied = status(&mut owner).await.unwrap().iter().filter(|migration| migration.applied).count();
        assert_eq!(applied, remaining);
    }
    assert_eq!(inventory(&mut owner).await, Vec::<String>::new());
    assert_eq!(down(&mut owner, 1).await.unwrap(), 0);

    assert_eq!(migrated(&database).await.unwrap(), all.len());
    assert_eq!(inventory(&mut owner).await, full);
    down(&mut owner, 2).await.unwrap();
    assert_eq!(migrated(&database).await.unwrap(), 2);
    assert_eq!(inventory(&mut owner).await, full);
    drop(owner);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_forebay_is_left_alone() {
    let database = TestDatabase::create().await;
    migrated(&database).await.unwrap();
    let mut owner = database.connect(SUPERUSER).await;
    owner
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'from the future', true, '', 0)",
        )
        .await
        .unwrap();
    let error = migrated(&database).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)));
    assert!(error.to_string().contains("a newer Forebay"), "{error}");
    assert_eq!(status(&mut owner).await.unwrap().last().unwrap().description, "from the future");
    drop(owner);
    database.remove().await;
}
