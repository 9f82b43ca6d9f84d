//! The history of jobs.

use application::{
    jobs::{JobOutcome, JobRun, QueuedFilter, QueuedState},
    ports::Database,
};
use chrono::TimeDelta;
use domain::ids::TenantId;
use infrastructure::postgres::roles;
use sqlx::{AssertSqlSafe, Executor};

use crate::{bundles::at, database::TestDatabase};

fn run(tenant: Option<TenantId>, task: &str, minute: i64) -> JobRun {
    JobRun {
        tenant,
        instance: None,
        task: task.into(),
        attempt: 2,
        outcome: JobOutcome::Retry,
        error: Some("the site does not answer".into()),
        started: at(minute),
        finished: at(minute + 1),
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_runs_newest_first_and_old_ones_are_forgotten() {
    let base = TestDatabase::create().await;
    let (acme, other) = (base.tenant("acme").await, base.tenant("other").await);
    let mut tx = base.db.platform().await.unwrap();
    let old = JobRun {
        started: at(0) - TimeDelta::days(40),
        finished: at(0) - TimeDelta::days(40),
        ..run(Some(acme), "old", 0)
    };
    for run in [
        old,
        run(Some(acme), "sync_instance", 1),
        run(Some(acme), "process_hint", 2),
        run(Some(other), "theirs", 3),
        run(None, "poll_mirrors", 4),
    ] {
        tx.record_job_run(&run).await.unwrap();
    }
    assert_eq!(tx.prune_job_runs(at(0) - TimeDelta::days(30), 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let mut tx = base.begin(acme).await;
    let runs = tx.job_runs(None, 10).await.unwrap();
    assert_eq!(
        runs.iter().map(|run| run.task.as_str()).collect::<Vec<_>>(),
        ["process_hint", "sync_instance"]
    );
    assert_eq!(runs[1], run(Some(acme), "sync_instance", 1));
    assert_eq!(tx.job_runs(Some(at(2)), 10).await.unwrap().len(), 1);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_tenants_jobs_in_the_queue_are_listed_tried_again_and_dropped_and_nobody_elses() {
    let base = TestDatabase::create().await;
    let (acme, other) = (base.tenant("acme").await, base.tenant("other").await);
    let mut admin = base.superuser().await;
    let job = async |tenant: TenantId, attempts: i32| {
        let sql = "WITH added AS (SELECT (graphile_worker.add_job('process_hint', json_build_object('tenant', $1))).id)
                   SELECT id FROM added";
        let id: i64 = sqlx::query_scalar(sql)
            .bind(tenant.0.to_string())
            .fetch_one(&mut base.superuser().await)
            .await
            .unwrap();
        let sql = "UPDATE graphile_worker._private_jobs SET attempts = $2, max_attempts = 3, last_error = 'no' WHERE id = $1";
        sqlx::query(sql).bind(id).bind(attempts).execute(&mut base.superuser().await).await.unwrap();
        id
    };
    let (waiting, failing, dead, theirs) =
        (job(acme, 0).await, job(acme, 1).await, job(acme, 3).await, job(other, 3).await);
    let mut tx = base.db.platform().await.unwrap();
    let all = QueuedFilter { tenant: Some(acme), state: None, before: None, limit: 10 };
    let found = tx.queued_jobs(&all).await.unwrap();
    let states: Vec<_> = found.iter().map(|job| (job.id, job.state)).collect();
    assert_eq!(
        states,
        [(dead, QueuedState::Dead), (failing, QueuedState::Failing), (waiting, QueuedState::Waiting)]
    );
    let letters = QueuedFilter { state: Some(QueuedState::Dead), ..all };
    assert_eq!(tx.queued_jobs(&letters).await.unwrap()[0].error.as_deref(), Some("no"));
    assert_eq!(tx.queued_jobs(&QueuedFilter { before: Some(failing), ..all }).await.unwrap().len(), 1);
    assert!(tx.queued_job(Some(acme), theirs).await.unwrap().is_none());
    assert!(!tx.retry_job(Some(acme), theirs, 5).await.unwrap());
    assert!(!tx.drop_job(Some(acme), theirs).await.unwrap());

    assert!(tx.retry_job(Some(acme), dead, 5).await.unwrap());
    let again = tx.queued_job(Some(acme), dead).await.unwrap().unwrap();
    assert_eq!(
        (again.state, again.attempts, again.max_attempts, again.error),
        (QueuedState::Waiting, 0, 5, None)
    );
    assert!(tx.drop_job(Some(acme), waiting).await.unwrap());
    assert!(tx.queued_job(None, waiting).await.unwrap().is_none());
    tx.commit().await.unwrap();

    let running = "UPDATE graphile_worker._private_jobs SET locked_at = now(), locked_by = 'w' WHERE id = $1";
    sqlx::query(running).bind(failing).execute(&mut admin).await.unwrap();
    let mut tx = base.db.platform().await.unwrap();
    assert_eq!(tx.queued_job(None, failing).await.unwrap().unwrap().state, QueuedState::Running);
    assert!(!tx.drop_job(Some(acme), failing).await.unwrap(), "a worker has it");
    drop(tx);
    base.remove().await;
}

/// What a ledger says stays said.
#[tokio::test]
async fn the_ledger_of_models_is_written_once_and_changed_never() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let mut app = base.connect(roles::APP).await;
    app.execute(AssertSqlSafe(format!("SET app.current_tenant_id = '{tenant}'"))).await.unwrap();
    let entry = "INSERT INTO ai_ledger (tenant_id, sequence, kind, purpose, actor, input_tokens, outcome, created_at,
                                        previous_hash, hash)
                 VALUES ($1, $2, 'call', 'triage', 'system', $3, 'succeeded', now(), sha256(''), sha256('x'))";
    let book = |sequence: i64, tokens: i64| sqlx::query(entry).bind(tenant.0).bind(sequence).bind(tokens);
    book(1, 900).execute(&mut app).await.unwrap();
    assert!(book(1, 900).execute(&mut app).await.is_err(), "two entries in one place");
    assert!(book(2, -1).execute(&mut app).await.is_err(), "nobody earns tokens");
    for change in ["UPDATE ai_ledger SET input_tokens = 0", "DELETE FROM ai_ledger", "DELETE FROM job_runs"] {
        let error = app.execute(change).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{change}: {error}");
    }
    base.remove().await;
}
