//! Adding jobs inside a transaction, through the one function that may: the queue's tables stay out of reach.

use application::{
    Result,
    jobs::{JobQueue, JobRequest},
};
use async_trait::async_trait;
use sqlx::PgConnection;

use super::{
    errors::convert,
    transaction::{PgPlatformTx, PgTenantTx},
};

#[async_trait]
impl JobQueue for PgTenantTx {
    async fn enqueue(&mut self, request: JobRequest) -> Result<()> {
        enqueue(self.conn(), &request).await
    }
}

#[async_trait]
impl JobQueue for PgPlatformTx {
    async fn enqueue(&mut self, request: JobRequest) -> Result<()> {
        enqueue(self.conn(), &request).await
    }
}

async fn enqueue(conn: &mut PgConnection, job: &JobRequest) -> Result<()> {
    sqlx::query!(
        "SELECT forebay.enqueue_job($1, $2::jsonb::json, $3, $4, $5, $6, $7)",
        job.name,
        job.payload,
        job.lane.as_deref() as _,
        job.key.as_deref() as _,
        job.priority,
        job.run_at as _,
        job.max_attempts,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
