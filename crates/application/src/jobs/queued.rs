//! Jobs that wait, run or have died: looking at them, trying them again, dropping them.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::ids::TenantId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::{Caller, Scope},
    error::{Error, Result},
    services::Services,
    tenant_context::TenantContext,
};

/// A job that was given up may be tried so often once more.
const TRIES: i32 = 5;

/// How a job in the queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QueuedState {
    /// Not tried yet.
    Waiting,
    /// Failed, and comes again.
    Failing,
    /// A worker has it.
    Running,
    /// A dead letter: not tried again by itself.
    Dead,
}

impl QueuedState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Failing, Self::Running, Self::Dead];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Failing => "failing",
            Self::Running => "running",
            Self::Dead => "dead",
        }
    }
}

impl FromStr for QueuedState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid("state", format!("`{text}` is no state of a job; choose from {known}"))
        })
    }
}

/// A job in the queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueuedJob {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub task: String,
    /// Its data.
    pub payload: Value,
    /// How it stands.
    pub state: QueuedState,
    /// Lower runs first.
    pub priority: i32,
    /// How often it was tried.
    pub attempts: i32,
    /// After so many attempts it is dead.
    pub max_attempts: i32,
    /// Not before.
    pub run_at: DateTime<Utc>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// Since when a worker has it.
    pub running_since: Option<DateTime<Utc>>,
    /// Why it failed last.
    pub error: Option<String>,
}

/// Which jobs.
#[derive(Clone, Copy, Debug)]
pub struct QueuedFilter {
    /// Only of this tenant; of all, and of none, without.
    pub tenant: Option<TenantId>,
    /// Only in this state.
    pub state: Option<QueuedState>,
    /// Only with a smaller number.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i32,
}

/// The tenant's jobs, newest first.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `admin`, and for keys that are limited to projects: jobs are about whole sites.
pub async fn queued(
    services: &Services,
    caller: &Caller,
    state: Option<QueuedState>,
    before: Option<i64>,
    limit: i32,
) -> Result<Vec<QueuedJob>> {
    caller.require(Scope::Admin)?;
    caller.require_all_projects()?;
    let filter = QueuedFilter { tenant: Some(caller.tenant), state, before, limit };
    services.db.platform().await?.queued_jobs(&filter).await
}

/// One of the tenant's jobs.
///
/// # Errors
/// [`Error::NotFound`] when there is none of that number: it is done, or another tenant's.
pub async fn queued_job(services: &Services, caller: &Caller, id: i64) -> Result<QueuedJob> {
    caller.require(Scope::Admin)?;
    caller.require_all_projects()?;
    let job = services.db.platform().await?.queued_job(Some(caller.tenant), id).await?;
    job.ok_or_else(|| Error::not_found("job", id.to_string()))
}

/// Lets a job run now that waits or is dead.
///
/// # Errors
/// [`Error::NotFound`] as in [`queued_job`]; [`Error::Conflict`] while it runs.
pub async fn retry(services: &Services, caller: &Caller, id: i64) -> Result<()> {
    caller.permit(Action::RetryJob)?;
    let job = queued_job(services, caller, id).await?;
    let mut tx = services.db.platform().await?;
    settle(tx.retry_job(Some(caller.tenant), id, TRIES).await?, id)?;
    tx.commit().await?;
    record(services, caller, Action::RetryJob, &job).await
}

/// Takes a job out of the queue that waits or is dead.
///
/// # Errors
/// As [`retry`].
pub async fn discard(services: &Services, caller: &Caller, id: i64) -> Result<()> {
    caller.permit(Action::DropJob)?;
    let job = queued_job(services, caller, id).await?;
    let mut tx = services.db.platform().await?;
    settle(tx.drop_job(Some(caller.tenant), id).await?, id)?;
    tx.commit().await?;
    record(services, caller, Action::DropJob, &job).await
}

fn settle(done: bool, id: i64) -> Result<()> {
    let running = || Error::Conflict(format!("the job {id} is running: wait until it has ended"));
    done.then_some(()).ok_or_else(running)
}

async fn record(services: &Services, caller: &Caller, action: Action, job: &QueuedJob) -> Result<()> {
    let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
    let before =
        json!({ "task": job.task, "state": job.state, "attempts": job.attempts, "error": job.error });
    let (target, now) = (job.id.to_string(), services.clock.now());
    tx.record(NewAuditEntry::success(caller, None, action.as_str(), &target, before, Value::Null, now))
        .await?;
    tx.commit().await
}
