//! Sync as jobs.

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use super::engine;
use crate::{
    error::{Error, Result},
    jobs::{Job, JobError, JobRequest},
    services::Services,
};

/// How often [`PollMirrors`] runs: what falls due before the next time is nearer to this one.
const TICK: TimeDelta = TimeDelta::minutes(1);
/// The priority of a run's later turns: polls come first.
const NEXT_TURN: i32 = 30;

/// Backfills an instance, or catches up, for a while: see [`engine::run_slice`].
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

    /// A run takes turns of half a minute, and must not keep what is short waiting.
    const IS_LONG: bool = true;

    async fn run(self, services: &Services) -> Result<(), JobError> {
        match engine::run_slice(services, self.tenant, self.instance).await {
            Ok(_) => Ok(()),
            // Another worker or the command line is at it, or a person paused it.
            Err(Error::Conflict(reason)) => {
                tracing::info!(instance = %self.instance, reason, "not synced now");
                Ok(())
            }
            Err(Error::NotFound { .. }) => Ok(()),
            // The site wants to be left alone: it is asked again at that very moment.
            Err(error @ (Error::Paused { .. } | Error::RateLimited { .. })) => Err(error.into()),
            // The mirror's schedule says when it is tried again, ever later.
            Err(error) => Err(JobError::Settled(error)),
        }
    }
}

impl SyncInstance {
    /// The job that goes on where a turn ended, behind those that wait already.
    pub(super) fn next_turn(&self) -> Result<JobRequest> {
        Ok(JobRequest { priority: NEXT_TURN, ..self.request()? })
    }
}

/// Lets every mirror catch up whose time has come. Runs every minute.
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
        for (tenant, instance) in tx.due_mirrors(services.clock.now() + TICK / 2).await? {
            tx.enqueue(SyncInstance { tenant, instance }.request()?).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
