use chrono::Weekday;
use proptest::prelude::*;

use super::*;

const NINE_TO_FIVE: Hours = Hours { from: 9 * 60, to: 17 * 60 };

fn office(zone: Tz, holidays: &[&str]) -> WorkingCalendar {
    let week =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let week = week.map(|day| match day {
        Weekday::Sat | Weekday::Sun => vec![],
        _ => vec![NINE_TO_FIVE],
    });
    let holidays = holidays.iter().map(|day| day.parse().unwrap());
    WorkingCalendar::new("1", "Office hours", zone, week, holidays).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn hours(count: i64) -> TimeDelta {
    TimeDelta::hours(count)
}

#[test]
fn nights_weekends_and_holidays_are_no_working_time() {
    let calendar = office(Tz::UTC, &["2026-11-24"]);
    // From Friday noon to Wednesday noon, with Tuesday off.
    assert_eq!(
        calendar.working_time(at("2026-11-20T12:00:00Z"), at("2026-11-25T12:00:00Z")),
        hours(5 + 8 + 3)
    );
    assert!(calendar.is_working(at("2026-11-20T16:59:59Z")));
    assert!(!calendar.is_working(at("2026-11-20T17:00:00Z")), "the end is not included");
    assert!(!calendar.is_working(at("2026-11-22T12:00:00Z")), "a Sunday");
    assert!(!calendar.is_working(at("2026-11-24T12:00:00Z")), "a holiday");
}

#[test]
fn work_that_is_left_over_goes_on_the_next_working_day() {
    let calendar = office(Tz::UTC, &["2026-11-24"]);
    assert_eq!(calendar.after(at("2026-11-20T15:00:00Z"), hours(4)), Some(at("2026-11-23T11:00:00Z")));
    assert_eq!(calendar.after(at("2026-11-23T16:00:00Z"), hours(2)), Some(at("2026-11-25T10:00:00Z")));
    assert_eq!(calendar.after(at("2026-11-20T15:00:00Z"), hours(2)), Some(at("2026-11-20T17:00:00Z")));
    let never = WorkingCalendar::new("1", "Never", Tz::UTC, Default::default(), []).unwrap();
    assert_eq!(never.after(at("2026-11-20T15:00:00Z"), hours(1)), None);
}

#[test]
fn hours_are_those_on_the_clocks_of_the_zone() {
    let calendar = office(Tz::America__New_York, &[]);
    assert!(calendar.is_working(at("2026-11-20T21:59:00Z")));
    assert!(!calendar.is_working(at("2026-11-20T10:00:00Z")));
}

/// In Berlin the clocks of 2026 went forward on 29 March at 2, and back on 25 October at 3; both are Sundays.
#[test]
fn a_day_on_which_clocks_change_is_shorter_or_longer() {
    let day = |from, to| {
        WorkingCalendar::new(
            "1",
            "Nights",
            Tz::Europe__Berlin,
            std::array::from_fn(|_| vec![Hours { from, to }]),
            [],
        )
        .unwrap()
    };
    let spring = (at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"));
    let autumn = (at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z"));
    let whole = day(0, DAY);
    assert_eq!(whole.working_time(spring.0, spring.1), hours(23));
    assert_eq!(whole.working_time(autumn.0, autumn.1), hours(25));
    let night = day(60, 240);
    assert_eq!(night.working_time(spring.0, spring.1), hours(2), "from 1 to 4, without the hour from 2 to 3");
    assert_eq!(night.working_time(autumn.0, autumn.1), hours(4), "with the hour from 2 to 3 twice");
    let skipped = day(120, 180);
    assert_eq!(skipped.working_time(spring.0, spring.1), TimeDelta::zero());
}

#[test]
fn hours_that_are_none_are_refused() {
    let with = |hours: Vec<Hours>| {
        let mut week: [Vec<Hours>; 7] = Default::default();
        week[0] = hours;
        WorkingCalendar::new("1", "Odd", Tz::UTC, week, [])
    };
    let span = |from, to| Hours { from, to };
    assert_eq!(with(vec![span(600, 600)]), Err(CalendarError::Hours(600, 600)));
    assert_eq!(with(vec![span(600, 1441)]), Err(CalendarError::Hours(600, 1441)));
    assert_eq!(with(vec![span(540, 720), span(700, 800)]), Err(CalendarError::Overlap));
    assert!(with(vec![span(540, 720), span(720, 1440)]).is_ok());
}

#[test]
fn a_calendar_comes_back_as_it_was_written() {
    let calendar = office(Tz::Europe__Warsaw, &["2026-12-25"]);
    let text = serde_json::to_string(&calendar).unwrap();
    assert_eq!(serde_json::from_str::<WorkingCalendar>(&text).unwrap(), calendar);
    let broken = text.replace("Europe/Warsaw", "Europe/Nowhere");
    assert!(
        serde_json::from_str::<WorkingCalendar>(&broken).unwrap_err().to_string().contains("no time zone")
    );
}

/// Zones whose clocks change, at different times and by different amounts.
fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__New_York,
        Tz::Asia__Kolkata,
        Tz::Australia__Lord_Howe,
        Tz::Pacific__Apia,
    ])
}

fn day_hours() -> impl Strategy<Value = Vec<Hours>> {
    prop::collection::btree_set(0..=DAY, 0..6).prop_map(|borders| {
        let borders: Vec<u16> = borders.into_iter().collect();
        borders.chunks_exact(2).map(|pair| Hours { from: pair[0], to: pair[1] }).collect()
    })
}

fn calendars() -> impl Strategy<Value = WorkingCalendar> {
    let week = prop::collection::vec(day_hours(), 7);
    let holidays = prop::collection::vec(0_u64..800, 0..12);
    (zones(), week, holidays).prop_map(|(zone, week, holidays)| {
        let week: [Vec<Hours>; 7] = week.try_into().unwrap();
        let start = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
        WorkingCalendar::new("1", "Any", zone, week, holidays.into_iter().map(|day| start + Days::new(day)))
            .unwrap()
    })
}

/// Within two years, with changes of the clocks in them.
fn moments() -> impl Strategy<Value = DateTime<Utc>> {
    let first = at("2025-01-01T00:00:00Z").timestamp();
    (first..first + 2 * 365 * 86_400).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

proptest! {
    #[test]
    fn working_time_is_additive_and_never_more_than_the_time_that_passed(
        calendar in calendars(), mut times in prop::array::uniform3(moments()),
    ) {
        times.sort();
        let [a, b, c] = times;
        let whole = calendar.working_time(a, c);
        prop_assert_eq!(calendar.working_time(a, b) + calendar.working_time(b, c), whole);
        prop_assert!(whole >= TimeDelta::zero() && whole <= c - a);
        prop_assert_eq!(calendar.working_time(c, a), TimeDelta::zero());
    }

    #[test]
    fn around_the_clock_all_time_is_working_time(a in moments(), b in moments()) {
        let (from, to) = (a.min(b), a.max(b));
        prop_assert_eq!(WorkingCalendar::always("1").working_time(from, to), to - from);
    }

    #[test]
    fn after_is_the_first_moment_with_so_much_work_done(
        calendar in calendars(), from in moments(), seconds in 1_i64..400_000,
    ) {
        let work = TimeDelta::seconds(seconds);
        if let Some(done) = calendar.after(from, work) {
            prop_assert_eq!(calendar.working_time(from, done), work);
            prop_assert!(calendar.working_time(from, done - TimeDelta::seconds(1)) < work);
        } else {
            prop_assert!(calendar.week.iter().all(Vec::is_empty) || calendar.working_time(from, from + TimeDelta::days(3_650)) < work);
        }
    }

    #[test]
    fn before_is_the_first_moment_from_which_no_more_work_is_done(
        calendar in calendars(), to in moments(), seconds in 0_i64..400_000,
    ) {
        let work = TimeDelta::seconds(seconds);
        if let Some(from) = calendar.before(to, work) {
            prop_assert_eq!(calendar.working_time(from, to), work);
            prop_assert!(calendar.working_time(from - TimeDelta::seconds(1), to) > work);
        } else {
            prop_assert!(calendar.week.iter().all(Vec::is_empty));
        }
    }

    #[test]
    fn it_is_working_time_where_a_second_counts(calendar in calendars(), at in moments()) {
        let counted = calendar.working_time(at, at + TimeDelta::seconds(1));
        prop_assert_eq!(calendar.is_working(at), counted > TimeDelta::zero());
    }
}
