//! Sync: keeping a mirror equal to its source.

mod acquaintance;
mod appetite;
mod backfill;
pub mod census;
mod control;
pub mod drift;
mod engine;
pub mod freshness;
mod job;
mod late;
mod look;
pub mod losses;
mod memory;
mod named;
mod pace;
mod pages;
mod poll;
pub mod presence;
mod progress;
mod ranges;
pub mod reference;
pub mod rejects;
mod schedule;
mod trouble;
pub mod upkeep;
mod work;
pub mod worklogs;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use acquaintance::Acquaintances;
pub(crate) use acquaintance::CredentialVersion;
pub use control::{begin_anew, cancel, pause, resume, start};
pub use engine::{Ended, run, run_slice};
pub use job::{PollMirrors, SyncInstance};
pub(crate) use look::{Looked, look_for};
pub use look::{fetch_one, read_fetched};
pub use memory::PageMemory;
pub(crate) use memory::bytes_of;
pub use named::ReadNamed;
pub use pages::Position;
pub use progress::{Progress, ProgressSink};
pub use ranges::{Range, StoredRange};
pub use schedule::{SyncSchedule, SyncSettings};
pub use trouble::{SyncTrouble, TroubleStore, next_poll};
pub(crate) use work::STORE_TRIES;

use crate::{error::Result, issues::IssueBundle};

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

/// The collection of backfills and polls, and the watermark by which a mirror's freshness is told.
pub const ISSUES: &str = "issues";

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
    /// Milliseconds that requests waited because the site, or our own ceiling, asked them to.
    pub throttled_ms: u64,
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
    /// Milliseconds that a worker was at it: what rates are told by.
    pub worked_ms: u64,
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

/// What a checkpoint adds to a run, in the same transaction as the page it describes. Several tasks add to one run.
#[derive(Clone, Debug)]
pub struct RunUpdate {
    /// The present step.
    pub step: String,
    /// Issues done since the last one.
    pub done: u64,
    /// Issues in all; `None` leaves what was known.
    pub total: Option<u64>,
    /// Counts since the last one.
    pub counts: RunCounts,
    /// Milliseconds worked since the last one.
    pub worked_ms: u64,
    /// Where to go on; `None` leaves what was stored.
    pub checkpoint: Option<Value>,
    /// The lease is renewed until then; now gives it back.
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
    /// When it is looked at next, and why not sooner.
    pub schedule: SyncSchedule,
}

/// Storage of runs and watermarks.
#[async_trait]
pub trait SyncStore: Send {
    /// Begins a run, or takes over one whose lease has ended. A new run is a poll once a backfill has succeeded, which its watermark
    /// tells, and a backfill before. It goes on where one of its kind failed before it, with its counts. `None` while another
    /// holder's lease lasts.
    async fn acquire_run(
        &mut self,
        instance: InstanceId,
        holder: Uuid,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<RunLease>>;

    /// Writes a checkpoint and renews the lease.
    ///
    /// # Errors
    /// [`crate::error::Error::Conflict`] when the lease was lost.
    async fn checkpoint(&mut self, lease: &RunLease, update: &RunUpdate) -> Result<()>;

    /// Renews the lease alone.
    ///
    /// # Errors
    /// [`crate::error::Error::Conflict`] when the lease was lost.
    async fn renew_run(&mut self, lease: &RunLease, lease_until: DateTime<Utc>) -> Result<()>;

    /// Ends a run. `update` is added with it.
    async fn finish_run(
        &mut self,
        lease: &RunLease,
        state: RunState,
        error: Option<&str>,
        update: &RunUpdate,
        at: DateTime<Utc>,
    ) -> Result<()>;

    /// Ends whatever run of the collection goes on, whoever holds it; answers it as it was. Its holder writes nothing more.
    async fn cancel_run(
        &mut self,
        instance: InstanceId,
        collection: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<SyncRun>>;

    /// Takes the lease of whatever run of the collection goes on away from its holder: another may take it over at once.
    async fn take_run(&mut self, instance: InstanceId, collection: &str, at: DateTime<Utc>) -> Result<()>;

    /// The latest backfill or poll of an instance.
    async fn latest_run(&mut self, instance: InstanceId) -> Result<Option<SyncRun>>;

    /// The run of this id.
    async fn run(&mut self, id: Uuid) -> Result<Option<SyncRun>>;

    /// The watermark of a collection: the largest `updated` stored.
    async fn watermark(&mut self, instance: InstanceId, entity: &str) -> Result<Option<DateTime<Utc>>>;

    /// Raises the watermark (it never falls, and never passes the present) and notes the proof; both where there is one.
    async fn raise_watermark(
        &mut self,
        instance: InstanceId,
        entity: &str,
        updated: Option<DateTime<Utc>>,
        proof: Option<DateTime<Utc>>,
    ) -> Result<()>;

    /// The freshness of every mirror of the tenant, or of one.
    async fn sync_status(&mut self, instance: Option<InstanceId>) -> Result<Vec<SyncStatus>>;

    /// Adds ranges of a backfill in place of another one.
    async fn put_ranges(
        &mut self,
        instance: InstanceId,
        replaced: Option<Uuid>,
        ranges: &[StoredRange],
    ) -> Result<()>;

    /// The newest range of a backfill that is none of `taken`; `None` when there is no other.
    async fn next_range(&mut self, instance: InstanceId, taken: &[Uuid]) -> Result<Option<StoredRange>>;

    /// Notes where a range goes on, or that it is done: then it is forgotten.
    async fn move_range(&mut self, id: Uuid, position: &Position) -> Result<()>;

    /// Forgets all ranges of an instance's backfill; answers how many there were.
    async fn drop_ranges(&mut self, instance: InstanceId) -> Result<u64>;

    /// When an instance is looked at next; the default where nothing is stored.
    async fn sync_schedule(&mut self, instance: InstanceId) -> Result<SyncSchedule>;

    /// Stores all of a schedule but its pause.
    async fn plan_sync(&mut self, instance: InstanceId, schedule: &SyncSchedule) -> Result<()>;

    /// Pauses an instance's sync, or lets it go on; answers whether that was a change.
    async fn pause_sync(&mut self, instance: InstanceId, since: Option<DateTime<Utc>>) -> Result<bool>;

    /// Which of these issues the copy does not have, or not present, or not as new as that.
    async fn not_as_new(
        &mut self,
        instance: InstanceId,
        shown: &[(String, DateTime<Utc>)],
    ) -> Result<Vec<String>>;

    /// Makes way for these issues, which were just read, where the copy has them newer: their site went back in time. What the copy has
    /// that is newer than they are counts as no newer from now on, and histories that they do not have are deleted.
    async fn let_source_win(&mut self, instance: InstanceId, issues: &[IssueBundle]) -> Result<()>;

    /// Forgets that an instance was ever copied: the next run copies everything, and is told by [`SyncSchedule::anew_at`] that the
    /// site is right wherever it is older.
    async fn begin_anew(&mut self, instance: InstanceId, at: DateTime<Utc>) -> Result<()>;

    /// Notes that everything was copied anew.
    async fn end_anew(&mut self, instance: InstanceId) -> Result<()>;

    /// Which of these issues were found missing at or after `since`.
    async fn missing_since(
        &mut self,
        instance: InstanceId,
        jira_ids: &[&str],
        since: DateTime<Utc>,
    ) -> Result<Vec<String>>;

    /// Forgets runs, censuses and settled deliveries that ended before, the latest run of each kind and the latest census
    /// excepted, findings of comparisons from before, and issues noted as missing before the other time; answers how many
    /// rows, about `most` at a time.
    async fn prune_sync_history(
        &mut self,
        before: DateTime<Utc>,
        missing_before: DateTime<Utc>,
        most: i64,
    ) -> Result<u64>;

    /// Keeps a row aside that could not be read.
    async fn reject(
        &mut self,
        instance: InstanceId,
        jira_id: Option<&str>,
        reason: &str,
        raw: &Value,
    ) -> Result<()>;
}
