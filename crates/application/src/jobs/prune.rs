//! Forgetting what happened long ago: runs, webhook deliveries, attempts of jobs.

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Job, JobError};
use crate::{services::Services, tenant_context::TenantContext};

/// Rows that one transaction forgets.
const ROWS: i64 = 5_000;
/// An issue that was found missing before it was ever stored is of no interest to a page that is older than that: page
/// tokens live for 7 days (jira-facts 1.1).
const MISSING: TimeDelta = TimeDelta::days(8);

/// Forgets what is older than [`crate::sync::SyncSettings::keep`], of every tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PruneHistory {}

#[async_trait]
impl Job for PruneHistory {
    const NAME: &'static str = "prune_history";
    const PRIORITY: i32 = 40;

    fn key(&self) -> Option<String> {
        Some(Self::NAME.into())
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let now = services.clock.now();
        let before = now - services.sync.keep;
        let mut pruned = 0;
        let tenants = services.db.platform().await?.tenants().await?;
        for tenant in tenants {
            loop {
                let mut tx = services.db.tenant(&TenantContext::whole(tenant.id)).await?;
                let some = tx.prune_sync_history(before, now - MISSING, ROWS).await?;
                tx.commit().await?;
                pruned += some;
                if some == 0 {
                    break;
                }
            }
        }
        loop {
            let mut tx = services.db.platform().await?;
            let some = tx.prune_job_runs(before, ROWS).await?;
            tx.commit().await?;
            pruned += some;
            if some == 0 {
                break;
            }
        }
        if pruned > 0 {
            tracing::info!(pruned, "old history forgotten");
        }
        Ok(())
    }
}
