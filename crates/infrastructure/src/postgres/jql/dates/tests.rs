use super::*;

fn at(zone: Tz, now: &str) -> Dates {
    Dates { zone, now: now.parse().unwrap() }
}

fn berlin() -> Dates {
    // A Wednesday, 12:30 in Berlin.
    at(chrono_tz::Europe::Berlin, "2025-05-14T10:30:00Z")
}

fn literal(dates: Dates, text: &str) -> Option<String> {
    dates.instant(&Value::String(text.into())).map(|instant| instant.format("%FT%T%.fZ").to_string())
}

fn called(dates: Dates, name: &str, arguments: &[&str]) -> Result<String> {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let call = Function { name: name.into(), arguments };
    let function = DateFunction::named(name).expect("a date function");
    dates.call(function, &call).map(|instant| instant.format("%FT%T%.fZ").to_string())
}

#[test]
fn absolute_dates_are_read_in_the_callers_zone() {
    for text in ["2025-05-13 10:15", "2025/05/13 10:15", "2025/5/13 10:15"] {
        assert_eq!(literal(berlin(), text).as_deref(), Some("2025-05-13T08:15:00Z"), "{text}");
    }
    for text in ["2025-05-13", "2025/05/13", " 2025/5/13 "] {
        assert_eq!(literal(berlin(), text).as_deref(), Some("2025-05-12T22:00:00Z"), "{text}");
    }
    let tokyo = at(chrono_tz::Asia::Tokyo, "2025-05-14T10:30:00Z");
    assert_eq!(literal(tokyo, "2025-05-13").as_deref(), Some("2025-05-12T15:00:00Z"));
}

#[test]
fn a_number_without_quotation_marks_counts_milliseconds_and_one_with_them_is_no_date() {
    let instant = berlin().instant(&Value::Number(1_732_877_091_123)).unwrap();
    assert_eq!(instant.to_rfc3339(), "2024-11-29T10:44:51.123+00:00");
    assert_eq!(literal(berlin(), "1732877091123"), None);
    assert_eq!(berlin().instant(&Value::Number(i64::MAX)), None);
}

#[test]
fn periods_count_from_now() {
    let periods = [
        ("-7d", "2025-05-07T10:30:00Z"),
        ("-1w 2d", "2025-05-05T10:30:00Z"),
        ("4h", "2025-05-14T14:30:00Z"),
        ("+4h", "2025-05-14T14:30:00Z"),
        ("-30m", "2025-05-14T10:00:00Z"),
        ("-30", "2025-05-14T10:00:00Z"),
        ("4w 2d", "2025-06-13T10:30:00Z"),
        ("1d12h", "2025-05-15T22:30:00Z"),
    ];
    for (text, expected) in periods {
        assert_eq!(literal(berlin(), text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn what_is_no_date_is_refused() {
    let texts = [
        "",
        "-",
        "d",
        "-d",
        "7",
        "7x",
        "-7d -2h",
        "-7M",
        "yesterday",
        "03/10/2017",
        "2025-02-30",
        "2025-05-13T10:15",
        "2025-05-13 10:15:00",
        "99999999999999999999d",
        "-999999999w",
        "12025-01-01",
        "- 7",
        "\u{661}d",
    ];
    for text in texts {
        let expected = (text == "- 7").then(|| "2025-05-14T10:23:00Z".to_owned());
        assert_eq!(literal(berlin(), text), expected, "{text}");
    }
}

#[test]
fn functions_name_the_boundaries_of_the_callers_days() {
    let boundaries = [
        ("now", "2025-05-14T10:30:00Z"),
        ("startOfDay", "2025-05-13T22:00:00Z"),
        ("endOfDay", "2025-05-14T21:59:59.999Z"),
        // Sunday to Saturday.
        ("startOfWeek", "2025-05-10T22:00:00Z"),
        ("endOfWeek", "2025-05-17T21:59:59.999Z"),
        ("startOfMonth", "2025-04-30T22:00:00Z"),
        ("ENDOFMONTH", "2025-05-31T21:59:59.999Z"),
        // Winter time.
        ("startOfYear", "2024-12-31T23:00:00Z"),
        ("endOfYear", "2025-12-31T22:59:59.999Z"),
    ];
    for (name, expected) in boundaries {
        assert_eq!(called(berlin(), name, &[]).unwrap(), expected, "{name}");
    }
}

#[test]
fn increments_move_whole_spans_or_their_boundaries() {
    let increments = [
        ("startOfDay", "-1", "2025-05-12T22:00:00Z"),
        ("startOfDay", "-1d", "2025-05-12T22:00:00Z"),
        ("startOfDay", "+8h", "2025-05-14T06:00:00Z"),
        ("startOfDay", "90m", "2025-05-13T23:30:00Z"),
        ("startOfWeek", "1", "2025-05-17T22:00:00Z"),
        ("startOfWeek", "+1d", "2025-05-11T22:00:00Z"),
        ("startOfMonth", "+14d", "2025-05-14T22:00:00Z"),
        ("endOfMonth", "1", "2025-06-30T21:59:59.999Z"),
        ("endOfMonth", "+15d", "2025-06-15T21:59:59.999Z"),
        ("endOfMonth", "-3M", "2025-02-28T22:59:59.999Z"),
        ("startOfYear", "-1y", "2023-12-31T23:00:00Z"),
        ("startOfYear", "+2M", "2025-02-28T23:00:00Z"),
    ];
    for (name, increment, expected) in increments {
        assert_eq!(called(berlin(), name, &[increment]).unwrap(), expected, "{name}({increment})");
    }
    assert!(called(berlin(), "startOfDay", &["x"]).is_err());
    assert!(called(berlin(), "startOfDay", &["1D"]).is_err());
    assert!(called(berlin(), "startOfYear", &["999999y"]).is_err());
    let error = called(berlin(), "now", &["1"]).unwrap_err();
    assert_eq!(error.to_string(), "Function 'now' expected '0' arguments but received '1'.");
}

#[test]
fn days_are_as_long_as_the_zone_makes_them() {
    // Clocks go forward on 30 March 2025 at 02:00 and back on 26 October 2025 at 03:00.
    let spring = at(chrono_tz::Europe::Berlin, "2025-03-30T10:00:00Z");
    assert_eq!(called(spring, "startOfDay", &[]).unwrap(), "2025-03-29T23:00:00Z");
    assert_eq!(called(spring, "endOfDay", &[]).unwrap(), "2025-03-30T21:59:59.999Z");
    // Skipped: as much later as clocks went forward.
    assert_eq!(literal(spring, "2025-03-30 02:30").as_deref(), Some("2025-03-30T01:30:00Z"));
    let autumn = at(chrono_tz::Europe::Berlin, "2025-10-26T10:00:00Z");
    assert_eq!(called(autumn, "startOfDay", &[]).unwrap(), "2025-10-25T22:00:00Z");
    assert_eq!(called(autumn, "endOfDay", &[]).unwrap(), "2025-10-26T22:59:59.999Z");
    // Twice: the first.
    assert_eq!(literal(autumn, "2025-10-26 02:30").as_deref(), Some("2025-10-26T00:30:00Z"));
    // A zone whose clocks go forward at midnight has no midnight that day: the day begins at 01:00.
    let santiago = at(chrono_tz::America::Santiago, "2024-09-08T15:00:00Z");
    assert_eq!(called(santiago, "startOfDay", &[]).unwrap(), "2024-09-08T04:00:00Z");
    // Samoa had no 30 December 2011 at all.
    let apia = at(chrono_tz::Pacific::Apia, "2011-12-31T12:00:00Z");
    assert_eq!(literal(apia, "2011-12-30").as_deref(), Some("2011-12-30T10:00:00Z"));
}

#[test]
fn a_due_day_is_the_callers() {
    let late = at(chrono_tz::Asia::Tokyo, "2025-05-14T20:00:00Z");
    assert_eq!(late.day_of(late.now).to_string(), "2025-05-15");
    let day = |text: &str| {
        late.instant(&Value::String(text.into())).map(|instant| late.day_of(instant).to_string())
    };
    assert_eq!(day("1d").as_deref(), Some("2025-05-16"));
    assert_eq!(day("2025-05-01").as_deref(), Some("2025-05-01"));
}
