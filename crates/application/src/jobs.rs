//! Jobs: plain data, each with its name, lane and behaviour, listed once in [`for_each_job`].

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

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
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::RateLimited { retry_after } => Self::RetryAfter(retry_after, error),
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

/// The one list of jobs. A worker registers what it expands to, so a job that is missing here cannot be enqueued by
/// name from anywhere, and one that is listed twice does not compile.
#[macro_export]
macro_rules! for_each_job {
    ($callback:ident) => {
        $callback! {
            $crate::sync::SyncInstance,
            $crate::sync::PollMirrors,
            $crate::webhooks::ProcessHint,
            $crate::webhooks::DeliverWebhook,
            $crate::pulse::RefreshMetrics,
            $crate::idempotency::PruneAnswers,
        }
    };
}
