//! When a mirror is looked at next: often while its site is busy, seldom while it is quiet, ever more seldom while it fails.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{acquaintance::Acquaintances, memory::PageMemory};

/// A mirror that fails is looked at again after this at the latest.
const LONGEST_BACKOFF: TimeDelta = TimeDelta::hours(1);

/// How mirrors are synced.
#[derive(Clone, Debug)]
pub struct SyncSettings {
    /// Pages of one instance that are fetched or stored at the same time; fewer while the site asks for patience.
    pub parallel: usize,
    /// What the pages of all syncs of this process may take of its memory while they are on their way.
    pub memory: PageMemory,
    /// What this process knows of the sites of its mirrors.
    pub acquaintances: Acquaintances,
    /// A run gives its worker's slot back after that, and waits for its next turn.
    pub slice: TimeDelta,
    /// The shortest distance of two polls.
    pub poll_min: TimeDelta,
    /// The longest.
    pub poll_max: TimeDelta,
    /// A range of a backfill holds no more issues than that, as far as the site can tell.
    pub range: u64,
    /// Whether watchers and voters are copied: a request or two for each issue that somebody follows, once a day.
    pub followers: bool,
    /// Runs, webhook deliveries and the history of jobs are kept for so long.
    pub keep: TimeDelta,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            parallel: 4,
            memory: PageMemory::new(48 << 20),
            acquaintances: Acquaintances::default(),
            slice: TimeDelta::seconds(30),
            poll_min: TimeDelta::minutes(1),
            poll_max: TimeDelta::minutes(5),
            range: 5_000,
            followers: false,
            keep: TimeDelta::days(30),
        }
    }
}

/// When a mirror is looked at next, and why not sooner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncSchedule {
    /// Since when nothing is read, because a person said so.
    pub paused_at: Option<DateTime<Utc>>,
    /// Since when everything is to be copied anew, with the site in the right wherever it is older.
    pub anew_at: Option<DateTime<Utc>>,
    /// Not before that; at once when absent.
    pub next_at: Option<DateTime<Utc>>,
    /// The present distance of polls, in seconds.
    pub interval_seconds: Option<i32>,
    /// Runs that failed since the last one that succeeded.
    pub failures: i32,
    /// Why the latest run did not succeed.
    pub error: Option<String>,
}

impl SyncSchedule {
    /// After a run that succeeded: half the distance where something had changed, twice where nothing had.
    pub(super) fn after_success(&self, settings: &SyncSettings, changed: bool, now: DateTime<Utc>) -> Self {
        let before = self.interval_seconds.map_or(settings.poll_min, |s| TimeDelta::seconds(i64::from(s)));
        let interval = if changed { before / 2 } else { before * 2 };
        let interval = interval.clamp(settings.poll_min, settings.poll_max.max(settings.poll_min));
        Self {
            paused_at: self.paused_at,
            anew_at: self.anew_at,
            next_at: Some(now + interval),
            interval_seconds: Some(i32::try_from(interval.num_seconds()).unwrap_or(i32::MAX)),
            failures: 0,
            error: None,
        }
    }

    /// After a run that failed: the shortest distance, doubled with each failure.
    pub(super) fn after_failure(&self, settings: &SyncSettings, error: &str, now: DateTime<Utc>) -> Self {
        let doublings = u32::try_from(self.failures.clamp(0, 20)).unwrap_or(0);
        let pause = settings.poll_min.checked_mul(2_i32.pow(doublings)).unwrap_or(LONGEST_BACKOFF);
        Self {
            next_at: Some(now + pause.min(LONGEST_BACKOFF.max(settings.poll_min))),
            failures: self.failures.saturating_add(1),
            error: Some(error.to_owned()),
            ..self.clone()
        }
    }

    /// While the site wants to be left alone: that is no failure.
    pub(super) fn until(&self, at: DateTime<Utc>, reason: &str) -> Self {
        Self { next_at: Some(at), error: Some(reason.to_owned()), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_quiet_site_is_asked_less_and_less_often_and_a_busy_one_more() {
        let settings = SyncSettings::default();
        let mut schedule = SyncSchedule::default();
        let mut distances = Vec::new();
        for changed in [false, false, false, true, true, true] {
            schedule = schedule.after_success(&settings, changed, at(0));
            assert_eq!(schedule.next_at, schedule.interval_seconds.map(|seconds| at(i64::from(seconds))));
            distances.push(schedule.interval_seconds.unwrap());
        }
        assert_eq!(distances, [120, 240, 300, 150, 75, 60]);
    }

    #[test]
    fn a_failing_site_is_asked_ever_more_seldom_with_the_reason_kept_until_it_answers() {
        let settings = SyncSettings::default();
        let mut schedule = SyncSchedule { interval_seconds: Some(120), ..SyncSchedule::default() };
        let mut waits = Vec::new();
        for _ in 0..8 {
            schedule = schedule.after_failure(&settings, "no route", at(0));
            waits.push((schedule.next_at.unwrap() - at(0)).num_minutes());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!((schedule.failures, schedule.error.as_deref()), (8, Some("no route")));
        for _ in 0..100 {
            schedule = schedule.after_failure(&settings, "no route", at(0));
        }
        assert_eq!(schedule.next_at, Some(at(3_600)));
        let again = schedule.after_success(&settings, true, at(0));
        assert_eq!((again.failures, again.error, again.interval_seconds), (0, None, Some(60)));
    }

    #[test]
    fn a_pause_that_a_site_asks_for_is_no_failure() {
        let waiting = SyncSchedule::default().until(at(3_600), "429");
        assert_eq!((waiting.failures, waiting.next_at), (0, Some(at(3_600))));
    }
}
