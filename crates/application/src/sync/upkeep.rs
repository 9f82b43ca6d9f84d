//! What keeps mirrors honest beside syncing them, as jobs: censuses, comparisons, and another look at rows that were kept aside.

use async_trait::async_trait;
use chrono::Duration;
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use super::{
    census::{self, CensusState},
    drift, losses, rejects,
};
use crate::{
    error::{Error, Result},
    jobs::{Job, JobError, JobRequest},
    services::Services,
    tenant_context::TenantContext,
    webhooks::{KeepWebhook, RingForHints},
};

/// The priority of all upkeep, rounds over lists included: of the jobs of a mirror's lane the one goes first that has waited longest. A
/// turn that was not enough waits behind all the others for its next one, so that none keeps another from its own.
pub(crate) const PRIORITY: i32 = 26;
/// By so much [`UpkeepMirrors`] may come early.
const ABOUT: Duration = Duration::minutes(5);
/// Between two censuses because of what hints miss.
const MISSED_APART: Duration = Duration::minutes(15);

/// Asks for the upkeep of every active mirror; each job sees for itself whether it is due. Runs every hour.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpkeepMirrors {}

#[async_trait]
impl Job for UpkeepMirrors {
    const NAME: &'static str = "upkeep_mirrors";
    const PRIORITY: i32 = 30;
    const MAX_ATTEMPTS: i32 = 1;

    fn key(&self) -> Option<String> {
        Some("upkeep_mirrors".into())
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let mut tx = services.db.platform().await?;
        for (tenant, instance) in tx.active_mirrors().await? {
            tx.enqueue(CensusInstance { tenant, instance, cause: Cause::Scheduled }.request()?).await?;
            tx.enqueue(CheckDrift { tenant, instance, left: None }.request()?).await?;
            tx.enqueue(RetryRejects { tenant, instance }.request()?).await?;
            // Whatever ended without a word leaves its hints behind.
            tx.enqueue(RingForHints { tenant, instance }.request()?).await?;
            tx.enqueue(KeepWebhook { tenant, instance }.request()?).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Why a census is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// If it is time.
    Scheduled,
    /// Somebody asked.
    Asked,
    /// Somebody let one go on that was held: that one, and no other.
    Accepted,
    /// Hints miss more issues than they may take out: see [`losses`].
    Missed,
}

/// Takes the census of a mirror.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CensusInstance {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
    /// Why.
    pub cause: Cause,
}

impl CensusInstance {
    async fn is_wanted(&self, services: &Services) -> Result<bool> {
        let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let latest = tx.latest_census(self.instance).await?;
        Ok(match self.cause {
            Cause::Asked => true,
            Cause::Missed => losses::ask_for_a_census(latest.map(|census| census.state)),
            Cause::Accepted => latest.is_some_and(|census| census.state == CensusState::Running),
            Cause::Scheduled => {
                let every = i64::from(tx.census_settings(self.instance).await?.every_hours);
                let failures = tx.failed_censuses(self.instance).await?;
                let pause = until_the_next(Duration::hours(every), failures);
                let is_due =
                    latest.as_ref().is_none_or(|census| services.clock.now() - census.started_at >= pause);
                // One that was broken off, or waits for its site, goes on.
                let is_open = latest.as_ref().is_some_and(|census| census.state == CensusState::Running);
                is_open || (every > 0 && is_due)
            }
        })
    }
}

impl CensusInstance {
    /// Puts a census that hints ask for off until some time after the one before: they may ask again and again.
    async fn waits(&self, services: &Services) -> Result<bool> {
        if self.cause != Cause::Missed {
            return Ok(false);
        }
        let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let latest = tx.latest_census(self.instance).await?;
        let Some(latest) = latest.filter(|census| census.state != CensusState::Running) else {
            return Ok(false);
        };
        let at = latest.started_at + MISSED_APART;
        if at <= services.clock.now() {
            return Ok(false);
        }
        tx.enqueue(JobRequest { run_at: Some(at), ..self.request()? }).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// How long after the beginning of one census the next one is due: after one that failed in an hour, then in two, four ... and never
/// later than it would be anyway. Whether it is time is looked at about once an hour.
fn until_the_next(every: Duration, failures: u32) -> Duration {
    if failures == 0 {
        return every;
    }
    let hours = 1_i64 << (failures - 1).min(16);
    (Duration::hours(hours) - ABOUT).min(every)
}

#[async_trait]
impl Job for CensusInstance {
    const NAME: &'static str = "census_instance";
    const PRIORITY: i32 = PRIORITY;
    const MAX_ATTEMPTS: i32 = 5;
    /// It takes turns, as runs of a sync do.
    const IS_LONG: bool = true;

    fn lane(&self) -> Option<String> {
        Some(format!("upkeep:{}", self.instance))
    }

    fn key(&self) -> Option<String> {
        Some(format!("census:{}:{:?}", self.instance, self.cause).to_lowercase())
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        if !self.is_wanted(services).await? || self.waits(services).await? {
            return Ok(());
        }
        let turn = census::run_slice(services, self.tenant, self.instance).await;
        if turn.as_ref().is_ok_and(|census| census.state == CensusState::Running) {
            let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
            tx.enqueue(self.request()?).await?;
            tx.commit().await?;
        }
        settled(turn.map(drop))
    }
}

/// Compares some more issues of a mirror with their source: see [`drift`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckDrift {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
    /// How many issues an earlier turn left of the hour's share; a whole share without one.
    #[serde(default)]
    pub left: Option<u64>,
}

#[async_trait]
impl Job for CheckDrift {
    const NAME: &'static str = "check_drift";
    const PRIORITY: i32 = PRIORITY;
    const MAX_ATTEMPTS: i32 = 3;
    /// It takes turns, as runs of a sync do.
    const IS_LONG: bool = true;

    fn lane(&self) -> Option<String> {
        Some(format!("upkeep:{}", self.instance))
    }

    fn key(&self) -> Option<String> {
        Some(format!("drift:{}", self.instance))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let share = drift::Share::AnHour(self.left);
        let turn = drift::check(services, self.tenant, self.instance, share).await;
        if let Ok(drift::DriftReport { left: left @ Some(_), .. }) = turn {
            let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
            tx.enqueue(Self { left, ..self }.request()?).await?;
            tx.commit().await?;
        }
        settled(turn.map(drop))
    }
}

/// Looks again at rows that were kept aside: see [`rejects`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetryRejects {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
}

#[async_trait]
impl Job for RetryRejects {
    const NAME: &'static str = "retry_rejects";
    const PRIORITY: i32 = PRIORITY;
    const MAX_ATTEMPTS: i32 = 3;
    const IS_LONG: bool = true;

    fn lane(&self) -> Option<String> {
        Some(format!("upkeep:{}", self.instance))
    }

    fn key(&self) -> Option<String> {
        Some(format!("rejects:{}", self.instance))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        settled(rejects::retry_due(services, self.tenant, self.instance).await.map(drop))
    }
}

/// Another worker is at it, or there is nothing to do yet, or the instance is gone: none of these is to be tried again.
fn settled(outcome: Result<()>) -> Result<(), JobError> {
    match outcome {
        Err(Error::Conflict(reason)) => {
            tracing::info!(reason, "not now");
            Ok(())
        }
        Err(Error::NotFound { .. }) => Ok(()),
        other => other.map_err(JobError::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_census_that_failed_is_taken_again_ever_later_but_no_later_than_the_next_day() {
        let minutes = |failures| until_the_next(Duration::hours(24), failures).num_minutes();
        assert_eq!([0, 1, 2, 3, 5, 6, 1_000].map(minutes), [1_440, 55, 115, 235, 955, 1_440, 1_440]);
        assert_eq!(until_the_next(Duration::hours(1), 4), Duration::hours(1));
    }
}
