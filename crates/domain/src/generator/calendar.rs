//! Time: Jira's timestamp form, office hours per time zone, and when issues arrive.
//!
//! Instants are milliseconds since the epoch throughout the generator.

use chrono::{Offset, TimeZone, Utc};
use chrono_tz::Tz;

use super::draw::Draw;

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;
pub(super) const WEEK: i64 = 7 * DAY;

/// How long the site has existed: about 18 months.
pub(super) const HISTORY: i64 = 548 * DAY;

/// The civil date (year, month, day) of a day number since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * month_index + 2) / 5 + 1)
}

fn push_padded(text: &mut String, value: i64, width: u32) {
    for power in (0..width).rev() {
        let digit = value / 10_i64.pow(power) % 10;
        text.push(char::from(b'0' + digit.unsigned_abs() as u8));
    }
}

/// `2026-11-22` (UTC).
pub(super) fn date(at: i64) -> String {
    let mut text = String::with_capacity(10);
    push_date(&mut text, at);
    text
}

fn push_date(text: &mut String, at: i64) {
    let (year, month, day) = civil(at.div_euclid(DAY));
    push_padded(text, year, 4);
    text.push('-');
    push_padded(text, month, 2);
    text.push('-');
    push_padded(text, day, 2);
}

fn date_time(at: i64, zone: &str) -> String {
    let mut text = String::with_capacity(28);
    push_date(&mut text, at);
    let of_day = at.rem_euclid(DAY);
    for (separator, value, width) in [
        ('T', of_day / HOUR, 2),
        (':', of_day / MINUTE % 60, 2),
        (':', of_day / 1000 % 60, 2),
        ('.', of_day % 1000, 3),
    ] {
        text.push(separator);
        push_padded(&mut text, value, width);
    }
    text.push_str(zone);
    text
}

/// `2026-11-22T10:15:00.123+0000`, the platform's form (jira-facts 6.2). chrono's formatter is ten times slower, and
/// an issue has some forty of these.
pub(super) fn timestamp(at: i64) -> String {
    date_time(at, "+0000")
}

/// `2026-11-22T10:15:00.123Z`, the form sprints use (jira-facts 9.1).
pub(super) fn agile_timestamp(at: i64) -> String {
    date_time(at, "Z")
}

/// Year and month of an instant, and the number of its week in that year, counted from 1.
pub(super) fn year_month_week(at: i64) -> (i64, i64, i64) {
    let day = at.div_euclid(DAY);
    let (year, month, _) = civil(day);
    let mut first = day;
    while civil(first - 1).0 == year {
        first -= 1;
    }
    (year, month, (day - first) / 7 + 1)
}

/// A time zone of the site's users with its offsets over the site's life.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) name: &'static str,
    /// (from, offset), ascending; the first applies to everything before the second.
    offsets: Vec<(i64, i64)>,
}

impl Zone {
    pub(super) fn new(zone: Tz, from: i64, until: i64) -> Self {
        let mut offsets = vec![(from, offset_at(zone, from))];
        let mut day = from;
        while day < until {
            let (before, after) = (offset_at(zone, day), offset_at(zone, day + DAY));
            if before != after {
                offsets.push((change_between(zone, day, day + DAY), after));
            }
            day += DAY;
        }
        Self { name: zone.name(), offsets }
    }

    fn local(&self, at: i64) -> i64 {
        let known = self.offsets.iter().rev().find(|(from, _)| *from <= at).or(self.offsets.first());
        at + known.map_or(0, |(_, offset)| *offset)
    }

    /// The instant at which it is `time` of day here, on the UTC day that begins at `day`.
    pub(super) fn morning(&self, day: i64, time: i64) -> i64 {
        let at = day + time;
        at - (self.local(at) - at)
    }

    /// Monday to Friday, 8:00 to 18:30 local time.
    pub(super) fn at_work(&self, at: i64) -> bool {
        let local = self.local(at);
        weekday(local) < 5 && (8 * HOUR..18 * HOUR + 30 * MINUTE).contains(&local.rem_euclid(DAY))
    }

    /// `at`, or some time in the morning of the next working day when `at` is outside office hours.
    pub(super) fn next_at_work(&self, at: i64, draw: &mut Draw) -> i64 {
        if self.at_work(at) {
            return at;
        }
        let local = self.local(at);
        let late = weekday(local) >= 5 || local.rem_euclid(DAY) >= 8 * HOUR;
        let mut day = local.div_euclid(DAY) + i64::from(late);
        while weekday(day * DAY) >= 5 {
            day += 1;
        }
        let morning = day * DAY + 8 * HOUR + 15 * MINUTE + draw.span(0, 3 * HOUR);
        // The offset between the two instants may differ by a daylight-saving hour; the margins of the office day
        // absorb it, and a morning never comes before `at`.
        (morning - (local - at)).max(at)
    }
}

/// Monday is 0.
fn weekday(local: i64) -> i64 {
    (local.div_euclid(DAY) + 3).rem_euclid(7)
}

fn offset_at(zone: Tz, at: i64) -> i64 {
    Utc.timestamp_millis_opt(at)
        .single()
        .map_or(0, |instant| i64::from(instant.with_timezone(&zone).offset().fix().local_minus_utc()) * 1000)
}

fn change_between(zone: Tz, mut low: i64, mut high: i64) -> i64 {
    let before = offset_at(zone, low);
    while high - low > 1000 {
        let middle = low + (high - low) / 2;
        if offset_at(zone, middle) == before { low = middle } else { high = middle }
    }
    // Transitions fall on whole seconds.
    high.div_euclid(1000) * 1000
}

/// The Monday 00:00 UTC at or before `at`.
pub(super) fn monday(at: i64) -> i64 {
    (at.div_euclid(DAY) - weekday(at)) * DAY
}

/// When issues arrive: their density per hour over the site's life, accumulated.
#[derive(Debug)]
pub(super) struct Arrivals {
    start: i64,
    issues: u64,
    /// Weight of all hours up to and including this one.
    cumulated: Vec<u64>,
}

/// Weight of each UTC hour of a working day: a company from India to the west coast of America, mostly in Europe.
const HOUR_WEIGHTS: [u64; 24] =
    [2, 1, 1, 4, 12, 16, 28, 60, 92, 100, 96, 82, 70, 96, 110, 104, 84, 60, 44, 34, 26, 18, 10, 5];

/// Fractions of one issue's share of the curve, used to jitter its arrival.
const JITTER: u64 = 1 << 16;

impl Arrivals {
    pub(super) fn new(now: i64, issues: u64) -> Self {
        let start = now - HISTORY;
        let hours = HISTORY / HOUR;
        let mut sum = 0;
        let cumulated = (0..hours)
            .map(|hour| {
                sum += Self::weight(start + hour * HOUR + HOUR / 2, hour, hours);
                sum
            })
            .collect();
        Self { start, issues, cumulated }
    }

    /// Grows from 0.6 to 1.4 over the site's life; few on week-ends and between the years.
    fn weight(at: i64, hour: i64, hours: i64) -> u64 {
        let growth = (600 + 800 * hour / hours).unsigned_abs();
        let of_day = HOUR_WEIGHTS[(at.rem_euclid(DAY) / HOUR) as usize];
        let of_week = if weekday(at) < 5 { 100 } else { 4 };
        let (_, month, day) = civil(at.div_euclid(DAY));
        let of_year = if (month == 12 && day >= 24) || (month == 1 && day == 1) { 15 } else { 100 };
        growth * of_day * of_week * of_year
    }

    /// When issue number `index` arrives; never decreasing with `index`, and before `now`.
    pub(super) fn created(&self, index: u64, jitter: u64) -> i64 {
        let total = u128::from(self.cumulated.last().copied().unwrap_or(1));
        let share = u128::from(index * JITTER + jitter % JITTER);
        let target = (share * total / (u128::from(self.issues.max(1)) * u128::from(JITTER))) as u64;
        let hour = self.cumulated.partition_point(|&until| until <= target).min(self.cumulated.len() - 1);
        let before = if hour == 0 { 0 } else { self.cumulated[hour - 1] };
        let weight = (self.cumulated[hour] - before).max(1);
        let within = u128::from(target - before) * HOUR as u128 / u128::from(weight);
        self.start + hour as i64 * HOUR + (within as i64).min(HOUR - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::{Purpose, Seed};
    use super::*;

    const NOVEMBER: i64 = 1_795_342_500_123; // 2026-11-22T10:15:00.123Z, a Sunday

    #[test]
    fn timestamps_have_jiras_form() {
        assert_eq!(timestamp(NOVEMBER), "2026-11-22T10:15:00.123+0000");
        assert_eq!(agile_timestamp(NOVEMBER), "2026-11-22T10:15:00.123Z");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29T00:00:00.000+0000");
        assert_eq!(date(1_704_067_199_999), "2023-12-31");
        assert_eq!(year_month_week(NOVEMBER), (2026, 11, 47));
        assert_eq!(timestamp(monday(NOVEMBER)), "2026-11-16T00:00:00.000+0000");
    }

    #[test]
    fn dates_agree_with_chrono() {
        for step in 0..2000 {
            let at = step * 13 * DAY + step * 7_919_333;
            let expected =
                Utc.timestamp_millis_opt(at).unwrap().format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string();
            assert_eq!(timestamp(at), expected);
        }
    }

    #[test]
    fn a_sunday_becomes_a_monday_morning_in_the_users_zone() {
        let zone = Zone::new(chrono_tz::America::New_York, NOVEMBER - HISTORY, NOVEMBER + 60 * DAY);
        let mut draw = Seed::new(1).stream(Purpose::Site, 0);
        let next = zone.next_at_work(NOVEMBER, &mut draw);
        assert!(zone.at_work(next));
        let local = Utc.timestamp_millis_opt(next).unwrap().with_timezone(&chrono_tz::America::New_York);
        assert_eq!(local.format("%Y-%m-%d").to_string(), "2026-11-23");
        assert_eq!(zone.next_at_work(next, &mut draw), next, "office hours are left alone");
    }

    #[test]
    fn offsets_follow_daylight_saving() {
        let zone = Zone::new(chrono_tz::Europe::Berlin, NOVEMBER - HISTORY, NOVEMBER + 60 * DAY);
        for step in 0..600 {
            let at = NOVEMBER - HISTORY + step * DAY + 3 * HOUR;
            assert_eq!(zone.local(at) - at, offset_at(chrono_tz::Europe::Berlin, at), "day {step}");
        }
    }

    #[test]
    fn arrivals_ascend_and_grow() {
        let arrivals = Arrivals::new(NOVEMBER, 3000);
        let times: Vec<i64> = (0..3000).map(|index| arrivals.created(index, index * 40_503)).collect();
        assert!(times.is_sorted());
        assert!(times[0] >= NOVEMBER - HISTORY && times[2999] < NOVEMBER);
        let recent = times.iter().filter(|&&at| at > NOVEMBER - HISTORY / 2).count();
        assert!((1650..2100).contains(&recent), "{recent} of 3000 in the newer half");
    }
}
