//! What all processes must know before the next request to a site, and what has been spent there.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// The scope of a pause that holds for everything at a site.
pub const WHOLE_SITE: &str = "site";

/// A time in which nothing may be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePause {
    /// How far it reaches: [`WHOLE_SITE`], `op:OPERATION` or `issue:ID`.
    pub scope: String,
    /// Nothing is sent before that.
    pub until: DateTime<Utc>,
    /// Why, for people.
    pub reason: String,
}

/// What is known of a site's limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteLimits {
    /// When the token bucket will be full if nobody takes a token any more.
    pub full_at: Option<DateTime<Utc>>,
    /// Pauses, those that are over included until the next is added.
    pub pauses: Vec<SitePause>,
    /// Requests in a row that the site refused for their number.
    pub refused: i32,
    /// Requests in a row that failed.
    pub failures: i32,
    /// The pace that the site's headers led to, in requests a minute; `None`: the ceiling.
    pub per_minute: Option<f64>,
    /// When that was last changed.
    pub adapted_at: Option<DateTime<Utc>>,
}

/// What was asked of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SiteSpending {
    /// Requests sent.
    pub requests: u64,
    /// Those that repeated an earlier one.
    pub retries: u64,
    /// Those that the site refused for their number.
    pub refused: u64,
    /// Those that failed: no answer, an unusable one, or a fault of the site.
    pub failed: u64,
    /// Points, as Jira Cloud counts them: one a request, and one more for each object read (jira-facts 4).
    pub points: u64,
    /// Bytes of answers, after decompression.
    pub bytes: u64,
    /// Milliseconds that requests waited because the site, or our own ceiling, asked them to.
    pub throttled_ms: u64,
}

/// What the metrics tell of one mirror's site and of what it sends.
#[derive(Clone, Copy, Debug)]
pub struct SiteGauges {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
    /// What was asked today (UTC); what was repeated and received is not told.
    pub today: SiteSpending,
    /// The pace that the site's headers led to, in requests a minute; `None`: the ceiling.
    pub pace: Option<f64>,
    /// Until when nothing may be asked of it.
    pub paused_until: Option<DateTime<Utc>>,
    /// Issues that the run under way has done, and how many there are; 0 without a run, or while it does not know.
    pub run_done: u64,
    /// See [`SiteGauges::run_done`].
    pub run_total: u64,
    /// Milliseconds that workers have been at that run.
    pub run_worked_ms: u64,
    /// Webhooks that were taken and whose issues were not read since.
    pub webhooks_waiting: u64,
    /// When the oldest of them came.
    pub webhooks_since: Option<DateTime<Utc>>,
}

/// What the metrics ask across tenants: times and counts, nothing else.
#[async_trait]
pub trait SitePlatform: Send {
    /// Of every active mirror.
    async fn site_gauges(&mut self) -> Result<Vec<SiteGauges>>;
}

/// The spending of one day (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SiteDay {
    /// The day.
    pub day: NaiveDate,
    /// What was asked.
    #[serde(flatten)]
    pub spent: SiteSpending,
}

/// Storage of limits and spending.
#[async_trait]
pub trait SiteLimitStore: Send {
    /// What is known, locked until the transaction ends, and the database's time: the clocks of processes differ.
    async fn lock_site_limits(&mut self, instance: InstanceId) -> Result<(DateTime<Utc>, SiteLimits)>;

    /// Keeps what is known.
    async fn keep_site_limits(&mut self, instance: InstanceId, limits: &SiteLimits) -> Result<()>;

    /// Takes a token of the bucket: keeps `full_at`, `pauses` and what has been spent. A crash of the database may lose it, since
    /// nothing waits for it to be on disk.
    async fn take_site_turn(
        &mut self,
        instance: InstanceId,
        limits: &SiteLimits,
        spent: &SiteSpending,
    ) -> Result<()>;

    /// Adds to what has been spent today.
    async fn add_site_spending(&mut self, instance: InstanceId, spent: &SiteSpending) -> Result<()>;

    /// What is known, for show.
    async fn site_limits(&mut self, instance: InstanceId) -> Result<SiteLimits>;

    /// What has been spent each day since this one, latest first.
    async fn site_days(&mut self, instance: InstanceId, since: NaiveDate) -> Result<Vec<SiteDay>>;
}
