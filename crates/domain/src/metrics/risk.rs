//! Which open issues need a look: stuck ones, and those that may miss what is expected of them.

use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::{StatusHistory, duration_percentile};

/// The least number of finished issues that make a percentile worth comparing with: below it, one or two
/// issues decide what is usual.
pub const MIN_SAMPLE: usize = 5;

/// When is an issue in progress stuck? When it is older than 85 of 100 finished issues were, or has stayed in
/// one status for too long. A limit that is None is not applied; issues that are not in progress are never
/// stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StuckRule {
    /// Stuck if the work item age ([`StatusHistory::work_item_age`]) is greater than this.
    pub max_age: Option<TimeDelta>,
    /// Stuck if the status has not changed for longer than this.
    pub max_idle: Option<TimeDelta>,
}

/// Why an issue is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StuckReason {
    /// In progress for longer than is usual.
    Age {
        /// Time since work began.
        age: TimeDelta,
        /// What it exceeds.
        limit: TimeDelta,
    },
    /// No status change for too long.
    Idle {
        /// Time since the last status change.
        idle: TimeDelta,
        /// What it exceeds.
        limit: TimeDelta,
    },
}

impl StuckRule {
    /// The rule with the P85 of completed cycle times as greatest age, provided that there are at least
    /// [`MIN_SAMPLE`], and with `max_idle` for the time without a status change.
    #[must_use]
    pub fn from_cycle_times(cycle_times: &[TimeDelta], max_idle: Option<TimeDelta>) -> Self {
        Self { max_age: usual_limit(cycle_times), max_idle }
    }

    /// Why the issue is stuck; empty if it is not.
    #[must_use]
    pub fn reasons(&self, history: &StatusHistory) -> Vec<StuckReason> {
        let (Some(age), Some(idle)) = (history.work_item_age(), history.idle()) else { return Vec::new() };
        let too_old = exceeded(age, self.max_age).map(|limit| StuckReason::Age { age, limit });
        let too_idle = exceeded(idle, self.max_idle).map(|limit| StuckReason::Idle { idle, limit });
        too_old.into_iter().chain(too_idle).collect()
    }

    /// Whether there is any reason.
    #[must_use]
    pub fn is_stuck(&self, history: &StatusHistory) -> bool {
        !self.reasons(history).is_empty()
    }
}

/// When is an open issue at risk? When it is older than 85 of 100 finished issues of its type were, or its
/// due date is near or past. Done issues are never at risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlaRule {
    lead_time_p85: HashMap<String, TimeDelta>,
    due_within_days: u32,
    zone: Tz,
}

/// What [`SlaRule`] needs to know of an issue.
#[derive(Debug, Clone, Copy)]
pub struct OpenIssue<'a> {
    /// The issue's history, which also says what "now" is.
    pub history: &'a StatusHistory,
    /// Id of the issue type.
    pub issue_type: &'a str,
    /// Jira's `duedate`, a calendar date without a zone.
    pub due: Option<NaiveDate>,
}

/// Why an issue is at risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlaRisk {
    /// Open for longer than is usual for its type.
    Age {
        /// Time since creation.
        age: TimeDelta,
        /// What it exceeds.
        limit: TimeDelta,
    },
    /// The due date has gone by, so many days ago (at least 1: an issue is not overdue on its due date).
    Overdue {
        /// Calendar days since the due date.
        days: i64,
    },
    /// The due date is near: so many days ahead, 0 if it is today.
    DueSoon {
        /// Calendar days until the due date.
        days: i64,
    },
}

impl SlaRule {
    /// The rule from the lead times of finished issues, as pairs of issue type id and lead time. A type with
    /// fewer than [`MIN_SAMPLE`] of them gets no age limit. A due date is near if it is at most
    /// `due_within_days` days ahead of today in `zone`.
    #[must_use]
    pub fn from_lead_times<S: Into<String>>(
        lead_times: impl IntoIterator<Item = (S, TimeDelta)>,
        due_within_days: u32,
        zone: Tz,
    ) -> Self {
        let mut by_type: HashMap<String, Vec<TimeDelta>> = HashMap::new();
        for (issue_type, lead_time) in lead_times {
            by_type.entry(issue_type.into()).or_default().push(lead_time);
        }
        let lead_time_p85 = by_type
            .into_iter()
            .filter_map(|(issue_type, lead_times)| Some((issue_type, usual_limit(&lead_times)?)))
            .collect();
        Self { lead_time_p85, due_within_days, zone }
    }

    /// The age above which an issue of that type is at risk; None if too few of them were finished to tell.
    #[must_use]
    pub fn age_limit(&self, issue_type: &str) -> Option<TimeDelta> {
        self.lead_time_p85.get(issue_type).copied()
    }

    /// Why the issue is at risk; empty if it is not.
    #[must_use]
    pub fn risks(&self, issue: &OpenIssue<'_>) -> Vec<SlaRisk> {
        let Some(age) = issue.history.age() else { return Vec::new() };
        let too_old =
            exceeded(age, self.age_limit(issue.issue_type)).map(|limit| SlaRisk::Age { age, limit });
        let due = issue.due.and_then(|due| self.due_risk(issue.history, due));
        too_old.into_iter().chain(due).collect()
    }

    fn due_risk(&self, history: &StatusHistory, due: NaiveDate) -> Option<SlaRisk> {
        let today = history.now().with_timezone(&self.zone).date_naive();
        let days = due.signed_duration_since(today).num_days();
        if days < 0 {
            Some(SlaRisk::Overdue { days: -days })
        } else {
            (days <= i64::from(self.due_within_days)).then_some(SlaRisk::DueSoon { days })
        }
    }
}

/// The P85 of a sample that is large enough.
fn usual_limit(durations: &[TimeDelta]) -> Option<TimeDelta> {
    if durations.len() < MIN_SAMPLE { None } else { duration_percentile(durations, 0.85) }
}

/// The limit, if there is one and the duration is above it.
fn exceeded(duration: TimeDelta, limit: Option<TimeDelta>) -> Option<TimeDelta> {
    limit.filter(|limit| duration > *limit)
}
