//! Dates of JQL (jira-facts 2.1, 8.5): literals, periods and functions, read in the caller's zone.

use application::{Result, search::SearchRequest};
use chrono::{
    DateTime, Datelike, Days, Duration, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone,
    Utc,
};
use chrono_tz::Tz;
use jql::{Function, Value};

use super::refusals;

const LITERALS: [&str; 2] = ["%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M"];
const DAY_LITERALS: [&str; 2] = ["%Y-%m-%d", "%Y/%m/%d"];

/// Where and when the caller is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates {
    zone: Tz,
    now: DateTime<Utc>,
}

/// Units of periods and increments, the longest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
}

/// A function that names a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateFunction {
    /// `now()`
    Now,
    /// `startOfDay()` and the like
    Start(Span),
    /// `endOfDay()` and the like
    End(Span),
}

/// What has a start and an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Day,
    Week,
    Month,
    Year,
}

impl DateFunction {
    /// The function of this name; names are not case-sensitive.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name == "now" {
            return Some(Self::Now);
        }
        let span = |name: &str| match name {
            "day" => Some(Span::Day),
            "week" => Some(Span::Week),
            "month" => Some(Span::Month),
            "year" => Some(Span::Year),
            _ => None,
        };
        match name.strip_prefix("startof") {
            Some(rest) => span(rest).map(Self::Start),
            None => name.strip_prefix("endof").and_then(span).map(Self::End),
        }
    }
}

impl Span {
    fn unit(self) -> Unit {
        match self {
            Self::Day => Unit::Day,
            Self::Week => Unit::Week,
            Self::Month => Unit::Month,
            Self::Year => Unit::Year,
        }
    }

    /// The first day of the span that `day` is in. Weeks begin on Sunday (jira-facts 8.5).
    fn first_day(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => Some(day),
            Self::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_sunday().into())),
            Self::Month => day.with_day(1),
            Self::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
        }
    }
}

impl Dates {
    pub(super) fn of(request: &SearchRequest) -> Self {
        Self { zone: request.zone, now: request.now }
    }

    /// The instant a literal names: a whole number without quotation marks counts milliseconds since 1970.
    pub(super) fn instant(&self, value: &Value) -> Option<DateTime<Utc>> {
        let instant = match value {
            Value::Number(milliseconds) => DateTime::from_timestamp_millis(*milliseconds)?,
            Value::String(text) => {
                let text = text.trim();
                match local_literal(text) {
                    Some(local) => self.instant_of(local),
                    None => self.now.checked_add_signed(period(text)?)?,
                }
            }
        };
        in_range(instant)
    }

    /// The minute that a literal of day and time names: from when, and until when it is not that any more. A day alone is its
    /// first minute. Jira compares times by the minute (jira-facts 2.2); periods, numbers and functions name instants.
    pub(super) fn minute(&self, text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let from = in_range(self.instant_of(local_literal(text.trim())?))?;
        Some((from, from + Duration::minutes(1)))
    }

    /// The caller's day at an instant.
    pub(super) fn day_of(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.zone).date_naive()
    }

    /// The first instant of the caller's day that an instant is in, and that of the next one.
    pub(super) fn whole_day(&self, instant: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let day = self.day_of(instant);
        Some((self.instant_of(midnight(day)), self.instant_of(midnight(day.succ_opt()?))))
    }

    /// What a function names.
    ///
    /// # Errors
    /// When its arguments are not what it takes.
    pub(super) fn call(&self, function: DateFunction, call: &Function) -> Result<DateTime<Utc>> {
        let most = if function == DateFunction::Now { 0 } else { 1 };
        if call.arguments.len() > most {
            return Err(refusals::wrong_arguments(&call.name, (0, most), call.arguments.len()));
        }
        let argument = call.arguments.first().map(String::as_str);
        self.evaluate(function, argument)
            .and_then(in_range)
            .ok_or_else(|| refusals::invalid_increment(&call.name, argument.unwrap_or_default()))
    }

    fn evaluate(&self, function: DateFunction, argument: Option<&str>) -> Option<DateTime<Utc>> {
        let (span, is_end) = match function {
            DateFunction::Now => return Some(self.now),
            DateFunction::Start(span) => (span, false),
            DateFunction::End(span) => (span, true),
        };
        let (count, unit) = match argument {
            Some(text) => increment(text, span.unit())?,
            None => (0, span.unit()),
        };
        // Whole spans and longer move the day in question, so that the end of next month is its own last day; anything
        // shorter moves the boundary: startOfMonth("+14d") is the 15th.
        if unit <= span.unit() {
            let moved = moved(self.now.with_timezone(&self.zone).naive_local(), count, unit)?;
            self.boundary(span, is_end, moved.date())
        } else {
            let boundary = self.boundary(span, is_end, self.day_of(self.now))?;
            match unit {
                Unit::Hour => boundary.checked_add_signed(Duration::try_hours(count)?),
                Unit::Minute => boundary.checked_add_signed(Duration::try_minutes(count)?),
                _ => Some(self.instant_of(moved(
                    boundary.with_timezone(&self.zone).naive_local(),
                    count,
                    unit,
                )?)),
            }
        }
    }

    /// The first instant of the span that `day` is in, or the last millisecond of it.
    fn boundary(&self, span: Span, is_end: bool, day: NaiveDate) -> Option<DateTime<Utc>> {
        let first = span.first_day(day)?;
        if is_end {
            let next = moved(midnight(first), 1, span.unit())?;
            Some(self.instant_of(next) - Duration::milliseconds(1))
        } else {
            Some(self.instant_of(midnight(first)))
        }
    }

    /// The instant of a local time. A time that comes twice is its first coming; one that is skipped when clocks go
    /// forward is read with the offset before, as Java does, and so is as much later.
    fn instant_of(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let zoned = match self.zone.from_local_datetime(&local) {
            LocalResult::Single(zoned) | LocalResult::Ambiguous(zoned, _) => Some(zoned),
            LocalResult::None => local
                .checked_sub_days(Days::new(1))
                .and_then(|day_before| self.zone.from_local_datetime(&day_before).earliest())
                .map(|day_before| day_before + Duration::days(1)),
        };
        zoned.map_or_else(|| local.and_utc(), |zoned| zoned.with_timezone(&Utc))
    }
}

fn midnight(day: NaiveDate) -> NaiveDateTime {
    day.and_time(NaiveTime::MIN)
}

fn local_literal(text: &str) -> Option<NaiveDateTime> {
    // chrono would read shorter and signed years too.
    if !text.get(..4)?.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let time = |format: &&str| NaiveDateTime::parse_from_str(text, format).ok();
    let day = |format: &&str| NaiveDate::parse_from_str(text, format).ok().map(midnight);
    LITERALS.iter().find_map(time).or_else(|| DAY_LITERALS.iter().find_map(day))
}

/// Years have four digits: PostgreSQL knows fewer years than chrono, and nobody asks for others.
fn in_range(instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (1..=9999).contains(&instant.year()).then_some(instant)
}

/// `count` units later; months and years keep the day of the month where there is one.
fn moved(local: NaiveDateTime, count: i64, unit: Unit) -> Option<NaiveDateTime> {
    let months = |count: i64| {
        let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
        if count < 0 { local.checked_sub_months(months) } else { local.checked_add_months(months) }
    };
    match unit {
        Unit::Year => months(count.checked_mul(12)?),
        Unit::Month => months(count),
        Unit::Week => local.checked_add_signed(Duration::try_weeks(count)?),
        Unit::Day => local.checked_add_signed(Duration::try_days(count)?),
        Unit::Hour => local.checked_add_signed(Duration::try_hours(count)?),
        Unit::Minute => local.checked_add_signed(Duration::try_minutes(count)?),
    }
}

/// `+` or `-` in front, and the rest.
fn signed(text: &str) -> (Option<i64>, &str) {
    let text = text.trim();
    match text.strip_prefix('-') {
        Some(rest) => (Some(-1), rest.trim_start()),
        None => match text.strip_prefix('+') {
            Some(rest) => (Some(1), rest.trim_start()),
            None => (None, text),
        },
    }
}

/// The digits in front as a number, and the rest.
fn number(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

/// A period: `-7d`, `-1w 2d`, `4h`. The sign is for all of it, `m` is minutes, days have 24 hours. A number alone is
/// minutes, with a sign; without one it is a date that cannot be read (jira-facts 2.1).
fn period(text: &str) -> Option<Duration> {
    let (sign, mut rest) = signed(text);
    let mut whole = Duration::zero();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (count, behind) = number(rest)?;
        let mut characters = behind.trim_start().chars();
        let part = match characters.next() {
            Some('w') => Duration::try_weeks(count)?,
            Some('d') => Duration::try_days(count)?,
            Some('h') => Duration::try_hours(count)?,
            Some('m') => Duration::try_minutes(count)?,
            None if whole.is_zero() && sign.is_some() => Duration::try_minutes(count)?,
            _ => return None,
        };
        whole = whole.checked_add(&part)?;
        rest = characters.as_str().trim_start();
    }
    if sign == Some(-1) { Duration::zero().checked_sub(&whole) } else { Some(whole) }
}

/// An increment: `-1w`, `+14d`, `2M`; without a unit it is the function's own.
fn increment(text: &str, own: Unit) -> Option<(i64, Unit)> {
    let (sign, rest) = signed(text);
    let (count, unit) = number(rest)?;
    let unit = match unit.trim() {
        "" => own,
        "y" => Unit::Year,
        "M" => Unit::Month,
        "w" => Unit::Week,
        "d" => Unit::Day,
        "h" => Unit::Hour,
        "m" => Unit::Minute,
        _ => return None,
    };
    Some((count.checked_mul(sign.unwrap_or(1))?, unit))
}

#[cfg(test)]
mod tests;
