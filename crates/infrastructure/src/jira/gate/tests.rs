use jira_client::{Access, RateLimitHeaders};
use rand::RngExt;

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn request(operation: &'static str, issue: Option<&str>) -> RequestKind {
    RequestKind { operation, access: Access::Read, issue: issue.map(str::to_owned), objects: 1 }
}

fn answer(status: u16) -> ResponseFacts {
    ResponseFacts {
        request: request("search", None),
        attempt: 1,
        outcome: Outcome::Answered,
        status: Some(status),
        retry_after: None,
        rate_limit: RateLimitHeaders::default(),
        site_time: None,
        duration: Duration::ZERO,
        bytes: 0,
        objects: 1,
    }
}

fn refusal(reason: &str, retry_after: Option<u64>) -> ResponseFacts {
    let rate_limit = RateLimitHeaders { reason: Some(reason.to_owned()), ..RateLimitHeaders::default() };
    ResponseFacts { rate_limit, retry_after: retry_after.map(Duration::from_secs), ..answer(429) }
}

fn cloud() -> Ceiling {
    Ceiling::of(InstanceKind::Cloud, None)
}

fn ask(limits: &mut SiteLimits, now: DateTime<Utc>, operation: &'static str, issue: Option<&str>) -> Turn {
    turn(limits, now, &scopes(&request(operation, issue)), cloud(), false, Waits::of(Patience::Long))
}

/// A patient search asks for its turn.
fn search(limits: &mut SiteLimits, now: DateTime<Utc>, ceiling: Ceiling) -> Turn {
    turn(limits, now, &scopes(&request("search", None)), ceiling, false, Waits::of(Patience::Long))
}

fn is_held(turn: &Turn) -> bool {
    matches!(turn, Turn::Held { .. })
}

#[test]
fn the_reason_decides_how_far_a_pause_reaches() {
    let holds = |reason: &str, issue: Option<&str>| {
        let mut limits = SiteLimits::default();
        let seen = ResponseFacts { request: request("add_comment", issue), ..refusal(reason, Some(600)) };
        record(&mut limits, at(0), &seen, cloud(), 1.0);
        [("search", None), ("add_comment", Some("2")), ("add_comment", Some("1")), ("transition", Some("1"))]
            .map(|(operation, issue)| is_held(&ask(&mut limits.clone(), at(1), operation, issue)))
    };
    assert_eq!(holds("jira-quota-tenant-based", Some("1")), [true; 4]);
    assert_eq!(holds("jira-quota-global-based", None), [true; 4]);
    assert_eq!(holds("jira-cost-based", None), [true; 4]);
    assert_eq!(holds("", None), [true; 4]);
    assert_eq!(holds("jira-burst-based", Some("1")), [false, true, true, false]);
    assert_eq!(holds("jira-per-issue-on-write", Some("1")), [false, false, true, true]);
    assert_eq!(holds("jira-per-issue-on-write", None), [false, true, true, false]);
}

#[test]
fn a_long_pause_lets_nothing_through_until_its_end() {
    let mut limits = SiteLimits::default();
    record(&mut limits, at(0), &refusal("jira-quota-tenant-based", Some(600)), cloud(), 1.0);
    for second in [0, 60, 61, 300, 594] {
        let Turn::Held { until, reason, .. } = ask(&mut limits, at(second), "search", None) else {
            panic!("a request went out {second} s after")
        };
        assert_eq!(until, at(600));
        assert!(reason.contains("jira-quota-tenant-based"), "{reason}");
    }
    assert!(matches!(ask(&mut limits, at(598), "search", None), Turn::Wait { reserved: false, .. }));
    // At the end they come one by one.
    assert!(matches!(
        ask(&mut limits, at(600), "search", None),
        Turn::Go | Turn::Wait { reserved: true, .. }
    ));
}

#[test]
fn a_shorter_pause_does_not_end_a_longer_one() {
    let mut limits = SiteLimits::default();
    record(&mut limits, at(0), &refusal("", Some(600)), cloud(), 1.0);
    record(&mut limits, at(1), &refusal("", Some(10)), cloud(), 1.0);
    assert!(is_held(&ask(&mut limits, at(100), "search", None)));
}

#[test]
fn without_a_named_wait_quotas_wait_for_the_hour_and_others_back_off() {
    let mut limits = SiteLimits::default();
    record(&mut limits, at(0), &refusal("jira-quota-tenant-based", None), cloud(), 1.0);
    let until = limits.pauses[0].until;
    assert!(until > at(0) && until <= at(3600) && until.timestamp() % 3600 == 0, "{until}");

    let mut limits = SiteLimits::default();
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..6 {
        record(&mut limits, now, &answer(429), cloud(), 1.0);
        let until = limits.pauses[0].until;
        waits.push((until - now).num_seconds());
        now = until;
    }
    assert_eq!(waits, [2, 4, 8, 16, 30, 30]);
}

#[test]
fn a_503_that_names_a_wait_is_a_pause_and_one_that_does_not_is_a_failure() {
    let asked = ResponseFacts { retry_after: Some(Duration::from_secs(60)), ..answer(503) };
    assert_eq!((verdict(&asked), verdict(&answer(503))), (Verdict::Refused, Verdict::Failed));
    assert_eq!((verdict(&answer(404)), verdict(&answer(501))), (Verdict::Fine, Verdict::Fine));
    let page = ResponseFacts { outcome: Outcome::Foreign, ..answer(200) };
    assert_eq!(verdict(&page), Verdict::Failed);
}

#[test]
fn a_dead_site_is_left_alone_and_looked_at_by_one() {
    let mut limits = SiteLimits::default();
    let down = ResponseFacts { outcome: Outcome::TimedOut, status: None, ..answer(0) };
    for second in 0..9 {
        assert!(!is_held(&ask(&mut limits, at(second), "search", None)));
        record(&mut limits, at(second), &down, cloud(), 1.0);
    }
    record(&mut limits, at(9), &down, cloud(), 1.0);
    assert!(is_held(&ask(&mut limits, at(10), "search", None)));
    assert!(is_held(&ask(&mut limits, at(30), "add_comment", Some("1"))));
    // Half open: one looks, the others wait.
    assert_eq!(ask(&mut limits, at(40), "search", None), Turn::Go);
    assert!(is_held(&ask(&mut limits, at(40), "search", None)));
    record(&mut limits, at(41), &down, cloud(), 1.0);
    assert!(is_held(&ask(&mut limits, at(95), "search", None)), "twice as long as the first time");
    assert_eq!(ask(&mut limits, at(102), "search", None), Turn::Go);
    record(&mut limits, at(103), &answer(200), cloud(), 1.0);
    assert_eq!((limits.failures, ask(&mut limits, at(103), "search", None)), (0, Turn::Go));
}

#[test]
fn one_good_answer_between_failures_keeps_the_circuit_closed() {
    let mut limits = SiteLimits::default();
    for second in 0..50 {
        let seen = if second % 9 == 8 { answer(404) } else { answer(500) };
        record(&mut limits, at(second), &seen, cloud(), 1.0);
    }
    assert!(limits.pauses.is_empty());
}

#[test]
fn headers_with_room_raise_the_pace_and_a_near_limit_lowers_it() {
    let with = |limit, remaining, near_limit| {
        let rate_limit = RateLimitHeaders {
            limit: Some(limit),
            remaining: Some(remaining),
            near_limit,
            ..Default::default()
        };
        ResponseFacts { rate_limit, ..answer(200) }
    };
    let mut limits = SiteLimits::default();
    for second in 0..1_000 {
        record(&mut limits, at(second), &with(1_000, 900, false), cloud(), 1.0);
    }
    assert_eq!(limits.per_minute, Some(3_000.0));
    record(&mut limits, at(1_010), &with(1_000, 100, true), cloud(), 1.0);
    assert_eq!(limits.per_minute, Some(1_500.0));

    // Without a word of the site the pace stays at what is usual, and what is configured is never exceeded.
    let mut silent = SiteLimits::default();
    let mut fixed = SiteLimits::default();
    let ceiling = Ceiling::of(InstanceKind::Cloud, Some(50));
    for second in 0..1_000 {
        record(&mut silent, at(second), &answer(200), cloud(), 1.0);
        record(&mut fixed, at(second), &with(1_000, 900, false), ceiling, 1.0);
    }
    assert_eq!((silent.per_minute, fixed.per_minute), (None, None));

    // After a refusal it comes back by itself.
    record(&mut silent, at(1_000), &refusal("", Some(1)), cloud(), 1.0);
    assert_eq!(silent.per_minute, Some(50.0));
    for second in 1_001..2_000 {
        record(&mut silent, at(second), &answer(200), cloud(), 1.0);
    }
    assert_eq!(silent.per_minute, Some(100.0));
}

/// However requests come, no minute sees more of them than the ceiling.
#[test]
fn the_ceiling_holds_in_every_minute() {
    let mut random = rand::rng();
    for ceiling in [1, 2, 7, 30, 100, 101, 600] {
        let rate = Ceiling::of(InstanceKind::Cloud, Some(ceiling));
        let mut limits = SiteLimits::default();
        let mut now = at(0);
        let mut gone = Vec::new();
        for _ in 0..2_000 {
            now += TimeDelta::milliseconds(random.random_range(0..600));
            match search(&mut limits, now, rate) {
                Turn::Go => gone.push(now),
                Turn::Wait { wait, reserved } => {
                    assert!(reserved);
                    gone.push(now + TimeDelta::from_std(wait).unwrap());
                }
                Turn::Held { wait, .. } => assert!(wait > Duration::from_secs(60)),
            }
        }
        gone.sort_unstable();
        let most = gone
            .iter()
            .enumerate()
            .map(|(first, from)| {
                gone[first..].iter().take_while(|to| **to - *from < TimeDelta::minutes(1)).count()
            })
            .max();
        assert!(
            most.unwrap() <= ceiling as usize,
            "{most:?} requests in a minute under a ceiling of {ceiling}"
        );
        assert!(
            gone.len() > 1 && most.unwrap() * 2 >= ceiling.min(180) as usize,
            "and it is used: {most:?} of {ceiling}"
        );
    }
}

#[test]
fn permits_are_taken_ahead_only_where_the_pace_is_fast_and_nothing_is_wrong() {
    let ahead = |ceiling, limits: &SiteLimits, wanted| {
        take_ahead(&mut limits.clone(), at(0), Ceiling::of(InstanceKind::Cloud, Some(ceiling)), wanted)
    };
    let calm = SiteLimits::default();
    assert_eq!(
        [100, 240, 600, 3_000, 1_000_000].map(|ceiling| ahead(ceiling, &calm, 100)),
        [0, 0, 1, 11, 15]
    );
    assert_eq!(ahead(1_000_000, &calm, 3), 3, "no more than are wanted");
    let trouble = |refused, failures, until: i64| {
        let pause = SitePause { scope: "op:search".into(), until: at(until), reason: String::new() };
        SiteLimits { refused, failures, pauses: vec![pause], ..SiteLimits::default() }
    };
    for (limits, wanted) in
        [(trouble(1, 0, -1), 0), (trouble(0, 1, -1), 0), (trouble(0, 0, 1), 0), (trouble(0, 0, -1), 9)]
    {
        assert_eq!(ahead(1_000_000, &limits, 9), wanted, "{limits:?}");
    }
    let exhausted = SiteLimits { full_at: Some(at(60)), ..SiteLimits::default() };
    assert_eq!(ahead(600, &exhausted, 9), 0, "nobody waits for a permit that is not used yet");
}

/// The same with processes that take permits ahead, and use them as late as they may.
#[test]
fn the_ceiling_holds_in_every_minute_when_permits_are_taken_ahead() {
    let mut random = rand::rng();
    for ceiling in [600, 1_000, 3_000] {
        let rate = Ceiling::of(InstanceKind::Cloud, Some(ceiling));
        let mut limits = SiteLimits::default();
        let mut now = at(0);
        let mut gone = Vec::new();
        while gone.len() < 4 * ceiling as usize {
            now += TimeDelta::milliseconds(random.random_range(0..30));
            match search(&mut limits, now, rate) {
                Turn::Go => {
                    gone.push(now);
                    for _ in 0..take_ahead(&mut limits, now, rate, random.random_range(0..16)) {
                        let late = random.random_range(0..=HOLD.as_millis());
                        gone.push(now + TimeDelta::milliseconds(i64::try_from(late).unwrap()));
                    }
                }
                Turn::Wait { wait, .. } => gone.push(now + TimeDelta::from_std(wait).unwrap()),
                Turn::Held { .. } => now += TimeDelta::seconds(1),
            }
        }
        gone.sort_unstable();
        let minute = |first: usize| {
            let end = gone[first] + TimeDelta::minutes(1);
            gone.partition_point(|at| *at < end) - first
        };
        let most = (0..gone.len()).map(minute).max().unwrap();
        assert!(most <= ceiling as usize, "{most} requests in a minute under a ceiling of {ceiling}");
        assert!(most * 10 >= ceiling as usize * 9, "and it is used: {most} of {ceiling}");
    }
}

#[test]
fn whoever_may_not_wait_takes_no_token_that_he_would_have_to_wait_for() {
    let mut limits = SiteLimits::default();
    let mut ask_for = |patience| {
        turn(&mut limits, at(0), &scopes(&request("issue", None)), cloud(), false, Waits::of(patience))
    };
    while ask_for(Patience::Short) == Turn::Go {}
    // What is refilled within a second is waited for.
    let waits = (0..10).filter(|_| matches!(ask_for(Patience::Short), Turn::Wait { .. })).count();
    assert!(waits <= 2, "{waits}");
    let Turn::Held { wait, .. } = ask_for(Patience::Short) else { panic!("he has to wait") };
    assert!(
        wait > Duration::from_secs(1) && wait < Duration::from_secs(3),
        "{wait:?}: others wait for nobody"
    );
    assert!(matches!(ask_for(Patience::Long), Turn::Wait { reserved: true, .. }));
}

#[test]
fn who_is_urgent_finds_what_the_others_left() {
    let ceiling = Ceiling::of(InstanceKind::Cloud, None);
    let mut limits = SiteLimits::default();
    let mut ask = |urgency, second| search(&mut limits, at(second), ceiling.with_urgency(urgency));
    let goes = |turn: &Turn| *turn == Turn::Go;
    // Ten may go at once. Who has time takes five of them, a poll two more, and the rest is for webhooks and people.
    let first: Vec<Turn> = (0..6).map(|_| ask(Urgency::Rest, 0)).collect();
    assert_eq!(first.iter().filter(|turn| goes(turn)).count(), 5, "{first:?}");
    assert!(goes(&ask(Urgency::Poll, 0)));
    assert!(goes(&ask(Urgency::Poll, 0)));
    assert!(matches!(ask(Urgency::Poll, 0), Turn::Wait { reserved: true, .. }));
    assert!(goes(&ask(Urgency::Now, 0)), "a webhook waits for nobody");
}

#[test]
fn the_line_of_those_who_have_time_is_short_and_moves_on() {
    let ceiling = Ceiling::of(InstanceKind::Cloud, None);
    let mut limits = SiteLimits::default();
    let rest = ceiling.with_urgency(Urgency::Rest);
    let turns: Vec<Turn> = (0..200).map(|_| search(&mut limits, at(0), rest)).collect();
    let in_line = turns.iter().filter(|turn| matches!(turn, Turn::Wait { .. })).count();
    assert!((15..=30).contains(&in_line), "{in_line} wait");
    assert!(turns.last().is_some_and(is_held));
    // A webhook waits for fewer than stand in line, and a minute later there is room again for everybody.
    assert!(
        matches!(search(&mut limits, at(0), ceiling), Turn::Wait { wait, .. } if wait < Duration::from_secs(15))
    );
    assert_eq!(search(&mut limits, at(60), rest), Turn::Go);
}
