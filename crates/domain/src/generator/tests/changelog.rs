//! Histories fit the current values, and dates fit histories.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{generated, histories, items, list, options, time};
use crate::generator::issues;

/// What the changelog shows for the current value of a single-valued field.
fn shown(issue: &Value, field: &str) -> Value {
    let fields = &issue["fields"];
    let name = |value: &Value, member: &str| value.get(member).cloned().unwrap_or(Value::Null);
    let number = |value: &Value| value.as_f64().map_or(Value::Null, |number| Value::from(number.to_string()));
    let day =
        |value: &Value| value.as_str().map_or(Value::Null, |day| Value::from(format!("{day} 00:00:00.0")));
    let joined = |value: &Value, member: &str, by: &str| {
        let names = value.as_array().into_iter().flatten();
        let names: Vec<&str> = names
            .filter_map(|value| if member.is_empty() { value.as_str() } else { value[member].as_str() })
            .collect();
        Value::from(names.join(by))
    };
    match field {
        "status" | "resolution" | "priority" | "project" => name(&fields[field], "name"),
        "assignee" => name(&fields["assignee"], "displayName"),
        "Reviewer" => name(&fields["customfield_10035"], "displayName"),
        "Severity" => name(&fields["customfield_10031"], "value"),
        "Root cause" => fields["customfield_10033"].clone(),
        "Key" => issue["key"].clone(),
        "summary" => fields["summary"].clone(),
        "duedate" => day(&fields["duedate"]),
        "Target date" => day(&fields["customfield_10034"]),
        "Story Points" => number(&fields["customfield_10016"]),
        "Customer impact" => number(&fields["customfield_10036"]),
        "timespent" | "timeestimate" | "timeoriginalestimate" => number(&fields[field]),
        "labels" => joined(&fields["labels"], "", " "),
        "Sprint" => joined(&fields["customfield_10020"], "name", ", "),
        "Flagged" => joined(&fields["customfield_10021"], "value", ", "),
        other => panic!("unexpected field {other}"),
    }
}

/// Fields whose items add or remove one of several values.
const MULTIPLE: [&str; 7] =
    ["Fix Version", "Component", "Link", "Rank", "WorklogId", "IssueParentAssociation", "Attachment"];

#[test]
fn walking_back_from_the_current_values_ends_at_a_legal_creation() {
    let (_, all) = generated();
    for issue in &all {
        let mut current: HashMap<&str, Value> = ["status", "resolution", "Sprint", "Reviewer", "timespent"]
            .map(|it| (it, shown(issue, it)))
            .into();
        for item in histories(issue).rev().flat_map(|history| list(&history["items"]).iter().rev()) {
            let field = item["field"].as_str().unwrap();
            if MULTIPLE.contains(&field) {
                continue;
            }
            let value = current.entry(field).or_insert_with(|| shown(issue, field));
            assert_eq!(item["toString"], *value, "{} {field}", issue["key"]);
            assert_ne!(item["fromString"], item["toString"], "{} {field} does not change", issue["key"]);
            *value = item["fromString"].clone();
        }
        assert_eq!(current["status"], "To Do");
        assert_eq!(current["Sprint"], "");
        for unset in ["resolution", "Reviewer", "timespent"] {
            assert!(current[unset].is_null(), "{} was created with {unset}", issue["key"]);
        }
    }
}

#[test]
fn added_and_removed_versions_components_and_links_add_up() {
    let (_, all) = generated();
    for issue in &all {
        for (field, values) in [("Fix Version", "fixVersions"), ("Component", "components")] {
            let mut ids: BTreeSet<&str> =
                list(&issue["fields"][values]).iter().map(|value| value["id"].as_str().unwrap()).collect();
            let changes: Vec<_> = items(issue, field).collect();
            for (_, item) in changes.into_iter().rev() {
                match (item["from"].as_str(), item["to"].as_str()) {
                    (Some(removed), None) => assert!(ids.insert(removed)),
                    (None, Some(added)) => assert!(ids.remove(added), "{} {field} {added}", issue["key"]),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(
            items(issue, "Link").count(),
            list(&issue["fields"]["issuelinks"]).len(),
            "{}",
            issue["key"]
        );
        let parent =
            items(issue, "IssueParentAssociation").map(|(_, item)| &item["toString"]).collect::<Vec<_>>();
        assert!(parent.iter().all(|key| **key == issue["fields"]["parent"]["key"]));
    }
}

#[test]
fn statuses_follow_the_workflow() {
    let (_, all) = generated();
    let allowed = |from: &str, to: &str| {
        matches!(
            (from, to),
            ("To Do", "In Progress" | "Done")
                | ("In Progress", "In Review" | "Done" | "To Do")
                | ("In Review", "Done" | "In Progress")
                | ("Done", "To Do" | "In Progress")
        )
    };
    for (_, item) in all.iter().flat_map(|issue| items(issue, "status")) {
        assert!(allowed(item["fromString"].as_str().unwrap(), item["toString"].as_str().unwrap()), "{item}");
    }
}

/// Everything that happened to an issue.
fn activity(issue: &Value) -> Vec<DateTime<Utc>> {
    let fields = &issue["fields"];
    let mut times = vec![time(&fields["created"])];
    times.extend(histories(issue).map(|history| time(&history["created"])));
    for (collection, member) in [("comment", "comments"), ("worklog", "worklogs")] {
        let entries = list(&fields[collection][member]);
        times.extend(entries.iter().flat_map(|entry| [time(&entry["created"]), time(&entry["updated"])]));
    }
    times
}

#[test]
fn dates_agree_with_each_other() {
    let (options, all) = generated();
    let mut created_before = DateTime::<Utc>::MIN_UTC;
    for issue in &all {
        let fields = &issue["fields"];
        let created = time(&fields["created"]);
        assert!(created >= created_before, "created ascends with the id");
        created_before = created;
        let times = activity(issue);
        assert_eq!(Some(&time(&fields["updated"])), times.iter().max(), "{}", issue["key"]);
        assert!(times.iter().all(|at| (created..=options.now).contains(at)), "{}", issue["key"]);
        assert!(histories(issue).map(|history| time(&history["created"])).is_sorted());
        let category = |item: &Value, end: &str| {
            if item[end] == "In Review" { Value::from("In Progress") } else { item[end].clone() }
        };
        let changed = items(issue, "status")
            .filter(|(_, item)| category(item, "fromString") != category(item, "toString"))
            .last();
        let changed = changed.map_or(created, |(at, _)| at);
        assert_eq!(time(&fields["statuscategorychangedate"]), changed);
        let is_done = fields["status"]["statusCategory"]["key"] == "done";
        assert_eq!(is_done, !fields["resolution"].is_null());
        assert_eq!(is_done, !fields["resolutiondate"].is_null());
        if is_done {
            let done =
                items(issue, "status").filter(|(_, item)| item["toString"] == "Done").last().unwrap().0;
            assert_eq!(time(&fields["resolutiondate"]), done);
        }
        for worklog in list(&fields["worklog"]["worklogs"]) {
            assert!(
                created <= time(&worklog["started"]) && worklog["timeSpentSeconds"].as_u64().unwrap() > 0
            );
        }
    }
}

#[test]
fn history_ids_are_unique_and_some_histories_hold_several_items() {
    let (_, all) = generated();
    let mut ids = BTreeSet::new();
    let (mut several, mut twice, mut anonymous) = (0, 0, 0);
    for issue in &all {
        let mut before = 0;
        for history in histories(issue) {
            let id: u64 = history["id"].as_str().unwrap().parse().unwrap();
            assert!(id > before && ids.insert(id), "{id}");
            before = id;
            let fields: Vec<&Value> = list(&history["items"]).iter().map(|item| &item["field"]).collect();
            let different: BTreeSet<String> = fields.iter().map(ToString::to_string).collect();
            several += usize::from(fields.len() > 1);
            twice += usize::from(different.len() < fields.len());
            anonymous += usize::from(history.get("author").is_none());
        }
    }
    assert!(several > all.len() / 2 && twice > 50 && anonymous > 5, "{several} {twice} {anonymous}");
}

#[test]
fn moved_issues_change_key_and_project_in_one_history() {
    let mut moved = 0;
    let mut keys = BTreeSet::new();
    for issue in issues(&options(5100, 5)) {
        assert!(keys.insert(issue["key"].as_str().unwrap().to_owned()), "{} twice", issue["key"]);
        let (project, _) = issue["key"].as_str().unwrap().split_once('-').unwrap();
        assert_eq!(issue["fields"]["project"]["key"], project);
        for history in histories(&issue) {
            let item = |field: &str| list(&history["items"]).iter().find(|item| item["field"] == field);
            let Some(key) = item("Key") else { continue };
            moved += 1;
            assert!(
                keys.insert(key["fromString"].as_str().unwrap().to_owned()),
                "old keys are not used again"
            );
            assert_eq!(key["toString"], issue["key"]);
            assert_eq!(item("project").unwrap()["toString"], issue["fields"]["project"]["name"]);
        }
    }
    assert!((25..120).contains(&moved), "{moved} of 5100 moved");
}

/// Work that waits for somebody else: flagged for weeks, and its status stands meanwhile.
#[test]
fn some_issues_are_stuck_for_weeks() {
    let (_, all) = generated();
    let mut stuck = 0;
    for issue in &all {
        let flags: Vec<_> = items(issue, "Flagged").collect();
        for pair in flags.windows(2) {
            let [(on, set), (off, cleared)] = pair else { continue };
            if set["toString"] == "" || cleared["toString"] != "" || (*off - *on).num_days() < 10 {
                continue;
            }
            // A flag may also outlast a wait that came to its end.
            let stands = !items(issue, "status").any(|(at, _)| *on < at && at < *off);
            stuck += usize::from(stands);
        }
    }
    // Each of the two places has a chance of 2.6 %, and six in ten are flagged.
    assert!((15..150).contains(&stuck), "{stuck} of {}", all.len());
}

#[test]
fn keys_of_a_project_count_up_in_order_of_creation_and_arrival() {
    let mut taken: HashMap<String, Vec<(DateTime<Utc>, u64)>> = HashMap::new();
    for issue in issues(&options(5100, 9)) {
        let mut take = |at, key: &Value| {
            let (project, number) = key.as_str().unwrap().split_once('-').unwrap();
            taken.entry(project.to_owned()).or_default().push((at, number.parse().unwrap()));
        };
        let moved = items(&issue, "Key").next();
        take(time(&issue["fields"]["created"]), moved.map_or(&issue["key"], |(_, item)| &item["fromString"]));
        if let Some((at, item)) = moved {
            take(at, &item["toString"]);
        }
    }
    for (project, mut numbers) in taken {
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by_key(|(_, number)| *number), "{project}");
        assert_eq!(numbers[0].1, 1, "{project}");
        let (last, count) = (numbers[numbers.len() - 1].1, numbers.len() as u64);
        assert!(last < count + count / 50 + 5, "{project}: {count} keys up to {last}");
    }
}
