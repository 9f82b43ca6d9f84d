//! Sync: keeping a mirror equal to its source.

mod engine;
mod job;
mod progress;
mod trouble;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use engine::{fetch_one, read_fetched, run, start};
pub use job::{PollMirrors, SyncInstance};
pub use progress::{Progress, ProgressSink};
pub use trouble::{SyncTrouble, TroubleStore, next_poll};

use crate::error::Result;

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// First full copy.
    Backfill,
    /// Overlap-window catch-up from the watermark.
    Poll,
}

impl RunKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Poll => "poll",
        }
    }
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// A worker holds its lease; once that has ended, another may take it over.
    Running,
    /// Done.
    Succeeded,
    /// Given up, with the reason.
    Failed,
    /// Ended by a person.
    Canceled,
}

impl RunState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// Counts of a run. `issues` and the like count rows fetched from the source, whether they differed or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Issues.
    pub issues: u64,
    /// Comments.
    pub comments: u64,
    /// Items of histories.
    pub changelog_items: u64,
    /// Worklogs.
    pub worklogs: u64,
    /// HTTP requests sent.
    pub requests: u64,
    /// Those that repeated an earlier one.
    pub retries: u64,
    /// Rows kept aside because they could not be read.
    pub rejected: u64,
}

/// A run as stored.
#[derive(Clone, Debug, Serialize)]
pub struct SyncRun {
    /// Its id.
    pub id: Uuid,
    /// Its instance.
    pub instance_id: InstanceId,
    /// What it does.
    pub kind: RunKind,
    /// How it stands.
    pub state: RunState,
    /// The present step, for people.
    pub step: String,
    /// Issues done.
    pub done: u64,
    /// Issues in all, where the site tells.
    pub total: Option<u64>,
    /// Counts so far.
    #[serde(flatten)]
    pub counts: RunCounts,
    /// Why it failed.
    pub error: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it last made progress.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Where to go on after a kill.
    #[serde(skip)]
    pub checkpoint: Option<Value>,
}

/// A lease on an instance's sync: one holder at a time.
#[derive(Clone, Debug)]
pub struct RunLease {
    /// The run, new or taken over.
    pub run: SyncRun,
    /// Who holds it.
    pub holder: Uuid,
}

/// What a checkpoint writes, in the same transaction as the page it describes.
#[derive(Clone, Debug)]
pub struct RunUpdate {
    /// The present step.
    pub step: String,
    /// Issues done.
    pub done: u64,
    /// Issues in all.
    pub total: Option<u64>,
    /// Counts so far.
    pub counts: RunCounts,
    /// Where to go on.
    pub checkpoint: Option<Value>,
    /// The lease is renewed until then.
    pub lease_until: DateTime<Utc>,
}

/// How fresh a mirror is.
#[derive(Clone, Debug, Serialize)]
pub struct SyncStatus {
    /// The instance's name.
    pub instance: String,
    /// The instance.
    pub instance_id: InstanceId,
    /// Present issues in the copy.
    pub issues: u64,
    /// The largest `updated` stored.
    pub watermark: Option<DateTime<Utc>>,
    /// When the copy was last proved to reach the source's present.
    pub last_proof: Option<DateTime<Utc>>,
    /// The latest run.
    pub run: Option<SyncRun>,
}

/// Storage of runs and watermarks.
#[async_trait]
pub trait SyncStore: Send {
    /// Begins a run, or takes over one whose lease has ended. `None` while another holder's lease lasts.
    async fn acquire_run(
        &mut self,
        instance: InstanceId,
        kind: RunKind,
        holder: Uuid,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<RunLease>>;

    /// Writes a checkpoint and renews the lease.
    ///
    /// # Errors
    /// [`crate::error::Error::Conflict`] when the lease was lost.
    async fn checkpoint(&mut self, lease: &RunLease, update: &RunUpdate) -> Result<()>;

    /// Ends a run. `update` is written with it.
    async fn finish_run(
        &mut self,
        lease: &RunLease,
        state: RunState,
        error: Option<&str>,
        update: &RunUpdate,
        at: DateTime<Utc>,
    ) -> Result<()>;

    /// The latest run of an instance.
    async fn latest_run(&mut self, instance: InstanceId) -> Result<Option<SyncRun>>;

    /// The run of this id.
    async fn run(&mut self, id: Uuid) -> Result<Option<SyncRun>>;

    /// The watermark of a collection: the largest `updated` stored.
    async fn watermark(&mut self, instance: InstanceId, entity: &str) -> Result<Option<DateTime<Utc>>>;

    /// Raises the watermark (it never falls) and notes the proof.
    async fn raise_watermark(
        &mut self,
        instance: InstanceId,
        entity: &str,
        updated: Option<DateTime<Utc>>,
        proof: DateTime<Utc>,
    ) -> Result<()>;

    /// The freshness of every mirror of the tenant, or of one.
    async fn sync_status(&mut self, instance: Option<InstanceId>) -> Result<Vec<SyncStatus>>;

    /// Keeps a row aside that could not be read.
    async fn reject(
        &mut self,
        instance: InstanceId,
        jira_id: Option<&str>,
        reason: &str,
        raw: &Value,
    ) -> Result<()>;
}
