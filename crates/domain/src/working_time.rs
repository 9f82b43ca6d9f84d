//! Working hours: how much of a span of time somebody was at work, and when so much work is done.
//!
//! A calendar has hours for each day of the week in a time zone, and days off. Hours are read on the clocks of that zone, so a day on
//! which these are put forward or back has an hour less or more if it falls into working hours. What Jira Service Management calls a
//! calendar of an SLA.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Minutes of a day on the clock.
const DAY: u16 = 24 * 60;
/// No goal is further away: whoever has not done so much work by then never will.
const HORIZON: Days = Days::new(50 * 366);

/// A span of working time on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Minutes after midnight on the clock.
    pub from: u16,
    /// Minutes after midnight on the clock; 1440 is the next midnight. Not included.
    pub to: u16,
}

/// What a calendar cannot be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Hours that end before they begin, or after the day.
    #[error(
        "working hours from minute {0} to minute {1} are none: they begin before they end, and end with the day"
    )]
    Hours(u16, u16),
    /// Hours of one day that overlap, or are not in their order.
    #[error("the working hours of a day overlap, or are not in their order")]
    Overlap,
    /// No such zone.
    #[error("`{0}` is no time zone")]
    Zone(String),
}

/// A calendar of working hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct WorkingCalendar {
    id: String,
    name: String,
    zone: Tz,
    week: [Vec<Hours>; 7],
    holidays: BTreeSet<NaiveDate>,
}

/// A calendar as it is stored.
#[derive(Serialize, Deserialize)]
struct Written {
    id: String,
    name: String,
    time_zone: String,
    /// From Monday.
    week: [Vec<Hours>; 7],
    #[serde(default)]
    holidays: BTreeSet<NaiveDate>,
}

impl TryFrom<Written> for WorkingCalendar {
    type Error = CalendarError;

    fn try_from(written: Written) -> Result<Self, CalendarError> {
        let Written { id, name, time_zone, week, holidays } = written;
        let zone = time_zone.parse().map_err(|_| CalendarError::Zone(time_zone))?;
        Self::new(id, name, zone, week, holidays)
    }
}

impl From<WorkingCalendar> for Written {
    fn from(calendar: WorkingCalendar) -> Self {
        let WorkingCalendar { id, name, zone, week, holidays } = calendar;
        Self { id, name, time_zone: zone.name().to_owned(), week, holidays }
    }
}

impl WorkingCalendar {
    /// A calendar with these hours for each day of the week, Monday first, and no hours on holidays.
    ///
    /// # Errors
    /// For hours that are none, overlap, or are not in their order.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        zone: Tz,
        week: [Vec<Hours>; 7],
        holidays: impl IntoIterator<Item = NaiveDate>,
    ) -> Result<Self, CalendarError> {
        for hours in week.iter().flatten() {
            if hours.from >= hours.to || hours.to > DAY {
                return Err(CalendarError::Hours(hours.from, hours.to));
            }
        }
        if week.iter().any(|day| day.windows(2).any(|pair| pair[0].to > pair[1].from)) {
            return Err(CalendarError::Overlap);
        }
        Ok(Self { id: id.into(), name: name.into(), zone, week, holidays: holidays.into_iter().collect() })
    }

    /// Around the clock: Jira's default calendar.
    #[must_use]
    pub fn always(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: "24/7 Calendar (Default)".to_owned(),
            zone: Tz::UTC,
            week: std::array::from_fn(|_| vec![Hours { from: 0, to: DAY }]),
            holidays: BTreeSet::new(),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much of the span from `from` to `to` is working time; nothing of one that ends before it begins.
    #[must_use]
    pub fn working_time(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        let mut sum = TimeDelta::zero();
        if to <= from {
            return sum;
        }
        for (begin, end) in self.spans_around(from, to) {
            sum += (end.min(to) - begin.max(from)).max(TimeDelta::zero());
        }
        sum
    }

    /// Whether it is working time.
    #[must_use]
    pub fn is_working(&self, at: DateTime<Utc>) -> bool {
        self.spans_around(at, at).any(|(begin, end)| begin <= at && at < end)
    }

    /// The first moment at which so much working time has passed since `from`; `from` itself for nothing or less. `None` where
    /// there is never so much.
    #[must_use]
    pub fn after(&self, from: DateTime<Utc>, work: TimeDelta) -> Option<DateTime<Utc>> {
        if work <= TimeDelta::zero() {
            return Some(from);
        }
        let mut left = work;
        for (begin, end) in self.spans_around(from, from.checked_add_days(HORIZON)?) {
            let begin = begin.max(from);
            let here = (end - begin).max(TimeDelta::zero());
            if here >= left {
                return Some(begin + left);
            }
            left -= here;
        }
        None
    }

    /// The first moment from which on no more than so much working time passes until `to`. `None` where there never was so much
    /// before it.
    #[must_use]
    pub fn before(&self, to: DateTime<Utc>, work: TimeDelta) -> Option<DateTime<Utc>> {
        let mut left = work.max(TimeDelta::zero());
        let first = to.with_timezone(&self.zone).date_naive().succ_opt()?;
        let last = first.checked_sub_days(HORIZON)?;
        let mut day = first;
        while day >= last {
            let spans: Vec<_> = self.spans(day).collect();
            for (begin, end) in spans.into_iter().rev() {
                let end = end.min(to);
                let here = (end - begin).max(TimeDelta::zero());
                if here > left {
                    return Some(end - left);
                }
                left -= here;
            }
            day = day.pred_opt()?;
        }
        None
    }

    /// The working hours of every day that has a part in a span of time, in their order. A day more on each side: clocks that are
    /// put back over midnight show the day before again.
    fn spans_around(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let day_of = |at: DateTime<Utc>| at.with_timezone(&self.zone).date_naive();
        let first = day_of(from).pred_opt().unwrap_or(NaiveDate::MIN);
        let last = day_of(to).succ_opt().unwrap_or(NaiveDate::MAX);
        first.iter_days().take_while(move |day| *day <= last).flat_map(|day| self.spans(day))
    }

    /// The working hours of a day, as moments.
    fn spans(&self, day: NaiveDate) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let hours = &self.week[day.weekday().num_days_from_monday() as usize];
        let hours = if self.holidays.contains(&day) { &[][..] } else { hours.as_slice() };
        let moment = move |minutes: u16| {
            let midnight = day.and_time(NaiveTime::MIN);
            self.moment(midnight + TimeDelta::minutes(i64::from(minutes)))
        };
        hours.iter().map(move |hours| (moment(hours.from), moment(hours.to)))
    }

    /// The first moment at which clocks show this time or, where they were put forward past it, a later one. Later times never
    /// come out earlier, so spans that do not overlap on the clock do not overlap in time.
    fn moment(&self, shown: NaiveDateTime) -> DateTime<Utc> {
        // Clocks have never been put forward by more than a day.
        let found = (0..=i64::from(DAY) + 60).find_map(|minutes| {
            self.zone.from_local_datetime(&(shown + TimeDelta::minutes(minutes))).earliest()
        });
        found.map_or_else(|| shown.and_utc(), |moment| moment.to_utc())
    }
}

#[cfg(test)]
mod tests;
