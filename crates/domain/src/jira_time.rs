//! Jira's timestamps.
//!
//! Jira prints `2024-01-05T10:11:12.123+0000`: milliseconds always, no colon in the offset and never `Z`
//! (jira-facts 6.2), which RFC 3339 parsers reject. Boards and sprints use colons or `Z` (jira-facts 9.1),
//! and the bulk changelog sends epoch numbers (jira-facts 1.5). [`parse`] and [`parse_json`] read all of
//! them, [`format()`] prints the one form that Jira's platform API uses.

use chrono::{DateTime, Datelike, Utc};
use serde_json::Value;

/// Numbers below this magnitude are seconds, others milliseconds (jira-facts 1.5). As milliseconds it is
/// March 1973, as seconds the year 5138, so no instant of a real issue can be mistaken.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// The same limit for numbers with a fraction.
const SECONDS_BELOW_F64: f64 = 100_000_000_000.0;

/// The text or number is no timestamp that Jira would send.
///
/// It does not repeat the offending value, which may be anything a remote site chose to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Jira timestamp")]
pub struct InvalidTimestamp;

/// Reads a timestamp: Jira's own form, any RFC 3339 form, an offset without minutes (`+02`), a time without
/// seconds, or a whole number of epoch seconds or milliseconds as text.
///
/// A time without an offset is refused: nothing says in which zone it would be.
///
/// # Errors
/// [`InvalidTimestamp`] for any other text, and for years that need more than four digits.
pub fn parse(text: &str) -> Result<DateTime<Utc>, InvalidTimestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return from_epoch(number);
    }
    // chrono skips white space inside numbers; Jira never sends any.
    if text.contains(char::is_whitespace) {
        return Err(InvalidTimestamp);
    }
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z"))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%#z"))
        .map_err(|_| InvalidTimestamp)
        .and_then(|parsed| with_four_digit_year(parsed.to_utc()))
}

/// Reads a timestamp from JSON: a string as [`parse`] takes it, or a number of epoch seconds or milliseconds.
/// A fraction is allowed in a number and rounded to milliseconds.
///
/// # Errors
/// [`InvalidTimestamp`] for any other value, `null` included.
pub fn parse_json(value: &Value) -> Result<DateTime<Utc>, InvalidTimestamp> {
    match value {
        Value::String(text) => parse(text),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => from_epoch(whole),
            None => from_fractional_epoch(number.as_f64().ok_or(InvalidTimestamp)?),
        },
        _ => Err(InvalidTimestamp),
    }
}

/// The instant of an epoch number: seconds if its magnitude is below 10^11, milliseconds otherwise
/// (jira-facts 1.5).
///
/// # Errors
/// [`InvalidTimestamp`] outside the years 0 to 9999.
pub fn from_epoch(number: i64) -> Result<DateTime<Utc>, InvalidTimestamp> {
    let instant = if number.unsigned_abs() < SECONDS_BELOW.unsigned_abs() {
        DateTime::from_timestamp(number, 0)
    } else {
        DateTime::from_timestamp_millis(number)
    };
    instant.ok_or(InvalidTimestamp).and_then(with_four_digit_year)
}

/// Prints an instant as Jira does for a user in UTC: `2024-01-05T10:11:12.123+0000`. What is finer than a
/// millisecond is cut off.
#[must_use]
pub fn format(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

fn from_fractional_epoch(number: f64) -> Result<DateTime<Utc>, InvalidTimestamp> {
    let millis = if number.abs() < SECONDS_BELOW_F64 { number * 1000.0 } else { number };
    // The cast saturates, and a saturated value is out of the range of years, hence refused.
    let millis = millis.round() as i64;
    DateTime::from_timestamp_millis(millis).ok_or(InvalidTimestamp).and_then(with_four_digit_year)
}

/// Only such years survive a round trip through Jira's form.
fn with_four_digit_year(instant: DateTime<Utc>) -> Result<DateTime<Utc>, InvalidTimestamp> {
    if (0..=9999).contains(&instant.year()) { Ok(instant) } else { Err(InvalidTimestamp) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn reads_and_prints_the_platform_form() {
        let created = parse("2024-01-05T10:11:12.123+0000").unwrap();
        assert_eq!(created, utc("2024-01-05T10:11:12.123Z"));
        assert_eq!(format(created), "2024-01-05T10:11:12.123+0000");
    }

    #[test]
    fn offsets_are_converted_to_utc() {
        for same_instant in [
            "2024-01-05T12:11:12.000+0200",
            "2024-01-05T12:11:12.000+02:00",
            "2024-01-05T12:11:12+02",
            "2024-01-05T05:41:12.000-0430",
            "2024-01-05T10:11:12Z",
            "2024-01-05T10:11:12.000Z",
            "2024-01-05t10:11:12.000000z",
        ] {
            assert_eq!(parse(same_instant), Ok(utc("2024-01-05T10:11:12Z")), "{same_instant}");
        }
    }

    #[test]
    fn seconds_may_be_missing() {
        assert_eq!(parse("2024-01-05T10:11+0000"), Ok(utc("2024-01-05T10:11:00Z")));
    }

    #[test]
    fn prints_milliseconds_even_when_they_are_zero_and_cuts_what_is_finer() {
        assert_eq!(format(utc("2024-01-05T10:11:12Z")), "2024-01-05T10:11:12.000+0000");
        assert_eq!(format(utc("2024-01-05T10:11:12.9999999Z")), "2024-01-05T10:11:12.999+0000");
    }

    #[test]
    fn bulk_changelog_numbers_are_seconds_or_milliseconds_by_size() {
        let seconds = utc("2017-04-13T08:20:29Z");
        assert_eq!(parse_json(&json!(1_492_071_629)), Ok(seconds));
        assert_eq!(parse_json(&json!(1_492_071_629_000_i64)), Ok(seconds));
        assert_eq!(parse_json(&json!("1492071629000")), Ok(seconds));
        assert_eq!(parse_json(&json!(1_492_071_629.25)), Ok(utc("2017-04-13T08:20:29.250Z")));
    }

    #[test]
    fn refuses_what_is_no_timestamp() {
        for bad in [
            "",
            "yesterday",
            "2024-01-05",
            "2024-01-05T10:11:12.123",
            "2024-13-05T10:11:12.123+0000",
            "2024-02-30T10:11:12.123+0000",
            "2024-01- 5T10:11:12.123+0000",
            "+12024-01-05T10:11:12.123+0000",
            "9223372036854775807",
        ] {
            assert_eq!(parse(bad), Err(InvalidTimestamp), "{bad}");
        }
        for bad in [json!(null), json!(true), json!({}), json!(1e300), json!(-1e300)] {
            assert_eq!(parse_json(&bad), Err(InvalidTimestamp), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(millis in -62_167_219_200_000_i64..253_402_300_800_000) {
            let instant = DateTime::from_timestamp_millis(millis).unwrap();
            prop_assert_eq!(parse(&format(instant)), Ok(instant));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
