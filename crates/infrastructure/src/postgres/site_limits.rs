//! Limits of sites and what has been spent there.

use application::{
    Error, Result,
    site_limits::{SiteDay, SiteGauges, SiteLimitStore, SiteLimits, SitePlatform, SiteSpending},
};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{InstanceId, TenantId};
use serde_json::Value;

use super::{
    errors::convert,
    transaction::{PgPlatformTx, PgTenantTx},
};

struct StoredLimits {
    full_at: Option<DateTime<Utc>>,
    pauses: Value,
    refused: i32,
    failures: i32,
    per_minute: Option<f64>,
    adapted_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

impl StoredLimits {
    fn read(self) -> Result<(DateTime<Utc>, SiteLimits)> {
        let limits = SiteLimits {
            full_at: self.full_at,
            pauses: serde_json::from_value(self.pauses).map_err(Error::internal)?,
            refused: self.refused,
            failures: self.failures,
            per_minute: self.per_minute,
            adapted_at: self.adapted_at,
        };
        Ok((self.now, limits))
    }
}

#[async_trait]
impl SiteLimitStore for PgTenantTx {
    async fn lock_site_limits(&mut self, instance: InstanceId) -> Result<(DateTime<Utc>, SiteLimits)> {
        if let Some(stored) = self.locked(instance).await? {
            return stored.read();
        }
        sqlx::query!(
            "INSERT INTO site_limits (tenant_id, instance_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            self.tenant.0,
            instance.0
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        let stored = self.locked(instance).await?;
        stored.ok_or_else(|| Error::not_found("instance", instance.to_string()))?.read()
    }

    async fn keep_site_limits(&mut self, instance: InstanceId, limits: &SiteLimits) -> Result<()> {
        sqlx::query!(
            "UPDATE site_limits SET full_at = $2, pauses = $3, refused = $4, failures = $5, per_minute = $6, adapted_at = $7
             WHERE instance_id = $1",
            instance.0,
            limits.full_at,
            serde_json::to_value(&limits.pauses).map_err(Error::internal)?,
            limits.refused,
            limits.failures,
            limits.per_minute,
            limits.adapted_at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn take_site_turn(
        &mut self,
        instance: InstanceId,
        limits: &SiteLimits,
        spent: &SiteSpending,
    ) -> Result<()> {
        // One request more or less after a crash of the database is not worth a disk's time for each.
        sqlx::query!(
            r#"UPDATE site_limits SET full_at = $2, pauses = $3 WHERE instance_id = $1
               RETURNING set_config('synchronous_commit', 'off', true) AS "setting""#,
            instance.0,
            limits.full_at,
            serde_json::to_value(&limits.pauses).map_err(Error::internal)?,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        self.add_site_spending(instance, spent).await
    }

    async fn add_site_spending(&mut self, instance: InstanceId, spent: &SiteSpending) -> Result<()> {
        sqlx::query!(
            "INSERT INTO site_usage AS u (tenant_id, instance_id, day, requests, retries, refused, failed, points, bytes, throttled_ms)
             VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (tenant_id, instance_id, day) DO UPDATE
             SET requests = u.requests + excluded.requests, retries = u.retries + excluded.retries,
                 refused = u.refused + excluded.refused, failed = u.failed + excluded.failed,
                 points = u.points + excluded.points, bytes = u.bytes + excluded.bytes,
                 throttled_ms = u.throttled_ms + excluded.throttled_ms",
            self.tenant.0,
            instance.0,
            signed(spent.requests),
            signed(spent.retries),
            signed(spent.refused),
            signed(spent.failed),
            signed(spent.points),
            signed(spent.bytes),
            signed(spent.throttled_ms),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn site_limits(&mut self, instance: InstanceId) -> Result<SiteLimits> {
        let stored = sqlx::query_as!(
            StoredLimits,
            r#"SELECT full_at, pauses, refused, failures, per_minute, adapted_at, clock_timestamp() AS "now!"
               FROM site_limits WHERE instance_id = $1"#,
            instance.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        stored.map_or_else(|| Ok(SiteLimits::default()), |stored| stored.read().map(|(_, limits)| limits))
    }

    async fn site_days(&mut self, instance: InstanceId, since: NaiveDate) -> Result<Vec<SiteDay>> {
        let rows = sqlx::query!(
            "SELECT day, requests, retries, refused, failed, points, bytes, throttled_ms FROM site_usage
             WHERE instance_id = $1 AND day >= $2 ORDER BY day DESC",
            instance.0,
            since
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let days = rows.into_iter().map(|row| SiteDay {
            day: row.day,
            spent: SiteSpending {
                requests: row.requests.unsigned_abs(),
                retries: row.retries.unsigned_abs(),
                refused: row.refused.unsigned_abs(),
                failed: row.failed.unsigned_abs(),
                points: row.points.unsigned_abs(),
                bytes: row.bytes.unsigned_abs(),
                throttled_ms: row.throttled_ms.unsigned_abs(),
            },
        });
        Ok(days.collect())
    }
}

#[async_trait]
impl SitePlatform for PgPlatformTx {
    async fn site_gauges(&mut self) -> Result<Vec<SiteGauges>> {
        let rows = sqlx::query!(
            r#"SELECT tenant_id AS "tenant_id!", instance_id AS "instance_id!", requests AS "requests!", points AS "points!",
                      refused AS "refused!", failed AS "failed!", throttled_ms AS "throttled_ms!", pace, paused_until,
                      run_done AS "run_done!", run_total AS "run_total!", run_worked_ms AS "run_worked_ms!",
                      webhooks_waiting AS "webhooks_waiting!", webhooks_since
               FROM forebay.site_gauges()"#
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let gauges = rows.into_iter().map(|row| SiteGauges {
            tenant: TenantId(row.tenant_id),
            instance: InstanceId(row.instance_id),
            today: SiteSpending {
                requests: row.requests.unsigned_abs(),
                points: row.points.unsigned_abs(),
                refused: row.refused.unsigned_abs(),
                failed: row.failed.unsigned_abs(),
                throttled_ms: row.throttled_ms.unsigned_abs(),
                ..SiteSpending::default()
            },
            pace: row.pace,
            paused_until: row.paused_until,
            run_done: row.run_done.unsigned_abs(),
            run_total: row.run_total.unsigned_abs(),
            run_worked_ms: row.run_worked_ms.unsigned_abs(),
            webhooks_waiting: row.webhooks_waiting.unsigned_abs(),
            webhooks_since: row.webhooks_since,
        });
        Ok(gauges.collect())
    }
}

impl PgTenantTx {
    async fn locked(&mut self, instance: InstanceId) -> Result<Option<StoredLimits>> {
        sqlx::query_as!(
            StoredLimits,
            r#"SELECT full_at, pauses, refused, failures, per_minute, adapted_at, clock_timestamp() AS "now!"
               FROM site_limits WHERE instance_id = $1 FOR NO KEY UPDATE"#,
            instance.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
