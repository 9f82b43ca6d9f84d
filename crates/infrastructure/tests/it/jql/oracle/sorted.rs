//! `ORDER BY`: empty values first when ascending and last when descending, ties by id in the direction of the last key.

use std::cmp::Ordering;

use jql::{Direction, Sort};
use serde_json::Value;

use super::{
    evaluate::canonical,
    payload::{ids, parsed},
    world::{PRIORITIES, PROJECTS, RESOLUTIONS, VERSIONS},
};

/// A sort value; empty is less than everything.
#[derive(PartialEq, PartialOrd)]
enum Key {
    Empty,
    Number(f64),
    Text(String),
    Pair(String, i64),
}

/// Puts issues in the order that is asked for.
pub fn sort(issues: &mut [&Value], keys: &[Sort]) {
    // Newest first where nothing is asked for.
    let mut asked: Vec<(String, bool, bool)> = keys
        .iter()
        .map(|sort| {
            let field = canonical(&sort.field.name);
            let by_id = sort.field.to_string().eq_ignore_ascii_case("id");
            let own = matches!(
                field.as_str(),
                "priority"
                    | "created"
                    | "updated"
                    | "resolved"
                    | "votes"
                    | "watchers"
                    | "statuscategorychangeddate"
            );
            let descending = sort.direction.map_or(own, |direction| direction == Direction::Descending);
            (field, by_id, descending)
        })
        .collect();
    if asked.is_empty() {
        asked.push(("created".into(), false, true));
    }
    // A field that comes again decides nothing any more.
    let mut seen = Vec::new();
    asked.retain(|(field, by_id, _)| {
        let new = !seen.contains(&(field.clone(), *by_id));
        seen.push((field.clone(), *by_id));
        new
    });
    let last = asked.last().unwrap().2;
    asked.push(("key".into(), true, last));
    issues.sort_by(|a, b| {
        asked.iter().fold(Ordering::Equal, |order, (field, by_id, descending)| {
            order.then_with(|| {
                let order = key(field, *by_id, a).partial_cmp(&key(field, *by_id, b)).unwrap();
                if *descending { order.reverse() } else { order }
            })
        })
    });
}

fn key(field: &str, by_id: bool, issue: &Value) -> Key {
    let fields = &issue["fields"];
    let text = |value: &Value| value.as_str().map_or(Key::Empty, |text| Key::Text(text.to_lowercase()));
    let time =
        |value: &Value| parsed(value).map_or(Key::Empty, |time| Key::Number(time.timestamp_millis() as f64));
    let number = |value: &Value| value.as_f64().map_or(Key::Empty, Key::Number);
    let place = |list: Vec<&str>| {
        let id = ids(field, issue).pop();
        id.map_or(Key::Empty, |id| Key::Number(list.iter().position(|known| *known == id).unwrap() as f64))
    };
    let version = |value: &Value| {
        value["id"].as_str().map_or(Key::Empty, |id| {
            let place = VERSIONS.iter().position(|version| version.0 == id).unwrap();
            let project = PROJECTS.iter().find(|project| project.0 == VERSIONS[place].1).unwrap();
            Key::Pair(project.2.to_lowercase(), place as i64)
        })
    };
    match field {
        "key" if by_id => Key::Number(issue["id"].as_str().unwrap().parse().unwrap()),
        "key" => {
            let (project, number) = issue["key"].as_str().unwrap().split_once('-').unwrap();
            Key::Pair(project.to_owned(), number.parse().unwrap())
        }
        "created" | "updated" | "customfield_10006" => time(&fields[field]),
        "resolved" => time(&fields["resolutiondate"]),
        "due" => text(&fields["duedate"]),
        "customfield_10005" | "summary" => text(&fields[field]),
        // The highest is the last.
        "priority" => place(PRIORITIES.iter().rev().map(|p| p.0).collect()),
        "resolution" => place(RESOLUTIONS.iter().map(|r| r.0).collect()),
        "statuscategory" => place(vec!["undefined", "new", "indeterminate", "done"]),
        "status" => text(&fields["status"]["name"]),
        "type" => text(&fields["issuetype"]["name"]),
        "project" => text(&fields["project"]["name"]),
        "assignee" | "reporter" | "creator" | "customfield_10007" => text(&fields[field]["displayName"]),
        "labels" => text(&fields["labels"][0]),
        "component" => text(&fields["components"][0]["name"]),
        "fixversion" => version(&fields["fixVersions"][0]),
        "affectedversion" => version(&fields["versions"][0]),
        "customfield_10001" => number(&fields[field]),
        "customfield_10003" => text(&fields[field]["value"]),
        "sprint" => {
            let sprints = fields["customfield_10002"].as_array().into_iter().flatten();
            sprints
                .filter_map(|sprint| sprint["id"].as_i64())
                .max()
                .map_or(Key::Empty, |id| Key::Number(id as f64))
        }
        "hierarchylevel" => number(&fields["issuetype"]["hierarchyLevel"]),
        "parent" => fields["parent"]["key"].as_str().map_or(Key::Empty, |key| {
            let (project, number) = key.split_once('-').unwrap();
            Key::Pair(project.to_owned(), number.parse().unwrap())
        }),
        "votes" => number(&fields["votes"]["votes"]),
        "watchers" => number(&fields["watches"]["watchCount"]),
        "timespent" => number(&fields["timespent"]),
        "originalestimate" => number(&fields["timeoriginalestimate"]),
        "workratio" => {
            let estimate = fields["timeoriginalestimate"].as_f64().filter(|seconds| *seconds > 0.0);
            let spent = fields["timespent"].as_f64().unwrap_or(0.0);
            estimate.map_or(Key::Empty, |estimate| Key::Number((spent * 100.0 / estimate).floor()))
        }
        other => unreachable!("nothing is sorted by {other}"),
    }
}
