//! How fresh a mirror is, project by project and collection by collection, and what proves it.
//!
//! No single look proves a copy, so three kinds of proof are kept apart:
//!
//! - **changes** (`polled_at`): a poll that began then stored every change that the site's search showed up to that moment.
//!   It says nothing of what disappeared, nor of what changes without touching `updated`.
//! - **the set** (`census_at`): a roll call that began then listed the project to its end, and the copy had the same ids
//!   afterwards, neither more nor fewer. Of issues only: what hangs on an issue goes with it.
//! - **the content** (`checked_at`): the copy's rows were compared with the site's, hash by hash, last at that moment; what
//!   differed without a reason was mended and is kept as a finding ([`super::drift`]).
//!
//! What stands beside issues has proofs of its own: when each list, round or feed was last read ([`super::reference`]).
//!
//! *Lag* is the time since the last proof of changes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::Serialize;
use uuid::Uuid;

use super::reference::ReferenceRead;
use crate::error::Result;

/// The collections that freshness is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Collection {
    /// Issues with their fields and links.
    Issues,
    /// Comments.
    Comments,
    /// Worklogs.
    Worklogs,
    /// Histories and their items.
    Changelog,
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Issues, Self::Comments, Self::Worklogs, Self::Changelog];

    /// Its name; a watermark of that name is its own, otherwise that of issues counts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issues => "issues",
            Self::Comments => "comments",
            Self::Worklogs => "worklogs",
            Self::Changelog => "changelog",
        }
    }
}

/// A proof of the set of a project's issues.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// When the comparison began.
    pub at: DateTime<Utc>,
    /// Issues that the site listed; `None` where it lists none because the project is archived or trashed.
    pub source_rows: Option<u64>,
    /// Present issues in the copy afterwards.
    pub copy_rows: u64,
}

/// What a comparison found in one project and collection.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    /// The project.
    pub project: Uuid,
    /// The collection.
    pub collection: Collection,
    /// Issues whose rows of it were compared.
    pub issues: u64,
}

/// How fresh one collection of one project is.
#[derive(Clone, Debug, PartialEq)]
pub struct Freshness {
    /// The project's key.
    pub project: String,
    /// `issues`, `comments`, `worklogs` or `changelog`.
    pub collection: String,
    /// The largest `updated` stored.
    pub watermark: Option<DateTime<Utc>>,
    /// The last proof of changes.
    pub polled_at: Option<DateTime<Utc>>,
    /// The last proof of the set.
    pub census_at: Option<DateTime<Utc>>,
    /// The last comparison of content.
    pub checked_at: Option<DateTime<Utc>>,
    /// Issues compared in the present round.
    pub rows_checked: u64,
    /// Issues whose rows differed without a reason, found in the last seven days. They are mended.
    pub rows_differing: u64,
    /// Issues at the site, as the last census listed them.
    pub source_rows: Option<u64>,
    /// Present issues in the copy after the last census.
    pub copy_rows: Option<u64>,
}

/// When something was read that one request serves to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRead {
    /// `rosters` for projects, fields, statuses and so on; `worklogs_updated` and `worklogs_deleted` for the site's feeds.
    pub list: String,
    /// The copy has it as of then.
    pub read_at: Option<DateTime<Utc>>,
}

/// How fresh a mirror is.
#[derive(Clone, Debug)]
pub struct InstanceFreshness {
    /// By project and collection.
    pub rows: Vec<Freshness>,
    /// Requests that syncs, censuses and comparisons have sent in the last 24 hours.
    pub requests_24h: u64,
    /// Rows kept aside because they cannot be read.
    pub rejected: u64,
    /// How far the lists are that are read in rounds; none for a caller who is limited to projects.
    pub reference: Vec<ReferenceRead>,
    /// What is read at once, where it was.
    pub lists: Vec<ListRead>,
}

/// Storage of freshness.
#[async_trait]
pub trait FreshnessStore: Send {
    /// Notes a proof of the set of a project's issues.
    async fn note_census_proof(&mut self, instance: InstanceId, project: Uuid, proof: &Proof) -> Result<()>;

    /// Notes what was compared; counts begin anew with a round.
    async fn note_checked(
        &mut self,
        instance: InstanceId,
        checked: &[Checked],
        at: DateTime<Utc>,
        new_round: bool,
    ) -> Result<()>;

    /// How fresh an instance is now.
    async fn freshness(&mut self, instance: InstanceId, now: DateTime<Utc>) -> Result<InstanceFreshness>;
}

/// What the metrics tell of one mirror.
#[derive(Clone, Copy, Debug)]
pub struct FreshnessGauges {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
    /// The last proof of changes.
    pub polled_at: Option<DateTime<Utc>>,
    /// The oldest proof of the set among its projects.
    pub census_at: Option<DateTime<Utc>>,
    /// The oldest comparison of content among its projects.
    pub checked_at: Option<DateTime<Utc>>,
    /// Projects in which a census is held by the brake.
    pub held_projects: u64,
    /// Findings of the last seven days.
    pub differing: u64,
    /// Rows kept aside.
    pub rejected: u64,
}

/// What the metrics ask across tenants: times and counts, nothing else.
#[async_trait]
pub trait FreshnessPlatform: Send {
    /// Of every active mirror.
    async fn freshness_gauges(&mut self) -> Result<Vec<FreshnessGauges>>;
}
