//! Service level agreements: how long something may take in working time, and how long it took.
//!
//! A clock starts, pauses and stops by what happens to an issue; each time it has started and stopped is a cycle. Modelled on the SLAs
//! of Jira Service Management: conditions to start and stop are events, those to pause are states; goals depend on the priority.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::working_time::WorkingCalendar;

/// Something that happens to an issue, as far as clocks take notice of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The issue was created.
    Created,
    /// It got this status, by id.
    EnteredStatus(String),
    /// It was resolved.
    ResolutionSet,
    /// It was reopened.
    ResolutionCleared,
    /// An agent wrote a comment that customers see.
    CommentForCustomers,
    /// A customer wrote a comment.
    CommentByCustomer,
}

/// An event and when it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub event: Event,
}

/// How long something may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// Ids of the priorities that it is for; none: for those that no goal before names.
    #[serde(default)]
    pub priorities: Vec<String>,
    /// Minutes of working time.
    pub minutes: u32,
    /// The id of the calendar that says what working time is.
    pub calendar: String,
}

impl Goal {
    /// How long it may take.
    #[must_use]
    pub fn duration(&self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.minutes))
    }
}

/// An SLA: when its clock runs, and what its goals are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sla {
    /// Its id.
    pub id: String,
    /// Its name: "Time to resolution".
    pub name: String,
    /// The custom field in which issues show it.
    pub field: String,
    /// Any of these starts the clock, unless it runs already.
    pub start: Vec<Event>,
    /// Ids of the statuses in which it stands still.
    #[serde(default)]
    pub pause_in: Vec<String>,
    /// Any of these stops it.
    pub stop: Vec<Event>,
    /// Its goals; the first that fits counts.
    pub goals: Vec<Goal>,
}

impl Sla {
    /// The goal for a priority, by id.
    #[must_use]
    pub fn goal(&self, priority: Option<&str>) -> Option<&Goal> {
        self.goals.iter().find(|goal| {
            goal.priorities.is_empty() || goal.priorities.iter().any(|named| Some(named.as_str()) == priority)
        })
    }

    /// What the clock shows at a moment. Happenings are in their order; those after `now` do not count yet.
    #[must_use]
    pub fn measure(
        &self,
        goal: TimeDelta,
        calendar: &WorkingCalendar,
        happenings: &[Happening],
        now: DateTime<Utc>,
    ) -> Measured {
        let mut measured = Measured::default();
        let mut clock: Option<Clock> = None;
        let mut status = None;
        for Happening { at, event } in happenings.iter().filter(|happening| happening.at <= now) {
            if let Event::EnteredStatus(entered) = event {
                status = Some(entered);
            }
            let is_paused = status.is_some_and(|status| self.pause_in.contains(status));
            if self.stop.contains(event)
                && let Some(running) = clock.take()
            {
                measured.completed.push(running.stopped(goal, calendar, *at));
            } else if clock.is_none() && self.start.contains(event) {
                clock = Some(Clock::started(*at));
            }
            if let Some(clock) = &mut clock {
                clock.set_paused(is_paused, calendar, *at);
            }
        }
        measured.ongoing = clock.map(|clock| clock.shown(goal, calendar, now));
        measured
    }
}

/// What a clock shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Cycles that are over, oldest first.
    pub completed: Vec<CompletedCycle>,
    /// The one that is not.
    pub ongoing: Option<OngoingCycle>,
}

/// A cycle that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedCycle {
    /// When it began.
    pub start: DateTime<Utc>,
    /// When it ended.
    pub stop: DateTime<Utc>,
    /// When the goal was missed; while it was not, when it would have been, had the clock gone on running.
    pub breach: Option<DateTime<Utc>>,
    /// What the goal was.
    pub goal: TimeDelta,
    /// Working time without pauses.
    pub elapsed: TimeDelta,
}

/// A cycle that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OngoingCycle {
    /// When it began.
    pub start: DateTime<Utc>,
    /// When the goal was missed, or is going to be if nothing happens; `None` while the clock stands still before that.
    pub breach: Option<DateTime<Utc>>,
    /// Whether the clock stands still because of a status.
    pub paused: bool,
    /// Whether it is working time now.
    pub within_calendar_hours: bool,
    /// What the goal is.
    pub goal: TimeDelta,
    /// Working time without pauses, until now.
    pub elapsed: TimeDelta,
}

impl CompletedCycle {
    /// What was left of the goal; negative where it was missed.
    #[must_use]
    pub fn remaining(&self) -> TimeDelta {
        self.goal - self.elapsed
    }
}

impl OngoingCycle {
    /// What is left of the goal; negative where it was missed.
    #[must_use]
    pub fn remaining(&self) -> TimeDelta {
        self.goal - self.elapsed
    }
}

/// A clock that has been started.
struct Clock {
    start: DateTime<Utc>,
    /// Spans in which it ran, but for the last one.
    ran: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// Working time of these.
    elapsed: TimeDelta,
    /// Since when it runs; `None` while it is paused.
    running_since: Option<DateTime<Utc>>,
}

impl Clock {
    fn started(at: DateTime<Utc>) -> Self {
        Self { start: at, ran: Vec::new(), elapsed: TimeDelta::zero(), running_since: Some(at) }
    }

    fn set_paused(&mut self, paused: bool, calendar: &WorkingCalendar, at: DateTime<Utc>) {
        match self.running_since {
            Some(since) if paused => {
                self.ran.push((since, at));
                self.elapsed += calendar.working_time(since, at);
                self.running_since = None;
            }
            None if !paused => self.running_since = Some(at),
            _ => {}
        }
    }

    fn elapsed(&self, calendar: &WorkingCalendar, at: DateTime<Utc>) -> TimeDelta {
        let running = self.running_since.map(|since| calendar.working_time(since, at));
        self.elapsed + running.unwrap_or_default()
    }

    /// When the goal is missed, as far as it can be told.
    fn breach(&self, goal: TimeDelta, calendar: &WorkingCalendar) -> Option<DateTime<Utc>> {
        let mut left = goal;
        for (from, to) in &self.ran {
            let work = calendar.working_time(*from, *to);
            if work >= left {
                return calendar.after(*from, left);
            }
            left -= work;
        }
        calendar.after(self.running_since?, left)
    }

    fn stopped(self, goal: TimeDelta, calendar: &WorkingCalendar, at: DateTime<Utc>) -> CompletedCycle {
        let breach = self.breach(goal, calendar);
        CompletedCycle { start: self.start, stop: at, breach, goal, elapsed: self.elapsed(calendar, at) }
    }

    fn shown(self, goal: TimeDelta, calendar: &WorkingCalendar, now: DateTime<Utc>) -> OngoingCycle {
        OngoingCycle {
            start: self.start,
            breach: self.breach(goal, calendar),
            paused: self.running_since.is_none(),
            within_calendar_hours: calendar.is_working(now),
            goal,
            elapsed: self.elapsed(calendar, now),
        }
    }
}

#[cfg(test)]
mod tests;
