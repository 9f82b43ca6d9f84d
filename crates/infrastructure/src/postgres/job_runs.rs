//! The history of jobs.

use application::{
    Result,
    jobs::{JobHistory, JobRegistry, JobRun},
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
    /// A few old rows go with each new one, so that the table needs nobody to look after it.
    async fn record_job_run(&mut self, run: &JobRun) -> Result<()> {
        sqlx::query!(
            "WITH old AS (
                 DELETE FROM job_runs WHERE id IN (
                     SELECT id FROM job_runs WHERE finished_at < $8::timestamptz - interval '30 days'
                     ORDER BY finished_at LIMIT 10 FOR UPDATE SKIP LOCKED)
             )
             INSERT INTO job_runs (id, tenant_id, instance_id, task, attempt, outcome, error, started_at, finished_at)
             VALUES ($1, $2, $3, $4::text::varchar(100), $5, $6, $7, $9, $8)",
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
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }
}
