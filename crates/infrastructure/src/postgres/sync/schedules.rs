//! When mirrors are looked at next, and what is forgotten of how they were.

use std::collections::HashMap;

use application::{Result, sync::SyncSchedule};
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use sqlx::PgConnection;

use super::{super::errors::convert, PgTenantTx};

/// An error is of a whole site, so callers who are limited to projects read none.
pub(super) async fn all(
    conn: &mut PgConnection,
    instance: Option<InstanceId>,
) -> Result<HashMap<InstanceId, SyncSchedule>> {
    let rows = sqlx::query!(
        "SELECT instance_id, paused_at, anew_at, next_at, interval_seconds, failures,
                CASE WHEN forebay.reach() <> 'projects' THEN error END AS error
         FROM sync_schedules
         WHERE $1::uuid IS NULL OR instance_id = $1",
        instance.map(|id| id.0) as _,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let schedules = rows.into_iter().map(|row| {
        let schedule = SyncSchedule {
            paused_at: row.paused_at,
            anew_at: row.anew_at,
            next_at: row.next_at,
            interval_seconds: row.interval_seconds,
            failures: row.failures,
            error: row.error,
        };
        (InstanceId(row.instance_id), schedule)
    });
    Ok(schedules.collect())
}

pub(super) async fn plan(tx: &mut PgTenantTx, instance: InstanceId, schedule: &SyncSchedule) -> Result<()> {
    sqlx::query!(
        "INSERT INTO sync_schedules (tenant_id, instance_id, next_at, interval_seconds, failures, error)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, instance_id) DO UPDATE SET
             next_at = excluded.next_at, interval_seconds = excluded.interval_seconds,
             failures = excluded.failures, error = excluded.error",
        tx.tenant.0,
        instance.0,
        schedule.next_at as _,
        schedule.interval_seconds as _,
        schedule.failures,
        schedule.error.as_deref() as _,
    )
    .execute(tx.conn())
    .await
    .map_err(convert)?;
    Ok(())
}

pub(super) async fn pause(
    tx: &mut PgTenantTx,
    instance: InstanceId,
    since: Option<DateTime<Utc>>,
) -> Result<bool> {
    // Whoever resumes does not wait for what a failure had put off.
    let changed = sqlx::query!(
        "INSERT INTO sync_schedules AS s (tenant_id, instance_id, paused_at)
         SELECT $1, $2, $3 WHERE $3::timestamptz IS NOT NULL
            OR EXISTS (SELECT FROM sync_schedules x WHERE x.instance_id = $2)
         ON CONFLICT (tenant_id, instance_id) DO UPDATE SET
             paused_at = excluded.paused_at,
             next_at = CASE WHEN excluded.paused_at IS NULL THEN NULL ELSE s.next_at END
         WHERE (s.paused_at IS NULL) <> (excluded.paused_at IS NULL)",
        tx.tenant.0,
        instance.0,
        since as _,
    )
    .execute(tx.conn())
    .await
    .map_err(convert)?;
    Ok(changed.rows_affected() > 0)
}

/// See [`application::sync::SyncStore::prune_sync_history`].
pub(super) async fn prune(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    missing_before: DateTime<Utc>,
    most: i64,
) -> Result<u64> {
    let runs = sqlx::query!(
        "DELETE FROM sync_runs WHERE id IN (
             SELECT r.id FROM sync_runs r
             WHERE r.finished_at < $1 AND r.state <> 'running' AND EXISTS (
                 SELECT FROM sync_runs n
                 WHERE n.tenant_id = r.tenant_id AND n.instance_id = r.instance_id AND n.kind = r.kind
                   AND n.started_at > r.started_at)
             LIMIT $2)",
        before,
        most,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    let deliveries = sqlx::query!(
        "DELETE FROM webhook_inbox WHERE id IN (
             SELECT id FROM webhook_inbox WHERE received_at < $1 AND state <> 'received' LIMIT $2)",
        before,
        most,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    let missing = sqlx::query!("DELETE FROM missing_issues WHERE noted_at < $1", missing_before)
        .execute(&mut *conn)
        .await
        .map_err(convert)?;
    let proofs = prune_proofs(conn, before, most).await?;
    Ok(runs.rows_affected() + deliveries.rows_affected() + missing.rows_affected() + proofs)
}

/// Censuses that are over, but the latest of each instance, and what comparisons found.
async fn prune_proofs(conn: &mut PgConnection, before: DateTime<Utc>, most: i64) -> Result<u64> {
    let censuses = sqlx::query!(
        "DELETE FROM censuses WHERE id IN (
             SELECT c.id FROM censuses c
             WHERE c.finished_at < $1 AND EXISTS (
                 SELECT FROM censuses n
                 WHERE n.tenant_id = c.tenant_id AND n.instance_id = c.instance_id AND n.started_at > c.started_at)
             LIMIT $2)",
        before,
        most,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    let findings = sqlx::query!(
        "DELETE FROM drift_findings WHERE id IN (SELECT id FROM drift_findings WHERE found_at < $1 LIMIT $2)",
        before,
        most,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(censuses.rows_affected() + findings.rows_affected())
}
