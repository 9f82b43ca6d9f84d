//! Hints: issues that are to be read again because somebody spoke of them. However often that is, each is open once.
//!
//! One job an instance reads those that are due, a hundred at a time, and goes on until none is. It has a key, and whoever adds a hint
//! rings for it: where it waits or runs, nothing is added, so that bursts neither fill the queue nor wait for each other. It
//! ends in the transaction that closes its last hints, and there waits for nobody who is just adding one: it looks again instead
//! (`forebay.settle_hints`).
//!
//! **Nobody starves.** The quick job has one of a worker's short slots, and waits in it neither for the ceiling of its site nor for a
//! pause. Where that, or a slow site, would keep it longer, the patient one goes on in a slot for long jobs, in its turn among the
//! syncs. The queue is asked for one batch at a time, behind whoever waits already.

mod keep;

use std::{pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use futures::future::{Either, select};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    instances::{self, Instance},
    jobs::{Job, JobError, JobRequest},
    lookups,
    ports::{JiraSite, Patience, TenantTx},
    services::Services,
    sync,
    tenant_context::TenantContext,
};

/// Read at once (jira-facts 1.4).
const AT_ONCE: i64 = 100;
/// A job goes on with its next hints for so long, before it lets others have its slot.
const TURN: TimeDelta = TimeDelta::seconds(2);
/// So long the quick job waits for a batch.
const QUICK: Duration = Duration::from_secs(10);
/// A site that takes so long for a batch is slow.
const SLOW: TimeDelta = TimeDelta::seconds(3);
/// So long a site may ask to wait for the patient job to wait in line.
const SOON: Duration = Duration::from_secs(60);
/// The longest pause after failures, in seconds.
const LONGEST_BACKOFF: i64 = 300;

/// An issue that is spoken of.
#[derive(Clone, Debug)]
pub struct Hint {
    /// Its numeric id.
    pub issue: String,
    /// Whether the event said that it was deleted: tells an honest presence from a lost permission.
    pub deleted: bool,
    /// When the event said that it was updated: what is read and older comes from a replica that lags (jira-facts 1.6).
    pub updated: Option<DateTime<Utc>>,
    /// It is read no sooner than after that.
    pub wait: Duration,
}

impl Hint {
    /// An issue of which nothing is known.
    pub fn of(issue: &str) -> Self {
        Self { issue: issue.to_owned(), deleted: false, updated: None, wait: Duration::ZERO }
    }
}

/// A hint that is open.
#[derive(Clone, Debug)]
pub struct OpenHint {
    /// The issue's numeric id.
    pub issue: String,
    /// Whether any event said that it was deleted.
    pub deleted: bool,
    /// The latest time at which an event said that it was updated.
    pub updated: Option<DateTime<Utc>>,
    /// When it was last spoken of.
    pub noted_at: DateTime<Utc>,
    /// How often it was read since, and was older.
    pub older: i32,
    /// How often its site had no answer.
    pub unread: i32,
}

/// What became of a hint that was looked at.
#[derive(Clone, Debug)]
pub struct Look {
    /// As it was taken: one that was spoken of since stays open.
    pub hint: OpenHint,
    /// When it is looked at again; `None` closes it.
    pub again_at: Option<DateTime<Utc>>,
}

/// Storage of hints.
#[async_trait]
pub trait HintStore: Send {
    /// Notes issues that are spoken of, and rings for the job that reads them.
    async fn hint(&mut self, instance: InstanceId, hints: &[Hint]) -> Result<()>;

    /// Rings for the job if hints are due; answers whether others wait for their time.
    async fn ring(&mut self, instance: InstanceId) -> Result<bool>;

    /// Hints that are due, the oldest first.
    async fn open_hints(&mut self, instance: InstanceId, most: i64) -> Result<Vec<OpenHint>>;

    /// Closes hints, and the deliveries that spoke of them, or has them looked at again. Then lets the job go if nothing is due: answers
    /// whether it did. `patiently` waits for whoever is about to add a hint; the answer is `false` otherwise.
    async fn settle_hints(&mut self, instance: InstanceId, looks: &[Look], patiently: bool) -> Result<bool>;
}

/// Reads the issues of an instance that somebody spoke of, without waiting for anything but its site's answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessHint {
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub instance: InstanceId,
    /// An issue that is to be noted first: before hints were kept by themselves, each was a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<String>,
    /// Whether an event said that this issue was deleted.
    #[serde(default)]
    pub deleted: bool,
    /// When the event said that this issue was updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<DateTime<Utc>>,
}

/// The same in its turn among the syncs, where it may wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessHintPatiently {
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub instance: InstanceId,
    /// How often it has failed since it last did not.
    #[serde(default)]
    pub failures: u32,
}

/// Rings for hints whose time has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RingForHints {
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub instance: InstanceId,
}

impl ProcessHint {
    /// The job of an instance.
    pub fn of(tenant: TenantId, instance: InstanceId) -> Self {
        Self { tenant, instance, issue: None, deleted: false, updated: None }
    }
}

impl RingForHints {
    /// How long it waits before it looks whether a time has come.
    pub const EVERY: TimeDelta = TimeDelta::seconds(5);
}

fn key(instance: InstanceId) -> String {
    format!("hint:{instance}")
}

#[async_trait]
impl Job for ProcessHint {
    const NAME: &'static str = "process_hint";
    /// After the jobs of the schedule, which have 0: without polls nothing else is sure.
    const PRIORITY: i32 = 5;

    fn key(&self) -> Option<String> {
        Some(key(self.instance))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        if let Some(issue) = &self.issue {
            let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
            let hint = Hint { deleted: self.deleted, updated: self.updated, ..Hint::of(issue) };
            tx.hint(self.instance, &[hint]).await?;
            return Ok(tx.commit().await?);
        }
        let turn =
            Turn { tenant: self.tenant, instance: self.instance, failures: 0, patience: Patience::Short };
        turn.run(services).await
    }
}

#[async_trait]
impl Job for ProcessHintPatiently {
    const NAME: &'static str = "process_hint_patiently";
    /// That of syncs: first come, first served.
    const PRIORITY: i32 = 20;
    const IS_LONG: bool = true;

    fn key(&self) -> Option<String> {
        Some(key(self.instance))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let Self { tenant, instance, failures } = self;
        Turn { tenant, instance, failures, patience: Patience::Long }.run(services).await
    }
}

#[async_trait]
impl Job for RingForHints {
    const NAME: &'static str = "ring_for_hints";
    const PRIORITY: i32 = 5;

    fn key(&self) -> Option<String> {
        Some(format!("{}:later", key(self.instance)))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        if tx.ring(self.instance).await? {
            let at = services.clock.now() + Self::EVERY;
            tx.enqueue(JobRequest { run_at: Some(at), ..self.request()? }).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Nothing is due, and the job has been let go.
    Over,
    /// Its time was over.
    Yielded,
}

/// One turn of the job, quick or patient.
struct Turn {
    tenant: TenantId,
    instance: InstanceId,
    failures: u32,
    patience: Patience,
}

impl Turn {
    async fn run(&self, services: &Services) -> Result<(), JobError> {
        let is_quick = self.patience == Patience::Short;
        if is_quick && services.sync.acquaintances.is_slow(self.instance, services.clock.now()) {
            return Ok(self.go_on(services, Patience::Long, 0, None).await?);
        }
        match self.read(services).await {
            Ok(Ended::Over) => Ok(()),
            Ok(Ended::Yielded) => {
                let is_slow = services.sync.acquaintances.is_slow(self.instance, services.clock.now());
                let patience = if is_slow { Patience::Long } else { Patience::Short };
                Ok(self.go_on(services, patience, 0, None).await?)
            }
            Err(Error::NotFound { .. }) => Ok(()),
            Err(Error::RateLimited { retry_after } | Error::Paused { retry_after, .. })
                if is_quick && retry_after <= SOON =>
            {
                Ok(self.go_on(services, Patience::Long, self.failures, None).await?)
            }
            Err(error @ (Error::RateLimited { .. } | Error::Paused { .. })) => Err(error.into()),
            // A delivery that was answered 202 must not be lost, to a passing refusal of our credentials for one.
            Err(error) => {
                if matches!(error, Error::NotAuthenticated(_) | Error::WrongAccount { .. }) {
                    services.sync.acquaintances.forget(self.instance);
                }
                let at = services.clock.now() + backoff(self.failures);
                self.go_on(services, Patience::Long, self.failures.saturating_add(1), Some(at)).await?;
                Err(JobError::Settled(error))
            }
        }
    }

    /// Adds the job that goes on, behind those that wait already.
    async fn go_on(
        &self,
        services: &Services,
        patience: Patience,
        failures: u32,
        run_at: Option<DateTime<Utc>>,
    ) -> Result<()> {
        let (tenant, instance) = (self.tenant, self.instance);
        let request = match patience {
            Patience::Short => ProcessHint::of(tenant, instance).request()?,
            Patience::Long => ProcessHintPatiently { tenant, instance, failures }.request()?,
        };
        let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
        tx.enqueue(JobRequest { run_at, ..request }).await?;
        tx.commit().await
    }

    /// Reads what is due, a batch at a time.
    async fn read(&self, services: &Services) -> Result<Ended> {
        let began = services.clock.now();
        let instance = lookups::instance_of(services, self.tenant, &self.instance.to_string()).await?;
        let mut site = None;
        loop {
            let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
            let hints = tx.open_hints(self.instance, AT_ONCE).await?;
            if hints.is_empty() {
                // Somebody was about to add one when this looked last, and has by now; or everything was done before.
                let is_over = tx.settle_hints(self.instance, &[], true).await?;
                tx.commit().await?;
                match is_over {
                    true => return Ok(Ended::Over),
                    false => continue,
                }
            }
            let (site, instance) = match &mut site {
                // No transaction is open while a site is waited for.
                Some(connected) => {
                    drop(tx);
                    connected
                }
                site => site.insert(self.connect(services, tx, &instance).await?),
            };
            let read_at = services.clock.now();
            let ids: Vec<String> = hints.iter().map(|hint| hint.issue.clone()).collect();
            let looked = sync::look_for(site.as_ref(), instance.dialect, &ids);
            let looked = self.in_time(services, looked).await?;
            let now = services.clock.now();
            if now - read_at >= SLOW {
                services.sync.acquaintances.note_slow(self.instance, now);
            }
            if keep::store(services, instance, &hints, looked, read_at).await? {
                return Ok(Ended::Over);
            }
            if services.clock.now() - began >= TURN {
                return Ok(Ended::Yielded);
            }
        }
    }

    /// A connection as the account that is expected, and the instance as the site says it is.
    async fn connect(
        &self,
        services: &Services,
        mut tx: Box<dyn TenantTx>,
        instance: &Instance,
    ) -> Result<(Arc<dyn JiraSite>, Instance)> {
        let connected = instances::connect_within(services, tx.as_mut(), instance, self.patience).await?;
        drop(tx);
        let dialect = self.in_time(services, connected.identified(services, self.tenant, instance)).await?;
        Ok((connected.site, Instance { dialect, ..instance.clone() }))
    }

    /// What a site answers within the patience of the job.
    async fn in_time<T>(&self, services: &Services, asked: impl Future<Output = Result<T>>) -> Result<T> {
        if self.patience == Patience::Long {
            return asked.await;
        }
        match select(pin!(asked), pin!(services.clock.sleep(QUICK))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => {
                services.sync.acquaintances.note_slow(self.instance, services.clock.now());
                Err(Error::RateLimited { retry_after: Duration::ZERO })
            }
        }
    }
}

/// A second, doubled with each failure.
fn backoff(failures: u32) -> TimeDelta {
    TimeDelta::seconds(LONGEST_BACKOFF.min(1_i64 << failures.min(16)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_fails_comes_again_ever_later_but_within_minutes() {
        assert_eq!(
            [0, 1, 2, 8, 9, 400].map(|failures| backoff(failures).num_seconds()),
            [1, 2, 4, 256, 300, 300]
        );
    }
}
