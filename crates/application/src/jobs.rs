//! Jobs: plain data, each with its name, lane and behaviour, listed once in [`for_each_job`].

mod prune;
mod queued;

use std::{str::FromStr, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use prune::PruneHistory;
pub use queued::{QueuedFilter, QueuedJob, QueuedState, discard, queued, queued_job, retry};

use crate::{
    error::{Error, Result},
    services::Services,
};

/// A job as the queue stores it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRequest {
    /// The job's name.
    pub name: &'static str,
    /// Its data.
    pub payload: Value,
    /// Its lane: jobs of one lane run one after another.
    pub lane: Option<String>,
    /// Its key: while one with that key waits, another replaces it.
    pub key: Option<String>,
    /// Lower runs first.
    pub priority: i32,
    /// Not before.
    pub run_at: Option<DateTime<Utc>>,
    /// After so many failures it is a dead letter.
    pub max_attempts: i32,
}

/// Adds jobs inside the caller's transaction: the job exists exactly if the data does.
#[async_trait]
pub trait JobQueue: Send {
    /// Adds a job.
    async fn enqueue(&mut self, request: JobRequest) -> Result<()>;

    /// Adds jobs, with one statement for all of them.
    async fn enqueue_all(&mut self, requests: &[JobRequest]) -> Result<()>;
}

/// Why a job did not succeed, and what is to be done about it.
#[derive(Debug)]
pub enum JobError {
    /// Try again with the queue's own backoff.
    Retry(Error),
    /// Try again, but not before that: what a 429 asks for.
    RetryAfter(Duration, Error),
    /// Never try again.
    Fail(Error),
    /// Failed, and the job itself has seen to what comes next: the queue is done with it.
    Settled(Error),
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::RateLimited { retry_after } | Error::Paused { retry_after, .. } => {
                Self::RetryAfter(retry_after, error)
            }
            error if error.is_retryable() => Self::Retry(error),
            error => Self::Fail(error),
        }
    }
}

/// A unit of background work.
#[async_trait]
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name in the queue; never reused for another meaning.
    const NAME: &'static str;
    /// Lower runs first: hints before polls before backfills.
    const PRIORITY: i32;
    /// After so many failures it is a dead letter.
    const MAX_ATTEMPTS: i32 = 10;
    /// Whether it may take long: such jobs share a part of a worker's slots, so that the others never wait for them.
    const IS_LONG: bool = false;

    /// Jobs of one lane run one after another.
    fn lane(&self) -> Option<String> {
        None
    }

    /// While one with that key waits, another replaces it.
    fn key(&self) -> Option<String> {
        None
    }

    /// Does the work. Must be safe to do twice.
    async fn run(self, services: &Services) -> Result<(), JobError>;

    /// The job as the queue stores it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the data cannot be serialised.
    fn request(&self) -> Result<JobRequest> {
        Ok(JobRequest {
            name: Self::NAME,
            payload: serde_json::to_value(self).map_err(Error::internal)?,
            lane: self.lane(),
            key: self.key(),
            priority: Self::PRIORITY,
            run_at: None,
            max_attempts: Self::MAX_ATTEMPTS,
        })
    }
}

/// One attempt of a job, over: what the queue forgets.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRun {
    /// The tenant it worked for; `None` for work across tenants.
    pub tenant: Option<TenantId>,
    /// The instance it worked on.
    pub instance: Option<InstanceId>,
    /// The job's name.
    pub task: String,
    /// Which attempt, from 1.
    pub attempt: i32,
    /// How it ended.
    pub outcome: JobOutcome,
    /// Why it did not succeed, without secrets.
    pub error: Option<String>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub finished: DateTime<Utc>,
}

/// How an attempt of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Done.
    Succeeded,
    /// Failed, and comes again.
    Retry,
    /// Waits as the other side asked.
    RetryAfter,
    /// Failed for good: a dead letter.
    Failed,
}

impl JobOutcome {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Retry => "retry",
            Self::RetryAfter => "retry_after",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for JobOutcome {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Succeeded, Self::Retry, Self::RetryAfter, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or_else(|| Error::internal(format!("`{text}` is no outcome of a job")))
    }
}

/// The history of a tenant's jobs.
#[async_trait]
pub trait JobHistory: Send {
    /// Attempts, newest first: at most `limit` of those that began before `before`.
    async fn job_runs(&mut self, before: Option<DateTime<Utc>>, limit: i64) -> Result<Vec<JobRun>>;
}

/// The queue and the history of jobs, of every tenant and of none.
#[async_trait]
pub trait JobRegistry: Send {
    /// Keeps an attempt.
    async fn record_job_run(&mut self, run: &JobRun) -> Result<()>;

    /// When the last successful attempt at a job of that name began and ended, as far as attempts are remembered.
    async fn last_success(&mut self, task: &str) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>>;

    /// Forgets attempts that ended before; answers how many, at most `most`.
    async fn prune_job_runs(&mut self, before: DateTime<Utc>, most: i64) -> Result<u64>;

    /// Jobs in the queue, newest first.
    async fn queued_jobs(&mut self, filter: &QueuedFilter) -> Result<Vec<QueuedJob>>;

    /// The job of that number, if it is the tenant's; any tenant's without one.
    async fn queued_job(&mut self, tenant: Option<TenantId>, id: i64) -> Result<Option<QueuedJob>>;

    /// Lets a job run now that does not run yet, with at least so many attempts; `false` when it cannot.
    async fn retry_job(&mut self, tenant: Option<TenantId>, id: i64, tries: i32) -> Result<bool>;

    /// Takes a job out of the queue that does not run yet; `false` when it cannot.
    async fn drop_job(&mut self, tenant: Option<TenantId>, id: i64) -> Result<bool>;
}

/// The one list of jobs. A worker registers what it expands to, so a job that is missing here cannot be enqueued by
/// name from anywhere, and one that is listed twice does not compile.
#[macro_export]
macro_rules! for_each_job {
    ($callback:ident) => {
        $callback! {
            $crate::sync::SyncInstance,
            $crate::sync::PollMirrors,
            $crate::sync::ReadNamed,
            $crate::sync::upkeep::UpkeepMirrors,
            $crate::sync::upkeep::CensusInstance,
            $crate::sync::upkeep::CheckDrift,
            $crate::sync::upkeep::RetryRejects,
            $crate::sync::reference::SyncReference,
            $crate::sync::worklogs::FollowWorklogs,
            $crate::webhooks::ProcessHint,
            $crate::webhooks::ProcessHintPatiently,
            $crate::webhooks::RingForHints,
            $crate::webhooks::DeliverWebhook,
            $crate::webhooks::KeepWebhook,
            $crate::pulse::RefreshMetrics,
            $crate::idempotency::PruneAnswers,
            $crate::jobs::PruneHistory,
        }
    };
}
