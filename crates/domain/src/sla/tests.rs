use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::working_time::Hours;

const SUPPORT: &str = "1";
const CUSTOMER: &str = "2";
const RESOLVED: &str = "3";

fn resolution() -> Sla {
    Sla {
        id: "1".into(),
        name: "Time to resolution".into(),
        field: "customfield_10030".into(),
        start: vec![Event::Created, Event::ResolutionCleared],
        pause_in: vec![CUSTOMER.into()],
        stop: vec![Event::ResolutionSet],
        goals: vec![goal(&["1"], 60), goal(&[], 480)],
    }
}

fn goal(priorities: &[&str], minutes: u32) -> Goal {
    Goal { priorities: priorities.iter().map(|id| (*id).to_owned()).collect(), minutes, calendar: "1".into() }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn happened(at: DateTime<Utc>, event: Event) -> Happening {
    Happening { at, event }
}

fn entered(at: DateTime<Utc>, status: &str) -> Happening {
    happened(at, Event::EnteredStatus(status.into()))
}

fn office() -> WorkingCalendar {
    let day = || vec![Hours { from: 540, to: 1020 }];
    WorkingCalendar::new("1", "Office", Tz::UTC, [day(), day(), day(), day(), day(), vec![], vec![]], [])
        .unwrap()
}

#[test]
fn the_goal_is_that_of_the_priority_or_else_of_all_others() {
    let sla = resolution();
    assert_eq!(sla.goal(Some("1")).unwrap().minutes, 60);
    assert_eq!(sla.goal(Some("4")).unwrap().minutes, 480);
    assert_eq!(sla.goal(None).unwrap().minutes, 480);
}

/// A request of a Friday afternoon: an hour of work, a pause over the weekend, and half an hour on Monday.
#[test]
fn a_cycle_counts_working_time_without_pauses() {
    let happenings = [
        happened(at("2026-11-20T15:00:00Z"), Event::Created),
        entered(at("2026-11-20T15:00:00Z"), SUPPORT),
        entered(at("2026-11-20T16:00:00Z"), CUSTOMER),
        entered(at("2026-11-23T10:00:00Z"), SUPPORT),
        entered(at("2026-11-23T10:30:00Z"), RESOLVED),
        happened(at("2026-11-23T10:30:00Z"), Event::ResolutionSet),
    ];
    let measure = |now: &str| resolution().measure(TimeDelta::hours(2), &office(), &happenings, at(now));

    let running = measure("2026-11-20T15:30:00Z").ongoing.unwrap();
    assert_eq!((running.elapsed, running.paused), (TimeDelta::minutes(30), false));
    assert_eq!(running.breach, Some(at("2026-11-20T17:00:00Z")), "if nothing happens");
    let paused = measure("2026-11-22T12:00:00Z").ongoing.unwrap();
    assert_eq!((paused.elapsed, paused.paused, paused.breach), (TimeDelta::hours(1), true, None));
    assert!(!paused.within_calendar_hours, "a Sunday");
    let after = measure("2026-11-24T12:00:00Z");
    assert_eq!(after.ongoing, None);
    let [cycle] = &after.completed[..] else { panic!("{after:?}") };
    assert_eq!((cycle.elapsed, cycle.remaining()), (TimeDelta::minutes(90), TimeDelta::minutes(30)));
    assert_eq!(cycle.stop, at("2026-11-23T10:30:00Z"));
}

#[test]
fn a_missed_goal_leaves_less_than_nothing_and_tells_when_it_was_missed() {
    let happenings = [
        happened(at("2026-11-20T15:00:00Z"), Event::Created),
        entered(at("2026-11-20T16:30:00Z"), CUSTOMER),
        entered(at("2026-11-23T09:00:00Z"), SUPPORT),
    ];
    let now = at("2026-11-23T11:00:00Z");
    let ongoing = resolution().measure(TimeDelta::hours(1), &office(), &happenings, now).ongoing.unwrap();
    assert_eq!(ongoing.remaining(), TimeDelta::minutes(60 - 210));
    assert_eq!(ongoing.breach, Some(at("2026-11-20T16:00:00Z")), "before the pause");
}

#[test]
fn what_is_reopened_has_another_cycle() {
    let start = at("2026-11-23T09:00:00Z");
    let minute = |minutes| start + TimeDelta::minutes(minutes);
    let happenings = [
        happened(start, Event::Created),
        happened(minute(30), Event::ResolutionSet),
        happened(minute(60), Event::ResolutionCleared),
    ];
    let measured = resolution().measure(TimeDelta::hours(1), &office(), &happenings, minute(70));
    assert_eq!(measured.completed.len(), 1);
    let ongoing = measured.ongoing.unwrap();
    assert_eq!((ongoing.start, ongoing.elapsed), (minute(60), TimeDelta::minutes(10)), "it begins anew");
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Created),
        Just(Event::ResolutionSet),
        Just(Event::ResolutionCleared),
        prop::sample::select(vec![SUPPORT, CUSTOMER, RESOLVED])
            .prop_map(|id| Event::EnteredStatus(id.into())),
    ]
}

/// A history of two weeks, with the moment at which the clock is looked at.
fn histories() -> impl Strategy<Value = (Vec<Happening>, DateTime<Utc>)> {
    let first = at("2026-11-16T00:00:00Z").timestamp();
    let moment = move || (first..first + 14 * 86_400).prop_map(|at| DateTime::from_timestamp(at, 0).unwrap());
    let happenings = prop::collection::vec((moment(), events()), 0..12).prop_map(|mut happenings| {
        happenings.sort_by_key(|(at, _)| *at);
        happenings.into_iter().map(|(at, event)| Happening { at, event }).collect::<Vec<_>>()
    });
    (happenings, moment())
}

proptest! {
    #[test]
    fn no_cycle_counts_more_than_the_working_time_of_its_span((happenings, now) in histories()) {
        let calendar = office();
        let goal = TimeDelta::hours(8);
        let measured = resolution().measure(goal, &calendar, &happenings, now);
        for cycle in &measured.completed {
            prop_assert!(cycle.elapsed >= TimeDelta::zero() && cycle.start <= cycle.stop);
            prop_assert!(cycle.elapsed <= calendar.working_time(cycle.start, cycle.stop));
            if cycle.remaining() < TimeDelta::zero() {
                prop_assert!(cycle.breach.is_some_and(|breach| cycle.start < breach && breach < cycle.stop));
            }
        }
        if let Some(cycle) = &measured.ongoing {
            prop_assert!(cycle.elapsed >= TimeDelta::zero());
            prop_assert!(cycle.elapsed <= calendar.working_time(cycle.start, now));
        }
    }

    /// While the clock is paused it shows the same whenever one looks.
    #[test]
    fn paused_time_does_not_count((happenings, now) in histories(), minutes in 1_i64..10_000) {
        let seen = |at| resolution().measure(TimeDelta::hours(8), &office(), &happenings, at).ongoing;
        let later = now + TimeDelta::minutes(minutes);
        let quiet = !happenings.iter().any(|happening| now < happening.at && happening.at <= later);
        if let (Some(then), Some(still), true) = (seen(now), seen(later), quiet)
            && then.paused
        {
            prop_assert_eq!(then.elapsed, still.elapsed);
        }
    }

    /// While the clock runs, the goal is missed exactly from the moment of the breach on.
    #[test]
    fn a_goal_is_missed_behind_its_breach((happenings, now) in histories()) {
        let measured = resolution().measure(TimeDelta::hours(8), &office(), &happenings, now);
        if let Some(OngoingCycle { breach: Some(breach), elapsed, goal, paused: false, .. }) = measured.ongoing {
            prop_assert_eq!(elapsed >= goal, breach <= now);
        }
    }
}
