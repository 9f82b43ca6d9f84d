//! Service desks: their requests by chance, and what is asked about them.

use application::service_desks::{Organization, RequestType, ServiceDesk, Setup};
use chrono::{DateTime, Duration, TimeDelta, Utc};
use domain::{
    sla::{Goal, Sla},
    working_time::{Hours, WorkingCalendar},
};
use jql::Function;
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::{times::working_seconds, world::now};

/// The project with a desk; in the others clocks run as if there were none.
const PROJECT: &str = "11";
pub const SLA: &str = "customfield_10010";
/// Id and name; one is called as the other's id.
pub const REQUEST_TYPES: [(&str, &str); 3] = [("1", "Get help"), ("2", "Report a problem"), ("3", "1")];
pub const ORGANIZATIONS: [(&str, &str); 3] = [("5", "North"), ("6", "South"), ("7", "Lighthouse")];

fn office() -> WorkingCalendar {
    let day = || vec![Hours { from: 9 * 60, to: 12 * 60 }, Hours { from: 13 * 60, to: 17 * 60 }];
    let week = [day(), day(), day(), day(), day(), vec![], vec![]];
    WorkingCalendar::new("2", "Office", chrono_tz::Europe::Berlin, week, []).unwrap()
}

/// How long the clock of an issue may run, and when it does: of the highest priority around the clock, of others at the office.
fn pace(fields: &Map<String, Value>) -> (TimeDelta, WorkingCalendar) {
    let is_urgent = fields["priority"]["id"] == "1";
    if fields["project"]["id"] == PROJECT && !is_urgent {
        (TimeDelta::hours(16), office())
    } else {
        (TimeDelta::hours(4), WorkingCalendar::always("1"))
    }
}

/// The desk, as the copy has it.
pub fn desk() -> ServiceDesk {
    let goal = |priorities: &[&str], hours: u32, calendar: &str| Goal {
        priorities: priorities.iter().map(|id| (*id).to_owned()).collect(),
        minutes: hours * 60,
        calendar: calendar.into(),
    };
    let request_type = |(id, name): &(&str, &str)| RequestType {
        id: (*id).into(),
        name: (*name).into(),
        description: String::new(),
        help_text: String::new(),
        issue_type: "1".into(),
        groups: Vec::new(),
        fields: Vec::new(),
        properties: std::collections::BTreeMap::new(),
        raw: Value::Null,
    };
    let sla = Sla {
        id: "1".into(),
        name: "Time to resolution".into(),
        field: SLA.into(),
        start: Vec::new(),
        pause_in: Vec::new(),
        stop: Vec::new(),
        goals: vec![goal(&["1"], 4, "1"), goal(&[], 16, "2")],
    };
    ServiceDesk {
        id: "1".into(),
        project_id: PROJECT.into(),
        project_key: "OPS".into(),
        project_name: "Operations".into(),
        setup: Setup {
            request_types: REQUEST_TYPES.iter().map(request_type).collect(),
            slas: vec![sla],
            calendars: vec![WorkingCalendar::always("1"), office()],
            ..Setup::default()
        },
        set_up: true,
    }
}

pub fn organizations() -> Vec<Organization> {
    let known = |(id, name): &(&str, &str)| Organization {
        id: (*id).into(),
        name: (*name).into(),
        members: Vec::new(),
        members_known: true,
        properties: std::collections::BTreeMap::new(),
        created: None,
        raw: Value::Null,
    };
    ORGANIZATIONS.iter().map(known).collect()
}

/// What a desk adds to an issue, whose priority is known.
pub fn fill(rng: &mut ChaCha8Rng, fields: &mut Map<String, Value>) {
    let some = |rng: &mut ChaCha8Rng, percent| rng.random_range(0..100) < percent;
    let asked = some(rng, 60).then(|| REQUEST_TYPES.choose(rng).unwrap());
    let asked = asked.map(|(id, name)| {
        json!({"requestType": {"id": id, "name": name, "serviceDeskId": "1"}, "currentStatus": {"status": "Open"}})
    });
    let count = rng.random_range(0..3);
    let shared: Vec<Value> =
        ORGANIZATIONS.sample(rng, count).map(|(id, name)| json!({"id": id, "name": name})).collect();
    let clock = some(rng, 70).then(|| clock(rng, fields));
    fields.insert("customfield_10011".into(), json!(asked));
    fields.insert("customfield_10012".into(), if shared.is_empty() { Value::Null } else { json!(shared) });
    fields.insert(SLA.into(), json!(clock));
}

/// As it stood when the issue was written: since then it may have gone on past its goal.
fn clock(rng: &mut ChaCha8Rng, fields: &Map<String, Value>) -> Value {
    let completed: Vec<Value> = (0..rng.random_range(0..3))
        .map(|_| json!({"breached": rng.random_bool(0.4), "stopTime": {"epochMillis": 1}}))
        .collect();
    let mut clock = json!({"id": "1", "name": "Time to resolution", "completedCycles": completed});
    if rng.random_bool(0.6) {
        let (goal, calendar) = pace(fields);
        let duration = |time: TimeDelta| json!({"millis": time.num_milliseconds()});
        let is_paused = rng.random_bool(0.3);
        let elapsed = TimeDelta::minutes(rng.random_range(0..50) * 30);
        let mut cycle = json!({
            "paused": is_paused, "breached": is_paused && elapsed > goal, "withinCalendarHours": rng.random_bool(0.5),
            "goalDuration": duration(goal), "elapsedTime": duration(elapsed), "remainingTime": duration(goal - elapsed),
        });
        if !is_paused {
            // Half an hour at a time, so that limits are met exactly.
            let work = TimeDelta::minutes(rng.random_range(0..120) * 30);
            let breach = calendar.after(now() - Duration::days(3), work).unwrap();
            cycle["breachTime"] = json!({"epochMillis": breach.timestamp_millis()});
            cycle["breached"] = json!(breach < now() && rng.random_bool(0.5));
        }
        clock["ongoingCycle"] = cycle;
    }
    clock
}

/// Whether a clock has been started at all.
pub fn is_started(issue: &Value) -> bool {
    let clock = &issue["fields"][SLA];
    clock["ongoingCycle"].is_object()
        || clock["completedCycles"].as_array().is_some_and(|all| !all.is_empty())
}

/// Whether a clock stands as a function says.
pub fn stands(function: &Function, issue: &Value) -> bool {
    let clock = &issue["fields"][SLA];
    let (ongoing, completed) = (&clock["ongoingCycle"], clock["completedCycles"].as_array());
    let has_missed = |cycle: &Value| {
        let missed = breach(cycle).is_some_and(|breach| breach < now());
        cycle["breached"] == true || (cycle["paused"] == false && missed)
    };
    let last = completed.and_then(|all| all.last());
    match function.name.to_lowercase().as_str() {
        "breached" if ongoing.is_object() => has_missed(ongoing),
        "breached" => last.is_some_and(has_missed),
        "everbreached" => has_missed(ongoing) || completed.is_some_and(|all| all.iter().any(has_missed)),
        "completed" => !ongoing.is_object() && last.is_some(),
        "running" => ongoing["paused"] == false,
        "paused" => ongoing["paused"] == true,
        "withincalendarhours" => {
            let fields = issue["fields"].as_object().unwrap();
            let works = match fields["project"]["id"] == PROJECT {
                true => pace(fields).1.is_working(now()),
                false => ongoing["withinCalendarHours"] == true,
            };
            ongoing["paused"] == false && works
        }
        other => unreachable!("no state of a clock: {other}"),
    }
}

fn breach(cycle: &Value) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(cycle["breachTime"]["epochMillis"].as_i64()?)
}

/// What a clock that has not stopped shows now, by the function that asks, and what that is compared with; in milliseconds.
pub fn shown(function: &Function, issue: &Value) -> Option<(i64, i64)> {
    let fields = issue["fields"].as_object().unwrap();
    let cycle = &fields[SLA]["ongoingCycle"];
    let (goal, calendar) = pace(fields);
    let remaining = match (cycle["paused"].as_bool()?, breach(cycle)) {
        (true, _) => cycle["remainingTime"]["millis"].as_i64()?,
        (false, Some(breach)) => {
            let left = calendar.working_time(now(), breach) - calendar.working_time(breach, now());
            left.num_milliseconds()
        }
        (false, None) => return None,
    };
    let shown = match function.name.to_lowercase().as_str() {
        "remaining" => remaining,
        _ => goal.num_milliseconds() - remaining,
    };
    Some((shown, working_seconds(&function.arguments[0]) as i64 * 1_000))
}
