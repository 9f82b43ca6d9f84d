//! Adding jobs inside a transaction, through the one function that may: the queue's tables stay out of reach.

use application::{
    Result,
    jobs::{JobQueue, JobRequest},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

use super::{
    errors::convert,
    transaction::{PgPlatformTx, PgTenantTx},
};

#[async_trait]
impl JobQueue for PgTenantTx {
    async fn enqueue(&mut self, request: JobRequest) -> Result<()> {
        enqueue(self.conn(), std::slice::from_ref(&request)).await
    }

    async fn enqueue_all(&mut self, requests: &[JobRequest]) -> Result<()> {
        enqueue(self.conn(), requests).await
    }
}

#[async_trait]
impl JobQueue for PgPlatformTx {
    async fn enqueue(&mut self, request: JobRequest) -> Result<()> {
        enqueue(self.conn(), std::slice::from_ref(&request)).await
    }

    async fn enqueue_all(&mut self, requests: &[JobRequest]) -> Result<()> {
        enqueue(self.conn(), requests).await
    }
}

pub(super) async fn enqueue(conn: &mut PgConnection, jobs: &[JobRequest]) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = jobs.iter().map(|job| job.name).collect();
    let payloads: Vec<&Value> = jobs.iter().map(|job| &job.payload).collect();
    let lanes: Vec<Option<&str>> = jobs.iter().map(|job| job.lane.as_deref()).collect();
    let keys: Vec<Option<&str>> = jobs.iter().map(|job| job.key.as_deref()).collect();
    let priorities: Vec<i32> = jobs.iter().map(|job| job.priority).collect();
    let times: Vec<Option<DateTime<Utc>>> = jobs.iter().map(|job| job.run_at).collect();
    let attempts: Vec<i32> = jobs.iter().map(|job| job.max_attempts).collect();
    sqlx::query!(
        "SELECT forebay.enqueue_job(j.name, j.payload::json, j.lane, j.key, j.priority, j.run_at, j.max_attempts)
         FROM unnest($1::text[], $2::jsonb[], $3::text[], $4::text[], $5::int4[], $6::timestamptz[], $7::int4[])
              AS j (name, payload, lane, key, priority, run_at, max_attempts)",
        &names as _,
        &payloads as _,
        &lanes as _,
        &keys as _,
        &priorities,
        &times as _,
        &attempts,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
