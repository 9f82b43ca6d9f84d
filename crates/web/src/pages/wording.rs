//! Numbers, times and durations as the console words them. Times are UTC, as in all of Work Pulse.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// An instant, for a `<time>` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// For machines.
    pub(super) iso: String,
    /// In full.
    pub(super) absolute: String,
    /// From now: "3 h ago".
    pub(super) relative: String,
}

impl Moment {
    pub(super) fn of(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            iso: at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            absolute: at.format("%-d %b %Y, %H:%M UTC").to_string(),
            relative: relative(at, now),
        }
    }
}

fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let passed = now - at;
    if passed < TimeDelta::minutes(-1) {
        return format!("in {}", rough(-passed));
    }
    if passed < TimeDelta::seconds(10) {
        return "just now".into();
    }
    format!("{} ago", rough(passed))
}

/// The largest unit only.
fn rough(span: TimeDelta) -> String {
    let (days, hours, minutes) = (span.num_days(), span.num_hours(), span.num_minutes());
    match (days, hours, minutes) {
        (730.., ..) => format!("{} y", days / 365),
        (60.., ..) => format!("{} mo", days / 30),
        (2.., ..) => format!("{days} d"),
        (_, 1.., _) => format!("{hours} h"),
        (_, _, 1..) => format!("{minutes} min"),
        _ => format!("{} s", span.num_seconds()),
    }
}

/// The two largest units: "2 h 5 min".
pub(super) fn duration(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (48.., _) => format!("{} d {} h", hours / 24, hours % 24),
        (1.., _) => format!("{hours} h {minutes} min"),
        (_, 1..) => format!("{minutes} min {rest} s"),
        _ => format!("{rest} s"),
    }
}

/// A day with its year: "5 Oct 2026".
pub(super) fn day(day: NaiveDate) -> String {
    day.format("%-d %b %Y").to_string()
}

/// A day without its year: "5 Oct".
pub(super) fn short_day(day: NaiveDate) -> String {
    day.format("%-d %b").to_string()
}

/// A count with its thousands apart: "12,345".
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with what is counted: "1 issue", "2 issues".
pub(super) fn counted(count: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A number with one decimal below a hundred, and none from there on or where it would be 0.
pub(super) fn decimal(number: f64) -> String {
    let rounded = (number * 10.0).round() / 10.0;
    if rounded >= 100.0 || rounded.fract() == 0.0 { format!("{number:.0}") } else { format!("{rounded:.1}") }
}

/// A text of at most so many characters, with an ellipsis where something was left out.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(longest.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A message as HTML: what it has in backticks is code.
pub(super) fn with_code(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut parts = escaped.split('`');
    let mut html = parts.next().unwrap_or_default().to_owned();
    while let Some(part) = parts.next() {
        match parts.next() {
            Some(rest) => html.push_str(&format!("<code>{part}</code>{rest}")),
            // One without another is a character like any.
            None => html.push_str(&format!("`{part}")),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn moments_are_told_from_now() {
        let now = Utc.with_ymd_and_hms(2026, 3, 31, 12, 0, 0).unwrap();
        let told = |span: TimeDelta| Moment::of(now - span, now).relative;
        assert_eq!(told(TimeDelta::seconds(3)), "just now");
        assert_eq!(told(TimeDelta::seconds(59)), "59 s ago");
        assert_eq!(told(TimeDelta::minutes(61)), "1 h ago");
        assert_eq!(told(TimeDelta::hours(47)), "47 h ago");
        assert_eq!(told(TimeDelta::days(59)), "59 d ago");
        assert_eq!(told(TimeDelta::days(61)), "2 mo ago");
        assert_eq!(told(TimeDelta::days(1000)), "2 y ago");
        assert_eq!(told(TimeDelta::days(-3)), "in 3 d");
        assert_eq!(Moment::of(now, now).absolute, "31 Mar 2026, 12:00 UTC");
        assert_eq!(Moment::of(now, now).iso, "2026-03-31T12:00:00Z");
    }

    #[test]
    fn numbers_are_easy_on_the_eye() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.04, 4.25, 9.96, 99.96, 123.4].map(decimal), ["0", "0", "4.3", "10", "100", "123"]);
        assert_eq!(counted(1, "issue"), "1 issue");
        assert_eq!(counted(1200, "issue"), "1,200 issues");
        assert_eq!(duration(TimeDelta::seconds(7)), "7 s");
        assert_eq!(duration(TimeDelta::seconds(125)), "2 min 5 s");
        assert_eq!(duration(TimeDelta::minutes(125)), "2 h 5 min");
        assert_eq!(duration(TimeDelta::hours(50)), "2 d 2 h");
    }

    #[test]
    fn a_text_is_cut_at_characters() {
        assert_eq!(shortened("Überfällig", 10), "Überfällig");
        assert_eq!(shortened("Überfällig!", 10), "Überfälli…");
    }

    #[test]
    fn what_stands_in_backticks_is_code() {
        assert_eq!(
            with_code("`a < b` is no kind; use `c`."),
            "<code>a &lt; b</code> is no kind; use <code>c</code>."
        );
        assert_eq!(with_code("a ` alone"), "a ` alone");
        assert_eq!(with_code("<script>"), "&lt;script&gt;");
    }
}
