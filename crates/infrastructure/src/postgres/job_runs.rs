//! The history of jobs, and the queue as those see it who administer it.

use application::{
    Result,
    jobs::{JobHistory, JobRegistry, JobRun, QueuedFilter, QueuedJob, QueuedState},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use uuid::Uuid;

use super::{
    errors::convert,
    transaction::{PgPlatformTx, PgTenantTx},
};

#[async_trait]
impl JobHistory for PgTenantTx {
    async fn job_runs(&mut self, before: Option<DateTime<Utc>>, limit: i64) -> Result<Vec<JobRun>> {
        let rows = sqlx::query!(
            "SELECT tenant_id, instance_id, task, attempt, outcome, error, started_at, finished_at FROM job_runs
             WHERE $1::timestamptz IS NULL OR started_at < $1
             ORDER BY started_at DESC, id DESC
             LIMIT $2",
            before as _,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        rows.into_iter()
            .map(|row| {
                Ok(JobRun {
                    tenant: row.tenant_id.map(TenantId),
                    instance: row.instance_id.map(InstanceId),
                    task: row.task,
                    attempt: row.attempt,
                    outcome: row.outcome.parse()?,
                    error: row.error,
                    started: row.started_at,
                    finished: row.finished_at,
                })
            })
            .collect()
    }
}

#[async_trait]
impl JobRegistry for PgPlatformTx {
    async fn record_job_run(&mut self, run: &JobRun) -> Result<()> {
        // A line of history less after a crash of the database is not worth a disk's time for each job.
        sqlx::query!(
            r#"INSERT INTO job_runs (id, tenant_id, instance_id, task, attempt, outcome, error, started_at, finished_at)
               VALUES ($1, $2, $3, $4::text::varchar(100), $5, $6, $7, $9, $8)
               RETURNING set_config('synchronous_commit', 'off', true) AS "setting""#,
            Uuid::now_v7(),
            run.tenant.map(|tenant| tenant.0) as _,
            run.instance.map(|instance| instance.0) as _,
            run.task,
            run.attempt,
            run.outcome.as_str(),
            run.error as _,
            run.finished,
            run.started,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn last_success(&mut self, task: &str) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        // From the newest backwards: a job that is asked about runs at least every hour.
        let last = sqlx::query!(
            "SELECT started_at, finished_at FROM job_runs WHERE task = $1 AND outcome = 'succeeded'
             ORDER BY finished_at DESC LIMIT 1",
            task,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(last.map(|run| (run.started_at, run.finished_at)))
    }

    async fn prune_job_runs(&mut self, before: DateTime<Utc>, most: i64) -> Result<u64> {
        let pruned = sqlx::query!(
            "DELETE FROM job_runs WHERE id IN (
                 SELECT id FROM job_runs WHERE finished_at < $1 ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
            before,
            most,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(pruned.rows_affected())
    }

    async fn queued_jobs(&mut self, filter: &QueuedFilter) -> Result<Vec<QueuedJob>> {
        look(self, filter, None).await
    }

    async fn queued_job(&mut self, tenant: Option<TenantId>, id: i64) -> Result<Option<QueuedJob>> {
        let filter = QueuedFilter { tenant, state: None, before: None, limit: 1 };
        Ok(look(self, &filter, Some(id)).await?.pop())
    }

    async fn retry_job(&mut self, tenant: Option<TenantId>, id: i64, tries: i32) -> Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT forebay.retry_job($1, $2, $3) AS "done!""#,
            tenant.map(|tenant| tenant.0) as _,
            id,
            tries,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)
    }

    async fn drop_job(&mut self, tenant: Option<TenantId>, id: i64) -> Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT forebay.drop_job($1, $2) AS "done!""#,
            tenant.map(|tenant| tenant.0) as _,
            id,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)
    }
}

async fn look(tx: &mut PgPlatformTx, filter: &QueuedFilter, id: Option<i64>) -> Result<Vec<QueuedJob>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", task AS "task!", payload AS "payload!", state AS "state!", priority AS "priority!",
                  attempts AS "attempts!", max_attempts AS "max_attempts!", run_at AS "run_at!",
                  created_at AS "created_at!", locked_at, last_error
           FROM forebay.queued_jobs($1, $2, $3, $4, $5)"#,
        filter.tenant.map(|tenant| tenant.0) as _,
        id as _,
        filter.state.map(QueuedState::as_str) as _,
        filter.before as _,
        filter.limit,
    )
    .fetch_all(tx.conn())
    .await
    .map_err(convert)?;
    rows.into_iter()
        .map(|row| {
            Ok(QueuedJob {
                id: row.id,
                task: row.task,
                payload: row.payload,
                state: row.state.parse()?,
                priority: row.priority,
                attempts: row.attempts,
                max_attempts: row.max_attempts,
                run_at: row.run_at,
                created_at: row.created_at,
                running_since: row.locked_at,
                error: row.last_error,
            })
        })
        .collect()
}
