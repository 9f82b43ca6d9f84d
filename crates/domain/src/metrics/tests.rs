use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::workflow::StatusCategory::{self, Done, Indeterminate, New, Undefined};

/// Midnight UTC of a day of January 2024, which began on a Monday.
fn day(day: u64) -> DateTime<Utc> {
    let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    (first + Days::new(day - 1)).and_hms_opt(0, 0, 0).unwrap().and_utc()
}

fn days(count: i64) -> TimeDelta {
    TimeDelta::days(count)
}

/// An issue created on day 1 in `new`, seen on day 31.
fn history(transitions: &[(u64, StatusCategory)]) -> StatusHistory {
    history_seen(transitions, 31)
}

fn history_seen(transitions: &[(u64, StatusCategory)], now: u64) -> StatusHistory {
    let transitions = transitions.iter().map(|(at, category)| (day(*at), *category)).collect();
    StatusHistory::new(day(1), New, transitions, day(now))
}

// --- lead time, cycle time, ages ---

#[test]
fn lead_time_runs_from_creation_and_cycle_time_from_the_first_start() {
    let issue = history(&[(4, Indeterminate), (6, Indeterminate), (10, Done)]);
    assert_eq!(issue.lead_time(), Some(days(9)));
    assert_eq!(issue.cycle_time(), Some(days(6)));
    assert_eq!(issue.work_item_age(), None);
    assert_eq!(issue.age(), None);
}

#[test]
fn a_reopened_issue_is_measured_to_its_last_completion() {
    let issue = history(&[(2, Indeterminate), (5, Done), (8, New), (9, Indeterminate), (12, Done)]);
    assert_eq!(issue.done_at(), Some(day(12)));
    assert_eq!(issue.cycle_time(), Some(days(10)));
    assert_eq!(issue.lead_time(), Some(days(11)));
}

#[test]
fn an_issue_that_is_open_again_has_no_times_but_an_age() {
    let issue = history_seen(&[(2, Indeterminate), (5, Done), (8, Indeterminate)], 10);
    assert_eq!((issue.lead_time(), issue.cycle_time()), (None, None));
    assert_eq!(issue.work_item_age(), Some(days(8)));
    assert_eq!(issue.age(), Some(days(9)));
    assert_eq!(issue.idle(), Some(days(2)));
}

#[test]
fn closing_a_resolved_issue_does_not_move_its_completion() {
    let resolved_then_closed = history(&[(2, Indeterminate), (5, Done), (20, Done)]);
    assert_eq!(resolved_then_closed.done_at(), Some(day(5)));
}

#[test]
fn an_issue_done_without_being_in_progress_has_a_lead_time_but_no_cycle_time() {
    let issue = history(&[(3, Done)]);
    assert_eq!((issue.lead_time(), issue.cycle_time()), (Some(days(2)), None));
}

#[test]
fn an_issue_may_be_created_in_any_category() {
    let created_done = StatusHistory::new(day(1), Done, vec![], day(9));
    assert_eq!(created_done.lead_time(), Some(TimeDelta::zero()));
    let resolved = |on| created_done.clone().with_resolution(Some(day(on))).done_at();
    assert_eq!(resolved(4), Some(day(4)));
    assert_eq!(resolved(20), Some(day(1)), "not yet");
    let before_it_was = StatusHistory::new(day(3), Done, vec![], day(9)).with_resolution(Some(day(2)));
    assert_eq!(before_it_was.done_at(), Some(day(3)));
    let entered = history(&[(3, Done)]);
    assert_eq!(
        entered.clone().with_resolution(Some(day(2))).done_at(),
        entered.done_at(),
        "an entry is known"
    );
    let created_in_progress = StatusHistory::new(day(1), Indeterminate, vec![(day(4), Done)], day(9));
    assert_eq!(created_in_progress.cycle_time(), Some(days(3)));
    let uncategorised = StatusHistory::new(day(1), Undefined, vec![], day(9));
    assert!(uncategorised.is_open() && !uncategorised.is_in_progress());
}

#[test]
fn work_sent_back_to_the_backlog_is_no_longer_in_progress_but_keeps_its_start() {
    let sent_back = history_seen(&[(2, Indeterminate), (5, New)], 10);
    assert_eq!(sent_back.work_item_age(), None);
    assert_eq!(sent_back.started_at(), Some(day(2)));
}

#[test]
fn an_earlier_now_gives_what_was_known_then() {
    let transitions = [(2, Indeterminate), (5, Done)];
    assert_eq!(history_seen(&transitions, 4).category(), Indeterminate);
    assert_eq!(history_seen(&transitions, 4).lead_time(), None);
    assert_eq!(history_seen(&transitions, 5).lead_time(), Some(days(4)));
}

#[test]
fn imported_times_before_the_creation_count_as_the_creation() {
    let transitions = vec![(day(3), Indeterminate), (day(8), Done)];
    let imported = StatusHistory::new(day(6), New, transitions, day(9));
    assert_eq!((imported.lead_time(), imported.cycle_time()), (Some(days(2)), Some(days(2))));
}

// --- percentiles ---

#[test]
fn percentiles_interpolate_like_postgresqls_percentile_cont() {
    // SELECT percentile_cont(ARRAY[0, 0.5, 0.85, 0.9, 1]) WITHIN GROUP (ORDER BY v)
    // FROM (VALUES (15.0), (20), (35), (40), (50)) AS t(v)
    let values = [35.0, 15.0, 50.0, 20.0, 40.0];
    for (fraction, expected) in [(0.0, 15.0), (0.5, 35.0), (0.85, 44.0), (0.9, 46.0), (1.0, 50.0)] {
        let actual = percentile(&values, fraction).unwrap();
        assert!((actual - expected).abs() < 1e-9, "P{fraction}: {actual}");
    }
    assert_eq!(percentile(&[1.0, 2.0], 0.5), Some(1.5));
    assert_eq!(percentile(&[7.0], 0.85), Some(7.0));
}

#[test]
fn there_is_no_percentile_of_nothing_or_of_a_strange_fraction() {
    assert_eq!(percentile(&[], 0.5), None);
    assert_eq!(percentile(&[1.0], 1.01), None);
    assert_eq!(percentile(&[1.0], f64::NAN), None);
    assert_eq!(percentile(&[1.0, f64::NAN], 0.5), None);
    assert_eq!(DurationPercentiles::of(&[]), None);
}

#[test]
fn durations_have_p50_p85_and_p90() {
    let durations: Vec<_> = (1..=11).map(days).collect();
    let expected =
        DurationPercentiles { count: 11, p50: days(6), p85: days(9) + TimeDelta::hours(12), p90: days(10) };
    assert_eq!(DurationPercentiles::of(&durations), Some(expected));
}

// --- throughput ---

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn throughput_counts_whole_iso_weeks_and_shows_empty_ones() {
    let done = [day(2), day(7), day(16), day(30)];
    let weeks = throughput_by_week(done, Tz::UTC, date("2024-01-03"), date("2024-01-17"));
    let counts: Vec<_> = weeks.iter().map(|week| (week.year, week.week, week.count)).collect();
    assert_eq!(counts, [(2024, 1, 2), (2024, 2, 0), (2024, 3, 1)]);
    assert_eq!(weeks[0].monday, date("2024-01-01"));
}

#[test]
fn the_zone_decides_to_which_week_an_issue_belongs() {
    let sunday_night = [instant("2024-01-07T23:30:00Z")];
    let week = |zone: Tz| {
        let weeks = throughput_by_week(sunday_night, zone, date("2024-01-01"), date("2024-01-14"));
        weeks.iter().find(|week| week.count == 1).map(|week| week.week)
    };
    assert_eq!(week(Tz::UTC), Some(1));
    assert_eq!(week(Tz::Europe__Berlin), Some(2));
    assert_eq!(week(Tz::America__New_York), Some(1));
}

#[test]
fn iso_years_differ_from_calendar_years_around_new_year() {
    let weeks = throughput_by_week([], Tz::UTC, date("2020-12-31"), date("2021-01-04"));
    let names: Vec<_> = weeks.iter().map(|week| (week.year, week.week)).collect();
    assert_eq!(names, [(2020, 53), (2021, 1)]);
}

#[test]
fn a_period_that_ends_before_it_begins_has_no_weeks() {
    assert!(throughput_by_week([day(2)], Tz::UTC, date("2024-01-08"), date("2024-01-07")).is_empty());
}

// --- reopen rate ---

fn reopen_rate(histories: &[StatusHistory], from: u64, to: u64) -> ReopenRate {
    ReopenRate::of(histories, &(day(from)..day(to)))
}

#[test]
fn the_reopen_rate_counts_issues_and_not_reopens() {
    let histories = [
        history(&[(5, Done)]),
        history(&[(5, Done), (6, New), (7, Done), (8, New), (9, Done)]),
        history(&[(6, Indeterminate)]),
        history(&[(7, Done), (8, Indeterminate)]),
    ];
    let rate = reopen_rate(&histories, 1, 31);
    assert_eq!(rate, ReopenRate { completed: 3, reopened: 2 });
    assert_eq!(rate.ratio(), Some(2.0 / 3.0));
}

#[test]
fn completion_and_reopen_must_both_lie_in_the_period() {
    let done_on_5_reopened_on_20 = [history(&[(5, Done), (20, New)])];
    assert_eq!(reopen_rate(&done_on_5_reopened_on_20, 1, 20), ReopenRate { completed: 1, reopened: 0 });
    assert_eq!(reopen_rate(&done_on_5_reopened_on_20, 1, 21), ReopenRate { completed: 1, reopened: 1 });
    assert_eq!(reopen_rate(&done_on_5_reopened_on_20, 6, 31), ReopenRate { completed: 0, reopened: 0 });
    assert_eq!(reopen_rate(&[], 1, 31).ratio(), None);
}

#[test]
fn a_reopen_before_the_completion_does_not_count() {
    let reopened_then_done_at_once = [history(&[(2, Done), (10, New), (10, Done)])];
    assert_eq!(reopen_rate(&reopened_then_done_at_once, 9, 31), ReopenRate { completed: 1, reopened: 0 });
}

// --- stuck and at risk ---

#[test]
fn an_issue_is_stuck_when_it_is_older_than_most_or_has_not_moved() {
    let cycle_times: Vec<_> = [2, 2, 3, 4, 5].map(days).into();
    let rule = StuckRule::from_cycle_times(&cycle_times, Some(days(7)));
    let limit = rule.max_age.unwrap();
    assert_eq!(limit, TimeDelta::hours(105) + TimeDelta::minutes(36));

    let moving = history_seen(&[(1, Indeterminate), (4, Indeterminate)], 5);
    assert_eq!(rule.reasons(&moving), []);
    let old = history_seen(&[(1, Indeterminate), (4, Indeterminate)], 6);
    assert_eq!(rule.reasons(&old), [StuckReason::Age { age: days(5), limit }]);
    let idle_too = history_seen(&[(1, Indeterminate), (4, Indeterminate)], 12);
    let idle = StuckReason::Idle { idle: days(8), limit: days(7) };
    assert_eq!(rule.reasons(&idle_too), [StuckReason::Age { age: days(11), limit }, idle]);
}

#[test]
fn only_work_in_progress_is_stuck() {
    let rule = StuckRule { max_age: Some(days(1)), max_idle: Some(days(1)) };
    assert!(rule.is_stuck(&history(&[(2, Indeterminate)])));
    assert!(!rule.is_stuck(&history(&[])));
    assert!(!rule.is_stuck(&history(&[(2, Indeterminate), (3, Done)])));
    assert!(!rule.is_stuck(&history(&[(2, Indeterminate), (3, New)])));
}

#[test]
fn too_few_finished_issues_set_no_age_limit() {
    let four: Vec<_> = [1, 2, 3, 4].map(days).into();
    assert_eq!(StuckRule::from_cycle_times(&four, None), StuckRule { max_age: None, max_idle: None });
    let rule = SlaRule::from_lead_times(four.into_iter().map(|time| ("10001", time)), 0, Tz::UTC);
    assert_eq!(rule.age_limit("10001"), None);
}

const BUG: &str = "10004";
const STORY: &str = "10001";

/// Bugs take up to 5 days, stories up to 50.
fn sla_rule(zone: Tz) -> SlaRule {
    let bugs = (1..=5).map(|time| (BUG, days(time)));
    let stories = (1..=5).map(|time| (STORY, days(time * 10)));
    SlaRule::from_lead_times(bugs.chain(stories), 3, zone)
}

#[test]
fn the_age_is_compared_with_issues_of_the_same_type() {
    let ten_days_old = history_seen(&[], 11);
    let risks =
        |issue_type| sla_rule(Tz::UTC).risks(&OpenIssue { history: &ten_days_old, issue_type, due: None });
    let limit = sla_rule(Tz::UTC).age_limit(BUG).unwrap();
    assert_eq!(risks(BUG), [SlaRisk::Age { age: days(10), limit }]);
    assert_eq!(risks(STORY), []);
    assert_eq!(risks("an unknown type"), []);
}

#[test]
fn the_due_date_is_a_risk_when_it_is_near_or_past() {
    let open = history_seen(&[], 3);
    let risks = |due: &str| {
        sla_rule(Tz::UTC).risks(&OpenIssue { history: &open, issue_type: STORY, due: Some(date(due)) })
    };
    assert_eq!(risks("2024-01-01"), [SlaRisk::Overdue { days: 2 }]);
    assert_eq!(risks("2024-01-03"), [SlaRisk::DueSoon { days: 0 }]);
    assert_eq!(risks("2024-01-06"), [SlaRisk::DueSoon { days: 3 }]);
    assert_eq!(risks("2024-01-07"), []);
}

#[test]
fn today_is_the_day_in_the_rules_zone() {
    let late_evening = StatusHistory::new(day(1), New, vec![], instant("2024-01-03T23:30:00Z"));
    let risks = |zone| {
        let due = Some(date("2024-01-03"));
        sla_rule(zone).risks(&OpenIssue { history: &late_evening, issue_type: STORY, due })
    };
    assert_eq!(risks(Tz::UTC), [SlaRisk::DueSoon { days: 0 }]);
    assert_eq!(risks(Tz::Europe__Berlin), [SlaRisk::Overdue { days: 1 }]);
}

#[test]
fn a_done_issue_is_never_at_risk() {
    let done = history(&[(30, Done)]);
    let issue = OpenIssue { history: &done, issue_type: BUG, due: Some(date("2024-01-02")) };
    assert_eq!(sla_rule(Tz::UTC).risks(&issue), []);
}

// --- properties ---

fn any_history() -> impl Strategy<Value = StatusHistory> {
    let category = || proptest::sample::select(StatusCategory::ALL.to_vec());
    let transitions = proptest::collection::vec((1_u64..60, category()), 0..12);
    (1_u64..60, category(), transitions, 1_u64..70).prop_map(|(created, initial, transitions, now)| {
        let transitions = transitions.into_iter().map(|(at, category)| (day(at), category)).collect();
        StatusHistory::new(day(created), initial, transitions, day(now))
    })
}

proptest! {
    #[test]
    fn an_issue_has_either_a_lead_time_or_an_age_and_none_is_negative(issue in any_history()) {
        prop_assert_eq!(issue.lead_time().is_some(), issue.age().is_none());
        let times = [issue.lead_time(), issue.cycle_time(), issue.age(), issue.work_item_age(), issue.idle()];
        prop_assert!(times.into_iter().flatten().all(|time| time >= TimeDelta::zero()));
    }

    #[test]
    fn the_cycle_lies_within_the_lead_time_and_the_work_within_the_age(issue in any_history()) {
        if let Some(cycle_time) = issue.cycle_time() {
            prop_assert!(cycle_time <= issue.lead_time().unwrap());
        }
        if let Some(work) = issue.work_item_age() {
            prop_assert!(work <= issue.age().unwrap());
        }
    }

    #[test]
    fn entries_into_done_and_reopens_take_turns(issue in any_history()) {
        let crossings: Vec<_> = issue.done_crossings().collect();
        for (index, crossing) in crossings.iter().enumerate() {
            prop_assert_eq!(matches!(crossing, DoneCrossing::Entered(_)), index % 2 == 0);
        }
        prop_assert_eq!(crossings.len() % 2 == 1, !issue.is_open());
    }

    #[test]
    fn the_reopen_rate_is_at_most_one(
        issues in proptest::collection::vec(any_history(), 0..8), from in 1_u64..60, length in 0_u64..60,
    ) {
        let rate = reopen_rate(&issues, from, from + length);
        prop_assert!(rate.reopened <= rate.completed && rate.completed <= issues.len());
    }

    #[test]
    fn percentiles_lie_between_the_extremes_and_never_fall(
        values in proptest::collection::vec(-1e9..1e9, 1..50), low in 0.0..=1.0, high in 0.0..=1.0,
    ) {
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        let (least, most) = (percentile(&values, 0.0).unwrap(), percentile(&values, 1.0).unwrap());
        let (at_low, at_high) = (percentile(&values, low).unwrap(), percentile(&values, high).unwrap());
        prop_assert!(least <= at_low && at_low <= at_high && at_high <= most);
        prop_assert!(values.contains(&least) && values.contains(&most));
    }

    #[test]
    fn throughput_counts_each_issue_once(done in proptest::collection::vec(1_u64..400, 0..40)) {
        let instants = done.iter().map(|at| day(*at) + TimeDelta::hours(7));
        let weeks = throughput_by_week(instants, Tz::Asia__Tokyo, date("2023-12-31"), date("2025-03-01"));
        prop_assert_eq!(weeks.iter().map(|week| week.count).sum::<usize>(), done.len());
        prop_assert!(weeks.windows(2).all(|pair| pair[1].monday - pair[0].monday == days(7)));
    }
}
