//! Finished issues per week.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use chrono_tz::Tz;

/// How many issues were finished in an ISO 8601 week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekCount {
    /// The ISO year, which differs from the calendar year around New Year.
    pub year: i32,
    /// The ISO week, 1 to 53.
    pub week: u32,
    /// Monday of the week.
    pub monday: NaiveDate,
    /// Issues finished from Monday 00:00 to the next Monday 00:00 in the zone asked for.
    pub count: usize,
}

/// Throughput: the issues finished in each ISO week from the one that holds `first` to the one that holds
/// `last`, whole weeks, oldest first; weeks without any are there with 0. Empty if `last` is before `first`'s
/// week.
///
/// `done` holds one instant per issue, its [`done_at`](super::StatusHistory::done_at): an issue that was
/// reopened counts once, in the week in which it was done for good. `zone` decides to which day, and so to
/// which week, an instant belongs.
#[must_use]
pub fn throughput_by_week(
    done: impl IntoIterator<Item = DateTime<Utc>>,
    zone: Tz,
    first: NaiveDate,
    last: NaiveDate,
) -> Vec<WeekCount> {
    let Some(start) = monday_of(first) else { return Vec::new() };
    let mut weeks: Vec<_> = start
        .iter_weeks()
        .take_while(|monday| *monday <= last)
        .map(|monday| {
            let week = monday.iso_week();
            WeekCount { year: week.year(), week: week.week(), monday, count: 0 }
        })
        .collect();
    for instant in done {
        let days = instant.with_timezone(&zone).date_naive().signed_duration_since(start).num_days();
        if let Some(week) = usize::try_from(days.div_euclid(7)).ok().and_then(|index| weeks.get_mut(index)) {
            week.count += 1;
        }
    }
    weeks
}

/// None only for the very first days that chrono can name.
fn monday_of(day: NaiveDate) -> Option<NaiveDate> {
    day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday())))
}
