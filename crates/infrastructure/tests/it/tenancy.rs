//! A pooled connection carries no tenant from one transaction to the next, whatever becomes of them; and pools that are exhausted
//! say so.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use application::{
    Error, TenantContext,
    audit::{AuditFilter, NewAuditEntry, Outcome},
    ports::Database,
};
use domain::ids::TenantId;
use futures::future::join_all;
use infrastructure::postgres::{PgDatabase, PoolSettings, roles};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::{bundles::at, database::TestDatabase};

/// Writes an entry that names its tenant.
async fn sign(db: &PgDatabase, tenant: TenantId) -> Result<(), Error> {
    let mut tx = db.tenant(&TenantContext::whole(tenant)).await?;
    tx.record(NewAuditEntry {
        instance: None,
        actor: tenant.to_string(),
        action: "sign",
        target: String::new(),
        outcome: Outcome::Succeeded,
        payload: json!({}),
        request_id: String::new(),
        at: at(0),
    })
    .await?;
    tx.commit().await
}

/// Every entry that the tenant sees is its own.
async fn read(db: &PgDatabase, tenant: TenantId) -> Result<usize, Error> {
    let mut tx = db.tenant(&TenantContext::whole(tenant)).await?;
    let entries = tx.audit_entries(&AuditFilter { limit: 1_000, ..Default::default() }).await?;
    for entry in &entries {
        assert_eq!(entry.actor, tenant.to_string(), "an entry of another tenant");
    }
    Ok(entries.len())
}

/// One round of a tenant, with what may go wrong in it.
async fn round(db: &PgDatabase, tenant: TenantId, number: usize) {
    match number % 6 {
        0 => sign(db, tenant).await.unwrap(),
        1 => drop(read(db, tenant).await.unwrap()),
        // Begun and left.
        2 => drop(db.tenant(&TenantContext::whole(tenant)).await.unwrap()),
        // Left while BEGIN is on its way, or at any other moment.
        3 => drop(tokio::time::timeout(Duration::from_micros(50 * number as u64), sign(db, tenant)).await),
        // A statement that fails, and the transaction with it.
        4 => {
            let mut tx = db.tenant(&TenantContext::whole(tenant)).await.unwrap();
            let stranger = domain::ids::InstanceId(uuid::Uuid::new_v4());
            assert!(tx.raise_watermark(stranger, "issues", Some(at(0)), Some(at(0))).await.is_err());
            // Committing what has failed is no success.
            assert!(tx.commit().await.is_err());
        }
        _ => drop(tokio::time::timeout(Duration::from_micros(30 * number as u64), read(db, tenant)).await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_carries_a_tenant_over_under_concurrency_errors_and_cancellations() {
    let base = TestDatabase::create().await;
    // Two processes, each with a pool that is much smaller than its callers.
    let settings =
        PoolSettings { app: 2, acquire_timeout: Duration::from_secs(30), ..PoolSettings::default() };
    let processes = [base.database(settings).await, base.database(settings).await].map(Arc::new);
    let mut tenants = Vec::new();
    for number in 0..8 {
        tenants.push(base.tenant(&format!("tenant-{number}")).await);
    }
    let tasks = tenants.iter().enumerate().flat_map(|(offset, tenant)| {
        let tenant = *tenant;
        processes.iter().cloned().map(move |db| {
            tokio::spawn(async move {
                for number in 0..60 {
                    round(&db, tenant, number + offset).await;
                }
            })
        })
    });
    for task in join_all(tasks.collect::<Vec<_>>()).await {
        task.unwrap();
    }
    for (db, tenant) in tenants.iter().map(|tenant| (&processes[0], *tenant)) {
        assert!(read(db, tenant).await.unwrap() >= 20, "each signed in both processes");
    }
    // Nothing was left open.
    let mut admin = base.superuser().await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    while sqlx::query_scalar::<_, i64>(open).fetch_one(&mut admin).await.unwrap() > 0 {}
    for process in processes {
        process.close().await;
    }
    base.remove().await;
}

/// Polls a future so many times, whenever it asks for it, and drops it.
async fn give_up_after<F: Future>(polls: usize, future: F) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        std::task::Poll::Pending
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_is_given_up_leaves_no_transaction_in_the_pool() {
    let base = TestDatabase::create().await;
    let (acme, other) = (base.tenant("acme").await, base.tenant("other").await);
    let settings = PoolSettings { app: 1, ..PoolSettings::default() };
    let db = base.database(settings).await;
    let mut admin = base.superuser().await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    for polls in 0..200 {
        // Polled so often and then dropped: at some of these moments BEGIN is on its way.
        give_up_after(polls % 20, db.tenant(&TenantContext::whole(acme))).await;
        for look in 0.. {
            if sqlx::query_scalar::<_, i64>(open).fetch_one(&mut admin).await.unwrap() == 0 {
                break;
            }
            assert!(look < 1_000, "a transaction is left open in the pool");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sign(&db, other).await.unwrap();
        assert!(read(&db, other).await.unwrap() > 0);
    }
    db.close().await;
    base.remove().await;
}

/// A connection is not asked whether it lives when it was used a moment ago, so this is found out by whoever uses it.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_died_in_the_pool_are_replaced_unnoticed() {
    const OURS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND usename IN ('forebay_app', 'forebay_platform')";
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let db = base.database(PoolSettings { app: 3, platform: 2, ..PoolSettings::default() }).await;
    let mut admin = base.superuser().await;
    for _ in 0..3 {
        let whole = TenantContext::whole(tenant);
        drop(join_all((0..3).map(|_| db.tenant(&whole))).await);
        drop(join_all((0..2).map(|_| db.platform())).await);
        sqlx::query(AssertSqlSafe(format!("SELECT pg_terminate_backend(pid) {OURS}")))
            .execute(&mut admin)
            .await
            .unwrap();
        let left = format!("SELECT count(*) {OURS}");
        while sqlx::query_scalar::<_, i64>(AssertSqlSafe(left.clone())).fetch_one(&mut admin).await.unwrap()
            > 0
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let asked = join_all((0..3).map(|_| read(&db, tenant))).await;
        assert!(asked.iter().all(Result::is_ok), "{asked:?}");
        assert!(db.key_by_prefix("x").await.unwrap().is_none());
        drop(db.platform().await.unwrap());
    }
    db.close().await;
    base.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_answers_busy_and_a_full_line_at_once() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let settings = PoolSettings {
        app: 2,
        waiting: 1,
        acquire_timeout: Duration::from_secs(2),
        ..PoolSettings::default()
    };
    let db = Arc::new(base.database(settings).await);
    let held = [
        db.tenant(&TenantContext::whole(tenant)).await.unwrap(),
        db.tenant(&TenantContext::whole(tenant)).await.unwrap(),
    ];
    // Two connections and one place to wait: three in line, and the fourth is sent away.
    let whole = TenantContext::whole(tenant);
    let answers = join_all((0..4).map(|_| db.tenant(&whole))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Busy { .. }))));
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.tenant(&TenantContext::whole(tenant)).await.map(drop) })
        })
        .collect();
    tokio::time::sleep(settings.acquire_timeout / 4).await;
    // The line is full now. Whoever is sent away does not wait: well before the first of those who do.
    let began = std::time::Instant::now();
    assert!(matches!(db.tenant(&whole).await, Err(Error::Busy { .. })));
    assert!(began.elapsed() < settings.acquire_timeout / 2);
    drop(held);
    for task in waiting {
        drop(task.await.unwrap());
    }
    sign(&db, tenant).await.unwrap();
    db.close().await;
    base.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_cancelled_for_every_role() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let settings = PoolSettings { statement_timeout: Duration::from_secs(2), ..PoolSettings::default() };
    let db = base.database(settings).await;
    let mut admin = base.superuser().await;
    admin.execute("BEGIN; LOCK TABLE audit_log, api_keys IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let late = read(&db, tenant).await.unwrap_err();
    assert!(matches!(late, Error::TimedOut(_)), "{late:?}");
    assert_eq!((late.code(), late.is_retryable()), ("timed_out", true));
    assert!(matches!(db.key_by_prefix("x").await.map(drop), Err(Error::TimedOut(_))));
    admin.execute("ROLLBACK").await.unwrap();
    read(&db, tenant).await.unwrap();
    db.close().await;

    // And whoever connects without saying so has them from the database.
    for (role, timeout) in
        [(roles::APP, "30s"), (roles::READ, "15s"), (roles::PLATFORM, "30s"), (roles::QUEUE, "0")]
    {
        let mut connection = base.connect(role).await;
        let shown: String =
            sqlx::query_scalar("SHOW statement_timeout").fetch_one(&mut connection).await.unwrap();
        assert_eq!(shown, timeout, "{role}");
    }
    base.remove().await;
}

/// The narrow exception stays narrow: a table that is added to it is added here, by somebody who has thought about it.
#[tokio::test]
async fn the_platform_reaches_tenants_and_keys_only() {
    let base = TestDatabase::create().await;
    let reach: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('public', 'forebay', 'jira') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
           AND has_any_column_privilege('forebay_platform', c.oid, 'SELECT, INSERT, UPDATE') ORDER BY 1",
    )
    .fetch_all(&mut base.superuser().await)
    .await
    .unwrap();
    // Runs of jobs are noted for whichever tenant a job was; they say no more than its name and how it ended.
    assert_eq!(reach, ["api_keys", "job_runs", "tenants"]);
    base.remove().await;
}

/// An erased person must come out of them too, so somebody must be able to: whoever adds a table that the application may not change
/// says how in `postgres/erasure.rs`.
#[tokio::test]
async fn from_every_table_that_the_application_may_not_change_the_platform_takes_people_out() {
    let base = TestDatabase::create().await;
    let (tenant, _) = base.mirror().await;
    let tables = base.begin(tenant).await.tenant_tables().await.unwrap();
    let unchangeable: BTreeSet<_> =
        tables.iter().filter(|table| !table.changeable).map(|table| table.name.as_str()).collect();
    let mut platform = base.db.platform().await.unwrap();
    assert_eq!(unchangeable, BTreeSet::from_iter(platform.kept_tables().iter().copied()));
    let row =
        serde_json::from_value(json!({ "id": Uuid::nil(), "sequence": 1, "actor": "a", "target": "t" }))
            .unwrap();
    for table in platform.kept_tables() {
        platform.take_out(tenant, table, &row).await.unwrap();
    }
    drop(platform);
    base.remove().await;
}

#[tokio::test]
async fn somebody_else_than_the_role_is_refused() {
    let base = TestDatabase::create().await;
    let mut options = base.roles();
    options.read = options.app.clone();
    let refused = PgDatabase::connect(options, PoolSettings::default()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Conflict(told) if told.contains("`forebay_app` is signed in where `forebay_read` belongs"))
    );
    base.remove().await;
}
