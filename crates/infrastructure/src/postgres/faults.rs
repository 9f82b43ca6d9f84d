//! Fault plans of sandboxes, and what they have injected.

use std::collections::BTreeMap;

use application::{
    Error, Result,
    sandbox::faults::{FaultStore, StoredPlan},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl FaultStore for PgTenantTx {
    async fn fault_plan(&mut self, instance: InstanceId) -> Result<Option<StoredPlan>> {
        let row = sqlx::query!(
            "SELECT revision, plan, set_at FROM sandbox_faults WHERE instance_id = $1",
            instance.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        let Some(row) = row else { return Ok(None) };
        let plan = row.plan.map(serde_json::from_value).transpose().map_err(Error::internal)?;
        Ok(Some(StoredPlan { revision: row.revision, plan, set_at: row.set_at }))
    }

    async fn set_fault_plan(&mut self, instance: InstanceId, plan: &StoredPlan) -> Result<()> {
        let written = plan.plan.as_ref().map(serde_json::to_value).transpose().map_err(Error::internal)?;
        sqlx::query!(
            "INSERT INTO sandbox_faults (tenant_id, instance_id, revision, plan, set_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, instance_id)
             DO UPDATE SET revision = excluded.revision, plan = excluded.plan, set_at = excluded.set_at",
            self.tenant.0,
            instance.0,
            plan.revision,
            written as _,
            plan.set_at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        sqlx::query!(
            "DELETE FROM sandbox_fault_counts WHERE instance_id = $1 AND revision <> $2",
            instance.0,
            plan.revision
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn clear_fault_plan(&mut self, instance: InstanceId, at: DateTime<Utc>) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE sandbox_faults SET plan = NULL, set_at = $2 WHERE instance_id = $1 AND plan IS NOT NULL",
            instance.0,
            at
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }

    async fn count_faults(
        &mut self,
        instance: InstanceId,
        revision: Uuid,
        counts: &BTreeMap<&'static str, u64>,
    ) -> Result<()> {
        let (kinds, injected): (Vec<&str>, Vec<i64>) =
            counts.iter().map(|(kind, count)| (*kind, i64::try_from(*count).unwrap_or(i64::MAX))).unzip();
        // In the order of the kinds, which is the map's: two processes that count at once wait for each other, and no more.
        sqlx::query!(
            "INSERT INTO sandbox_fault_counts (tenant_id, instance_id, revision, kind, injected)
             SELECT $1, $2, $3, c.kind, c.injected FROM UNNEST($4::text[], $5::bigint[]) AS c (kind, injected)
             ON CONFLICT (tenant_id, instance_id, revision, kind)
             DO UPDATE SET injected = sandbox_fault_counts.injected + excluded.injected",
            self.tenant.0,
            instance.0,
            revision,
            &kinds as _,
            &injected,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        for (kind, count) in counts {
            metrics::counter!("forebay_sandbox_faults_total", "kind" => *kind).increment(*count);
        }
        Ok(())
    }

    async fn fault_counts(&mut self, instance: InstanceId, revision: Uuid) -> Result<BTreeMap<String, u64>> {
        let rows = sqlx::query!(
            "SELECT kind, injected FROM sandbox_fault_counts WHERE instance_id = $1 AND revision = $2",
            instance.0,
            revision
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (row.kind, row.injected.unsigned_abs())).collect())
    }
}
