//! A site made by chance, as Jira's JSON: what the oracle reads, and what the copy is made from.

use chrono::{DateTime, Duration, Utc};
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::desks;
use crate::jql::site::NOW;

/// Id, name, category.
pub const STATUSES: [(&str, &str, &str); 4] = [
    ("1", "To Do", "new"),
    ("3", "In Progress", "indeterminate"),
    ("4", "In Review", "indeterminate"),
    ("10", "Done", "done"),
];
/// Id and name, the highest first.
pub const PRIORITIES: [(&str, &str); 4] = [("1", "Highest"), ("2", "High"), ("3", "Medium"), ("4", "Low")];
pub const RESOLUTIONS: [(&str, &str); 2] = [("1", "Fixed"), ("2", "Duplicate")];
/// Id, name, level.
pub const TYPES: [(&str, &str, i64); 4] =
    [("1", "Bug", 0), ("2", "Story", 0), ("3", "Epic", 1), ("4", "Sub-task", -1)];
/// Id, key, name, lead, category, type.
type Project = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
    &'static str,
);

/// The last one is called as the first one's key.
pub const PROJECTS: [Project; 3] = [
    ("10", "PAY", "Payments", "ann", Some(("91", "Money")), "software"),
    ("11", "OPS", "Operations", "bob", None, "service_desk"),
    ("12", "OLD", "PAY", "ann", Some(("92", "Past")), "business"),
];
/// Account and name; two are called alike.
pub const USERS: [(&str, &str); 4] =
    [("ann", "Ann Lee"), ("bob", "Bob Roy"), ("cy", "Cy"), ("zed", "Ann Lee")];
/// Id, name, state; two are called alike.
pub const SPRINTS: [(i64, &str, &str); 4] = [
    (11, "Sprint A", "closed"),
    (12, "Sprint B", "active"),
    (13, "Sprint C", "future"),
    (14, "Sprint B", "active"),
];
/// Id, project's id, name, released, archived; in the order of their projects.
pub const VERSIONS: [(&str, &str, &str, bool, bool); 7] = [
    ("20", "10", "1.0", true, false),
    ("21", "10", "1.1", true, false),
    ("22", "10", "2.0", false, false),
    ("23", "10", "3.0", false, true),
    ("30", "11", "1.0", false, false),
    ("31", "11", "0.9", true, false),
    ("32", "11", "9.9", false, false),
];
/// Id, project's id, name, lead.
pub const COMPONENTS: [(&str, &str, &str, Option<&str>); 4] = [
    ("40", "10", "API", Some("ann")),
    ("41", "10", "Web", None),
    ("50", "11", "API", Some("bob")),
    ("51", "11", "Db", Some("cy")),
];
/// Id, name, JQL.
pub const FILTERS: [(&str, &str, &str); 3] = [
    ("70", "Open bugs", "type = Bug AND statusCategory != Done ORDER BY key"),
    ("71", "Mine", "assignee = currentUser() OR reporter = currentUser()"),
    ("72", "Mine and open", "filter = Mine AND resolution is EMPTY"),
];
/// Id, name, members.
pub const GROUPS: [(&str, &str, &[&str]); 3] =
    [("g-1", "Staff", &["ann", "bob"]), ("g-2", "crew", &["cy"]), ("g-3", "Nobody", &[])];
/// Id, name, and by project's id who plays it: an account, or a group with `@` before its name.
type Role = (&'static str, &'static str, [(&'static str, &'static [&'static str]); 3]);

pub const ROLES: [Role; 2] = [
    ("10002", "Administrators", [("10", &["ann"]), ("11", &["@crew"]), ("12", &[])]),
    ("10003", "Developers", [("10", &["@staff"]), ("11", &["bob", "cy"]), ("12", &["@Nobody", "zed"])]),
];
pub const LABELS: [&str; 5] = ["red", "Green", "blue", "x1", "old"];
pub const OPTIONS: [(&str, &str); 3] = [("81", "North"), ("82", "South"), ("83", "East")];

/// Words and what all their forms have in common; no stem is the beginning of another.
pub const WORDS: [(&str, &str); 14] = [
    ("login", "login"),
    ("logins", "login"),
    ("error", "error"),
    ("errors", "error"),
    ("fail", "fail"),
    ("fails", "fail"),
    ("failed", "fail"),
    ("failing", "fail"),
    ("button", "button"),
    ("Buttons", "button"),
    ("red", "red"),
    ("page", "page"),
    ("pages", "page"),
    ("checkout", "checkout"),
];

/// All that a site has.
pub struct World {
    pub issues: Vec<Value>,
}

pub fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn chance(rng: &mut ChaCha8Rng, percent: u32) -> bool {
    rng.random_range(0..100) < percent
}

fn some<T>(rng: &mut ChaCha8Rng, percent: u32, make: impl FnOnce(&mut ChaCha8Rng) -> T) -> Option<T> {
    chance(rng, percent).then(|| make(rng))
}

fn several<'a, T>(rng: &mut ChaCha8Rng, from: &'a [T], most: usize) -> Vec<&'a T> {
    let count = rng.random_range(0..=most);
    from.sample(rng, count).collect()
}

/// A time of the last months; often a full hour, so that borders of days are met.
fn time(rng: &mut ChaCha8Rng, from: DateTime<Utc>) -> DateTime<Utc> {
    let minutes = (now() - from).num_minutes().max(1);
    let at = from + Duration::minutes(rng.random_range(0..minutes));
    if chance(rng, 50) {
        let hour = at.timestamp() / 3600 * 3600;
        return DateTime::from_timestamp(hour, 0).unwrap().max(from);
    }
    at + Duration::milliseconds(rng.random_range(0..60_000))
}

pub fn written(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

pub fn person(account: &str) -> Value {
    let (_, name) = USERS.iter().find(|(known, _)| *known == account).unwrap();
    json!({"accountId": account, "displayName": name})
}

fn anyone(rng: &mut ChaCha8Rng) -> &'static str {
    USERS.choose(rng).unwrap().0
}

fn words(rng: &mut ChaCha8Rng, most: usize) -> String {
    let count = rng.random_range(1..=most);
    (0..count).map(|_| WORDS.choose(rng).unwrap().0).collect::<Vec<_>>().join(" ")
}

impl World {
    pub fn new(rng: &mut ChaCha8Rng, count: usize) -> Self {
        let mut world = Self { issues: Vec::new() };
        for number in 0..count {
            let issue = world.issue(rng, number);
            world.issues.push(issue);
        }
        world.link(rng);
        world
    }

    fn issue(&self, rng: &mut ChaCha8Rng, number: usize) -> Value {
        let (project, key, name, ..) = PROJECTS[rng.random_range(0..3)];
        let created = time(rng, "2025-01-01T00:00:00Z".parse().unwrap());
        let (type_id, type_name, level) = *TYPES.choose(rng).unwrap();
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("project", json!({"id": project, "key": key, "name": name}));
        set(
            "issuetype",
            json!({"id": type_id, "name": type_name, "hierarchyLevel": level, "subtask": level < 0}),
        );
        set("summary", json!(words(rng, 5)));
        set("description", json!(some(rng, 60, |rng| words(rng, 8))));
        set("environment", json!(some(rng, 40, |rng| words(rng, 4))));
        set("created", json!(written(created)));
        set("updated", json!(written(time(rng, created))));
        set("resolutiondate", json!(some(rng, 40, |rng| written(time(rng, created)))));
        set("statuscategorychangedate", json!(some(rng, 70, |rng| written(time(rng, created)))));
        set(
            "duedate",
            json!(some(rng, 50, |rng| {
                (now() + Duration::days(rng.random_range(-40..20))).format("%Y-%m-%d").to_string()
            })),
        );
        set("labels", json!(several(rng, &LABELS, 3)));
        let of_project = |id: &str| id == project;
        let versions: Vec<_> = VERSIONS.iter().filter(|version| of_project(version.1)).collect();
        let version = |version: &&(&str, &str, &str, bool, bool)| json!({"id": version.0, "name": version.2, "released": version.3, "archived": version.4});
        let affected: Vec<Value> = several(rng, &versions, 2).into_iter().map(version).collect();
        set("versions", json!(affected));
        let components: Vec<_> = COMPONENTS.iter().filter(|component| of_project(component.1)).collect();
        let components = several(rng, &components, 2);
        let components: Vec<Value> =
            components.into_iter().map(|c| json!({"id": c.0, "name": c.2})).collect();
        set("components", json!(components));
        set("security", json!(some(rng, 20, |_| json!({"id": "60", "name": "Staff"}))));
        let spent = some(rng, 50, |rng| rng.random_range(0..40) * 1_800);
        set("timespent", json!(spent));
        set("timeoriginalestimate", json!(some(rng, 50, |rng| rng.random_range(0..40) * 1_800)));
        set("timeestimate", json!(some(rng, 50, |rng| rng.random_range(0..40) * 1_800)));
        let voters: Vec<&str> = several(rng, &USERS, 3).into_iter().map(|user| user.0).collect();
        let watchers: Vec<&str> = several(rng, &USERS, 3).into_iter().map(|user| user.0).collect();
        set("votes", json!({"votes": voters.len(), "hasVoted": chance(rng, 30)}));
        set("watches", json!({"watchCount": watchers.len(), "isWatching": chance(rng, 30)}));
        let attachments: Vec<Value> = some(rng, 30, |_| {
            json!({"id": (9000 + number).to_string(), "filename": "a.png", "created": written(created), "author": person("ann")})
        })
        .into_iter()
        .collect();
        set("attachment", json!(attachments));
        self.relatives(rng, level, &mut fields);
        custom(rng, &mut fields);
        children(rng, number, created, &mut fields);
        let creator = anyone(rng);
        fields.insert("creator".into(), person(creator));
        let histories = past(rng, number, created, &versions, &mut fields);
        desks::fill(rng, &mut fields);
        let id = 1_000 + number;
        json!({
            "id": id.to_string(), "key": format!("{key}-{}", number + 1), "fields": fields,
            "properties": properties(rng), "watchers": watchers, "voters": voters,
            "changelog": {"startAt": 0, "maxResults": 100, "total": histories.len(), "histories": histories},
        })
    }

    /// A parent one level above.
    fn relatives(&self, rng: &mut ChaCha8Rng, level: i64, fields: &mut Map<String, Value>) {
        let level_of = |issue: &Value| issue["fields"]["issuetype"]["hierarchyLevel"].as_i64();
        let above: Vec<_> = self.issues.iter().filter(|issue| level_of(issue) == Some(level + 1)).collect();
        let Some(parent) = above.choose(rng).filter(|_| chance(rng, 60)) else { return };
        let kind = &parent["fields"]["issuetype"];
        let shown = json!({"id": parent["id"], "key": parent["key"], "fields": {"issuetype": kind}});
        fields.insert("parent".into(), shown);
    }

    /// Links, which both ends show.
    fn link(&mut self, rng: &mut ChaCha8Rng) {
        for issue in &mut self.issues {
            issue["fields"]["issuelinks"] = json!([]);
        }
        let count = self.issues.len();
        for number in 0..count / 3 {
            let (from, to) = (rng.random_range(0..count), rng.random_range(0..count));
            if from == to {
                continue;
            }
            let kind = match chance(rng, 50) {
                true => {
                    json!({"id": "100", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"})
                }
                false => {
                    json!({"id": "101", "name": "Relates", "inward": "relates to", "outward": "relates to"})
                }
            };
            let id = (5_000 + number).to_string();
            let end = |issue: &Value| json!({"id": issue["id"], "key": issue["key"]});
            let out = json!({"id": id, "type": kind, "outwardIssue": end(&self.issues[to])});
            let inward = json!({"id": id, "type": kind, "inwardIssue": end(&self.issues[from])});
            self.issues[from]["fields"]["issuelinks"].as_array_mut().unwrap().push(out);
            self.issues[to]["fields"]["issuelinks"].as_array_mut().unwrap().push(inward);
        }
    }
}

fn custom(rng: &mut ChaCha8Rng, fields: &mut Map<String, Value>) {
    let mut set = |id: u32, value: Value| fields.insert(format!("customfield_{id}"), value);
    let option = |(id, value): &(&str, &str)| json!({"id": id, "value": value});
    set(10001, json!(some(rng, 50, |rng| [0.5, 1.0, 2.0, 3.0, 8.0][rng.random_range(0..5)])));
    let sprints: Vec<Value> = several(rng, &SPRINTS, 2)
        .into_iter()
        .map(|(id, name, state)| json!({"id": id, "name": name, "state": state, "boardId": 1}))
        .collect();
    set(10002, if sprints.is_empty() { Value::Null } else { json!(sprints) });
    set(10003, json!(some(rng, 60, |rng| option(OPTIONS.choose(rng).unwrap()))));
    set(10004, json!(some(rng, 50, |rng| words(rng, 5))));
    set(
        10005,
        json!(some(rng, 50, |rng| {
            (now() + Duration::days(rng.random_range(-40..20))).format("%Y-%m-%d").to_string()
        })),
    );
    set(10006, json!(some(rng, 50, |rng| written(time(rng, "2025-03-01T00:00:00Z".parse().unwrap())))));
    set(10007, json!(some(rng, 50, |rng| person(anyone(rng)))));
    set(10008, json!(several(rng, &OPTIONS, 2).into_iter().map(option).collect::<Vec<_>>()));
    set(10009, json!(several(rng, &LABELS, 2)));
}

/// What programs put onto the issue: texts, numbers, times, lists, nothing at all.
fn properties(rng: &mut ChaCha8Rng) -> Value {
    let mut found = Map::new();
    if let Some(state) = some(rng, 70, |rng| ["open", "Done", "in review"][rng.random_range(0..3)]) {
        let score = some(rng, 60, |rng| [1.0, 2.5, 8.0][rng.random_range(0..3)]);
        let at = some(rng, 60, |rng| written(time(rng, "2025-03-01T00:00:00Z".parse().unwrap())));
        let tags = several(rng, &LABELS, 2);
        let note = some(rng, 60, |rng| words(rng, 4));
        found.insert(
            "review".into(),
            json!({"state": state, "score": score, "at": at, "tags": tags, "note": note, "by": {"id": anyone(rng)}}),
        );
    }
    if let Some(flag) = some(rng, 40, |rng| chance(rng, 50)) {
        found.insert("flag".into(), json!(flag));
    }
    Value::Object(found)
}

fn children(rng: &mut ChaCha8Rng, number: usize, created: DateTime<Utc>, fields: &mut Map<String, Value>) {
    let comments: Vec<Value> = (0..rng.random_range(0..3))
        .map(|place| {
            let at = written(time(rng, created));
            json!({"id": (number * 10 + place).to_string(), "author": person(anyone(rng)), "body": words(rng, 5),
                   "created": at, "updated": at})
        })
        .collect();
    fields.insert("comment".into(), json!({"comments": comments, "total": comments.len()}));
    let worklogs: Vec<Value> = (0..rng.random_range(0..3))
        .map(|place| {
            let at = time(rng, created);
            // As it reads where the work was done.
            let started = (at + Duration::hours(2)).format("%Y-%m-%dT%H:%M:%S%.3f+0200").to_string();
            json!({"id": (number * 10 + place).to_string(), "author": person(anyone(rng)), "started": started,
                   "comment": words(rng, 4), "timeSpentSeconds": 3600, "created": written(at), "updated": written(at)})
        })
        .collect();
    fields.insert("worklog".into(), json!({"worklogs": worklogs, "total": worklogs.len()}));
}

/// A value as a history has it: its id and its name.
type Side = Option<(String, String)>;

/// Walks through values at random from the creation on, writes what happened, and leaves the last value in the field.
fn past(
    rng: &mut ChaCha8Rng,
    number: usize,
    created: DateTime<Utc>,
    versions: &[&(&str, &str, &str, bool, bool)],
    fields: &mut Map<String, Value>,
) -> Vec<Value> {
    let pair = |(id, name): &(&str, &str)| Some(((*id).to_owned(), (*name).to_owned()));
    let statuses: Vec<Side> = STATUSES.iter().map(|(id, name, _)| pair(&(id, name))).collect();
    let with_none = |list: &[(&str, &str)]| {
        let mut sides: Vec<Side> = list.iter().map(pair).collect();
        sides.push(None);
        sides
    };
    let mut histories: Vec<(DateTime<Utc>, Value)> = Vec::new();
    for (field, choices) in [
        ("status", statuses),
        ("priority", with_none(&PRIORITIES)),
        ("resolution", with_none(&RESOLUTIONS)),
        ("assignee", with_none(&USERS)),
        ("reporter", with_none(&USERS[..3])),
    ] {
        let mut value = choices.choose(rng).unwrap().clone();
        let mut at = created;
        for _ in 0..rng.random_range(0..4) {
            at = time(rng, at);
            let next = choices.choose(rng).unwrap().clone();
            if next != value {
                histories.push((at, item(field, &value, &next)));
                value = next;
            }
        }
        let shown = match (&value, field) {
            (None, _) => Value::Null,
            (Some((id, _)), "assignee" | "reporter") => person(id),
            (Some((id, name)), "status") => {
                let category = STATUSES.iter().find(|status| status.0 == *id).unwrap().2;
                json!({"id": id, "name": name, "statusCategory": {"key": category}})
            }
            (Some((id, name)), _) => json!({"id": id, "name": name}),
        };
        fields.insert(field.into(), shown);
    }
    let mut fixed: Vec<&(&str, &str, &str, bool, bool)> =
        several(rng, versions, 1).into_iter().copied().collect();
    let mut at = created;
    for _ in 0..rng.random_range(0..3) {
        let Some(version) = versions.choose(rng) else { break };
        at = time(rng, at) + Duration::milliseconds(1);
        let side = Some((version.0.to_owned(), version.2.to_owned()));
        match fixed.iter().position(|held| held.0 == version.0) {
            Some(place) => {
                fixed.remove(place);
                histories.push((at, item("Fix Version", &side, &None)));
            }
            None => {
                fixed.push(version);
                histories.push((at, item("Fix Version", &None, &side)));
            }
        }
    }
    let shown: Vec<Value> =
        fixed.iter().map(|v| json!({"id": v.0, "name": v.2, "released": v.3, "archived": v.4})).collect();
    fields.insert("fixVersions".into(), json!(shown));
    histories.sort_by_key(|(at, _)| *at);
    let mut id = 100_000 + number * 100;
    histories
        .into_iter()
        .map(|(at, item)| {
            id += 1;
            json!({"id": id.to_string(), "author": person(anyone(rng)), "created": written(at), "items": [item]})
        })
        .collect()
}

fn item(field: &str, from: &Side, to: &Side) -> Value {
    let id = |side: &Side| side.as_ref().map(|(id, _)| id.clone());
    let name = |side: &Side| side.as_ref().map(|(_, name)| name.clone());
    json!({"field": field, "fieldtype": "jira", "fieldId": if field == "Fix Version" { "fixVersions" } else { field },
           "from": id(from), "fromString": name(from), "to": id(to), "toString": name(to)})
}
