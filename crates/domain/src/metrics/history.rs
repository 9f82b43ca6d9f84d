//! What an issue's status changes say about its flow.

use chrono::{DateTime, TimeDelta, Utc};

use crate::workflow::StatusCategory;

/// The status history of one issue, seen at one instant.
///
/// It is put in order when it is made: transitions are sorted by time (those of the same instant keep their
/// order), those later than `now` are left out, and times before `created` (imports have them) count as
/// `created`. So no duration is ever negative, and looking at an earlier `now` gives what would have been
/// computed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusHistory {
    created: DateTime<Utc>,
    initial_category: StatusCategory,
    transitions: Vec<(DateTime<Utc>, StatusCategory)>,
    resolved: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

impl StatusHistory {
    /// The history of an issue that was created in `initial_category` and then entered each of `transitions`:
    /// the instant of the change and the category of the status entered. Changes within one category belong
    /// in it too, since they count as progress. A `now` before `created` counts as `created`.
    #[must_use]
    pub fn new(
        created: DateTime<Utc>,
        initial_category: StatusCategory,
        mut transitions: Vec<(DateTime<Utc>, StatusCategory)>,
        now: DateTime<Utc>,
    ) -> Self {
        let now = now.max(created);
        transitions.retain(|(at, _)| *at <= now);
        for (at, _) in &mut transitions {
            *at = (*at).max(created);
        }
        transitions.sort_by_key(|(at, _)| *at);
        Self { created, initial_category, transitions, resolved: None, now }
    }

    /// The same with the resolution date, which tells when an issue was done that was never seen entering `done`: created done,
    /// or copied without its changelog. One before the creation counts as the creation, one after `now` does not count.
    #[must_use]
    pub fn with_resolution(self, resolved: Option<DateTime<Utc>>) -> Self {
        Self { resolved: resolved.filter(|at| *at <= self.now).map(|at| at.max(self.created)), ..self }
    }

    /// When the issue was created.
    #[must_use]
    pub fn created(&self) -> DateTime<Utc> {
        self.created
    }

    /// The instant at which the issue is looked at.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The category the issue is in.
    #[must_use]
    pub fn category(&self) -> StatusCategory {
        self.transitions.last().map_or(self.initial_category, |(_, category)| *category)
    }

    /// Whether the issue is not done.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.category() != StatusCategory::Done
    }

    /// Whether the issue counts as work in progress: its category is `indeterminate`.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        self.category() == StatusCategory::Indeterminate
    }

    /// When the status changed last; the creation if it never did.
    #[must_use]
    pub fn last_change(&self) -> DateTime<Utc> {
        self.transitions.last().map_or(self.created, |(at, _)| *at)
    }

    /// When work began: the first entry into `indeterminate`, also if the issue went back to `new` later.
    /// None if it was never in progress.
    #[must_use]
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.entries().find(|(_, category)| *category == StatusCategory::Indeterminate).map(|(at, _)| at)
    }

    /// When the issue was done for good: the last entry into `done` from another category, thus after the
    /// last reopen. Steps between two done statuses (Resolved → Closed) do not move it. Without such an entry the resolution
    /// date, else the creation. None while open.
    #[must_use]
    pub fn done_at(&self) -> Option<DateTime<Utc>> {
        if self.is_open() {
            return None;
        }
        if self.category_changes().all(|change| change.to != StatusCategory::Done) {
            return Some(self.resolved.unwrap_or(self.created));
        }
        // The last crossing of an issue that is done can only be an entry.
        self.done_crossings().last().map(DoneCrossing::at)
    }

    /// From creation until done (see [`Self::done_at`]). None while open.
    #[must_use]
    pub fn lead_time(&self) -> Option<TimeDelta> {
        self.done_at().map(|done| done - self.created)
    }

    /// From the first entry into `indeterminate` until done (see [`Self::done_at`]), waiting and reopened
    /// time in between included. None while open, and None for an issue that was never in progress: it has no
    /// cycle, not a cycle of zero length.
    #[must_use]
    pub fn cycle_time(&self) -> Option<TimeDelta> {
        Some(self.done_at()? - self.started_at()?)
    }

    /// From the first entry into `indeterminate` until now, for an issue in progress; None otherwise. It
    /// starts where the cycle time starts, so that the two can be compared.
    #[must_use]
    pub fn work_item_age(&self) -> Option<TimeDelta> {
        if !self.is_in_progress() {
            return None;
        }
        self.started_at().map(|started| self.now - started)
    }

    /// From creation until now, for an open issue; None when done. It starts where the lead time starts.
    #[must_use]
    pub fn age(&self) -> Option<TimeDelta> {
        self.is_open().then(|| self.now - self.created)
    }

    /// How long the status has not changed, for an open issue; None when done.
    #[must_use]
    pub fn idle(&self) -> Option<TimeDelta> {
        self.is_open().then(|| self.now - self.last_change())
    }

    /// When the issue entered and left `done`, oldest first. An issue created done entered it at its
    /// creation.
    pub fn done_crossings(&self) -> impl Iterator<Item = DoneCrossing> {
        let created_done =
            (self.initial_category == StatusCategory::Done).then_some(DoneCrossing::Entered(self.created));
        let changes = self.category_changes().filter_map(|change| match (change.from, change.to) {
            (_, StatusCategory::Done) => Some(DoneCrossing::Entered(change.at)),
            (StatusCategory::Done, _) => Some(DoneCrossing::Left(change.at)),
            _ => None,
        });
        created_done.into_iter().chain(changes)
    }

    /// The creation and every transition, with the category entered.
    fn entries(&self) -> impl Iterator<Item = (DateTime<Utc>, StatusCategory)> {
        std::iter::once((self.created, self.initial_category)).chain(self.transitions.iter().copied())
    }

    /// The transitions that lead into another category.
    fn category_changes(&self) -> impl Iterator<Item = CategoryChange> {
        self.entries()
            .zip(self.transitions.iter())
            .map(|((_, from), (at, to))| CategoryChange { at: *at, from, to: *to })
            .filter(|change| change.from != change.to)
    }
}

/// An issue's entry into `done` from another category, or its way back out: a reopen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoneCrossing {
    /// It was done at this instant.
    Entered(DateTime<Utc>),
    /// It was reopened at this instant.
    Left(DateTime<Utc>),
}

impl DoneCrossing {
    /// When it happened.
    #[must_use]
    pub fn at(self) -> DateTime<Utc> {
        match self {
            Self::Entered(at) | Self::Left(at) => at,
        }
    }
}

/// A step from one category into another.
struct CategoryChange {
    at: DateTime<Utc>,
    from: StatusCategory,
    to: StatusCategory,
}
