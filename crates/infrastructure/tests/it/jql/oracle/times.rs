//! Dates, periods and functions of dates, read in a zone (jira-facts 2.1, 8.5).

use chrono::{
    DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc,
};
use chrono_tz::Tz;
use jql::{Function, Value as Literal};

#[derive(Clone, Copy)]
pub struct Clock {
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

impl Clock {
    /// The first instant at which clocks in the zone show this time or, where they skip it, a later one.
    fn at(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let mut skipped = 0;
        loop {
            let shifted = local + Duration::minutes(skipped);
            if let Some(found) = self.zone.from_local_datetime(&shifted).earliest() {
                // A time in the middle of a gap is as much later as the gap is long.
                if skipped == 0 || local.time() == NaiveTime::MIN {
                    return found.to_utc();
                }
                let before = self.zone.from_local_datetime(&(local - Duration::days(1))).earliest().unwrap();
                return before.to_utc() + Duration::days(1);
            }
            skipped += 1;
        }
    }

    pub fn day(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.zone).date_naive()
    }

    /// From when to when the day lasts that an instant is in.
    pub fn whole_day(&self, instant: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let day = self.day(instant);
        (self.at(day.into()), self.at((day + Days::new(1)).into()))
    }

    pub fn instant(&self, literal: &Literal) -> DateTime<Utc> {
        let text = match literal {
            Literal::Number(milliseconds) => return DateTime::from_timestamp_millis(*milliseconds).unwrap(),
            Literal::String(text) => text.replace('/', "-"),
        };
        if let Ok(day) = text.parse::<NaiveDate>() {
            return self.at(day.into());
        }
        if let Ok(time) = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M") {
            return self.at(time);
        }
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest.to_owned()),
            None => (1, text.trim_start_matches('+').to_owned()),
        };
        let minutes: i64 = rest
            .split_whitespace()
            .map(|part| {
                let (count, unit) = part.split_at(part.len() - 1);
                let count: i64 = count.parse().unwrap();
                count
                    * match unit {
                        "w" => 7 * 24 * 60,
                        "d" => 24 * 60,
                        "h" => 60,
                        _ => 1,
                    }
            })
            .sum();
        self.now + Duration::minutes(sign * minutes)
    }

    /// `now()`, `startOfMonth("-1")` and their kin.
    pub fn call(&self, function: &Function) -> DateTime<Utc> {
        let name = function.name.to_lowercase();
        if name == "now" {
            return self.now;
        }
        let (end, span) = match name.strip_prefix("startof") {
            Some(span) => (false, span),
            None => (true, name.strip_prefix("endof").unwrap()),
        };
        let own = match span {
            "day" => 'd',
            "week" => 'w',
            "month" => 'M',
            _ => 'y',
        };
        let argument = function.arguments.first().map_or("0", String::as_str);
        let digits = argument.trim_end_matches(char::is_alphabetic);
        let count: i32 = digits.parse().unwrap();
        let unit = argument[digits.len()..].chars().next().unwrap_or(own);
        let moved = |day: NaiveDateTime| match unit {
            'y' => months(day, count * 12),
            'M' => months(day, count),
            'w' => day + Duration::weeks(count.into()),
            'd' => day + Duration::days(count.into()),
            'h' => day + Duration::hours(count.into()),
            _ => day + Duration::minutes(count.into()),
        };
        let today = self.now.with_timezone(&self.zone).naive_local();
        let is_longer = "mhdwMy".find(unit) >= "mhdwMy".find(own);
        let day = if is_longer { moved(today).date() } else { today.date() };
        let first = match own {
            'd' => day,
            'w' => (0..7)
                .map(|back| day - Days::new(back))
                .find(|day| day.weekday() == chrono::Weekday::Sun)
                .unwrap(),
            'M' => day.with_day(1).unwrap(),
            _ => NaiveDate::from_ymd_opt(day.year(), 1, 1).unwrap(),
        };
        let next = match own {
            'd' => first + Days::new(1),
            'w' => first + Days::new(7),
            'M' => first + Months::new(1),
            _ => first + Months::new(12),
        };
        let border =
            if end { self.at(next.into()) - Duration::milliseconds(1) } else { self.at(first.into()) };
        match (is_longer, unit) {
            (true, _) => border,
            (false, 'h') => border + Duration::hours(count.into()),
            (false, 'm') => border + Duration::minutes(count.into()),
            (false, _) => self.at(moved(border.with_timezone(&self.zone).naive_local())),
        }
    }
}

fn months(day: NaiveDateTime, count: i32) -> NaiveDateTime {
    let months = Months::new(count.unsigned_abs());
    if count < 0 { day - months } else { day + months }
}

/// Estimates: a day of work has eight hours and a week five days; a number alone is minutes.
pub fn working_seconds(text: &str) -> f64 {
    let seconds = |part: &str| {
        let digits = part.trim_end_matches(char::is_alphabetic);
        let count: f64 = digits.parse().unwrap();
        count
            * match &part[digits.len()..] {
                "w" => 5.0 * 8.0 * 3600.0,
                "d" => 8.0 * 3600.0,
                "h" => 3600.0,
                _ => 60.0,
            }
    };
    text.split_whitespace().map(seconds).sum()
}

/// A time as precise as what it is compared with: a day or a time of day names a minute, all else an instant.
pub fn as_named_by(literal: &Literal, time: DateTime<Utc>) -> DateTime<Utc> {
    match literal {
        Literal::String(text) if text.len() >= 8 && text.chars().take(4).all(|c| c.is_ascii_digit()) => {
            time - Duration::milliseconds(time.timestamp_millis().rem_euclid(60_000))
        }
        _ => time,
    }
}
