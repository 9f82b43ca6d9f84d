//! Work Pulse: the numbers for managers. Definitions stand at each field; SQL computes them, and a test compares it
//! with the rules of `domain::metrics`.

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::ids::InstanceId;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    jobs::{Job, JobError, JobRequest},
    services::Services,
};

/// Over what the numbers are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PulseFilter {
    /// Only this instance.
    pub instance: Option<InstanceId>,
    /// Only this project, by key.
    pub project: Option<String>,
    /// The end of the period; weeks end here. Days are UTC.
    pub until: NaiveDate,
    /// How many whole weeks the period has.
    pub weeks: u16,
}

/// The overview.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pulse {
    /// Issues completed in the period: last entry into `done`, still done. Epics and sub-tasks do not count.
    pub throughput: u64,
    /// Lead time (created to completed) of those, in days.
    pub lead_time_days: Percentiles,
    /// Cycle time (first status in progress to completed) of those that were in progress, in days.
    #[serde(default)]
    pub cycle_time_days: Percentiles,
    /// Open issues at risk: overdue, or older than the P85 of lead time (`domain::metrics::SlaRule`: with fewer than
    /// five completed issues there is no such limit).
    pub sla_risk: u64,
    /// Issues in a status of category `indeterminate` now.
    pub wip: u64,
    /// Those of them without a status change for longer than 7 days.
    pub stuck: u64,
    /// Of the issues that entered `done` in the period, the share (0 to 1) that left it again in the period;
    /// `None` without any.
    pub reopen_rate: Option<f64>,
    /// Those that left it, for a link to them: by key, at most [`REOPENED_NAMED`].
    #[serde(default)]
    pub reopened: Vec<IssueName>,
    /// Issues present altogether.
    pub issues: u64,
    /// Those that are not done.
    #[serde(default)]
    pub open: u64,
    /// One entry a week, oldest first.
    pub trend: Vec<PulseWeek>,
    /// The issues at highest risk: overdue first, then oldest.
    pub top_risks: Vec<RiskIssue>,
    /// When the newest issue was changed at the source.
    pub as_of: Option<DateTime<Utc>>,
}

/// Percentiles by linear interpolation: PostgreSQL's `percentile_cont`, `domain::metrics::percentile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half took at most so long.
    pub p50: Option<f64>,
    /// 85 of 100 took at most so long.
    pub p85: Option<f64>,
    /// 90 of 100 took at most so long.
    pub p90: Option<f64>,
}

/// One week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PulseWeek {
    /// Its first day.
    pub from: NaiveDate,
    /// Its last day.
    pub to: NaiveDate,
    /// Issues created.
    pub created: u64,
    /// Issues completed.
    pub completed: u64,
    /// P50 of the lead time of those completed, in days.
    pub lead_time_p50: Option<f64>,
    /// P85 of the lead time of those completed, in days.
    pub lead_time_p85: Option<f64>,
}

/// An open issue at risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskIssue {
    /// The instance's name.
    pub instance: String,
    /// Its key.
    pub key: String,
    /// Its summary.
    pub summary: String,
    /// Its status.
    pub status: String,
    /// The status's category: `new`, `indeterminate`, `undefined`.
    #[serde(default)]
    pub status_category: String,
    /// Its assignee's name.
    pub assignee: Option<String>,
    /// Days since it was created.
    pub age_days: f64,
    /// Due date.
    pub due: Option<NaiveDate>,
    /// Why it is at risk: `overdue` or `older than P85`.
    pub reason: String,
}

/// An issue, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueName {
    /// The instance's name.
    pub instance: String,
    /// Its key.
    pub key: String,
}

/// How many reopened issues are named: an address must bear them.
pub const REOPENED_NAMED: i32 = 100;

/// Computes Work Pulse.
#[async_trait]
pub trait PulseStore: Send {
    /// The overview.
    async fn pulse(&mut self, filter: &PulseFilter, now: DateTime<Utc>) -> Result<Pulse>;
}

/// Days without a status change after which an issue in progress counts as stuck.
pub const STUCK_AFTER_DAYS: i32 = 7;

/// Recomputes the materialized views: after syncs that stored something, and every hour, since what is overdue and what was
/// done lately changes with time alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefreshMetrics {}

impl RefreshMetrics {
    /// A refresh within half a minute: many changes share one.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when the job cannot be serialised.
    pub fn soon(services: &Services) -> Result<JobRequest> {
        let at = services.clock.now() + Duration::seconds(30);
        Ok(JobRequest { run_at: Some(at), ..Self {}.request()? })
    }
}

/// A refresh begins at most once in so many times of what the last one took. Each reads every issue of every tenant, so on a large
/// copy that changes all the time they would otherwise follow upon each other.
const TIMES: i32 = 10;

/// How long the next refresh has to wait after one that began and ended then.
fn rest_after((began, ended): (DateTime<Utc>, DateTime<Utc>), now: DateTime<Utc>) -> Option<StdDuration> {
    let rested_at = began + (ended - began) * TIMES;
    (rested_at - now).to_std().ok().filter(|rest| !rest.is_zero())
}

#[async_trait]
impl Job for RefreshMetrics {
    const NAME: &'static str = "refresh_metrics";
    const PRIORITY: i32 = 30;

    fn lane(&self) -> Option<String> {
        Some("refresh_metrics".into())
    }

    fn key(&self) -> Option<String> {
        Some("refresh_metrics".into())
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let mut tx = services.db.platform().await?;
        let last = tx.last_success(Self::NAME).await?;
        if let Some(rest) = last.and_then(|last| rest_after(last, services.clock.now())) {
            let resting = Error::Unavailable("the metrics were refreshed a moment ago".into());
            return Err(JobError::RetryAfter(rest, resting));
        }
        let refreshed = tx.refresh_metrics().await?;
        tx.commit().await?;
        if refreshed {
            return Ok(());
        }
        // The other refresh may have begun before what this one is to show was written.
        let under_way = Error::Unavailable("another refresh of the metrics is under way".into());
        Err(JobError::RetryAfter(StdDuration::from_secs(30), under_way))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn refreshes_take_a_tenth_of_the_time_at_most() {
        let began = DateTime::UNIX_EPOCH;
        let after = |took: i64, now: i64| {
            rest_after((began, began + TimeDelta::seconds(took)), began + TimeDelta::seconds(now))
        };
        assert_eq!(after(40, 70), Some(StdDuration::from_secs(330)));
        assert_eq!(after(40, 400), None);
        assert_eq!(after(40, 5_000), None);
        assert_eq!(after(0, 0), None);
    }
}
