//! Sync as jobs.

use async_trait::async_trait;
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use super::engine;
use crate::{
    error::{Error, Result},
    jobs::{Job, JobError},
    services::Services,
};

/// Backfills an instance, or catches up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncInstance {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
}

#[async_trait]
impl Job for SyncInstance {
    const NAME: &'static str = "sync_instance";
    const PRIORITY: i32 = 20;

    fn lane(&self) -> Option<String> {
        Some(format!("sync:{}", self.instance))
    }

    fn key(&self) -> Option<String> {
        Some(format!("sync:{}", self.instance))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        match engine::run(services, self.tenant, self.instance, &()).await {
            Ok(_) => Ok(()),
            // Another worker or the command line is at it.
            Err(Error::Conflict(reason)) => {
                tracing::info!(instance = %self.instance, reason, "not synced now");
                Ok(())
            }
            Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Lets every active mirror catch up. Runs every minute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PollMirrors {}

#[async_trait]
impl Job for PollMirrors {
    const NAME: &'static str = "poll_mirrors";
    const PRIORITY: i32 = 10;
    const MAX_ATTEMPTS: i32 = 1;

    fn key(&self) -> Option<String> {
        Some("poll_mirrors".into())
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let mut tx = services.db.platform().await?;
        for (tenant, instance) in tx.active_mirrors().await? {
            tx.enqueue(SyncInstance { tenant, instance }.request()?).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
