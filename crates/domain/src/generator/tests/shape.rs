//! Issues have the shape of REST v3.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{generated, items, list, time};
use crate::generator::site;

#[test]
fn every_field_of_the_site_is_in_every_issue_and_no_other() {
    let (options, all) = generated();
    let site = site(&options);
    let known: BTreeSet<&str> = site.fields.iter().map(|field| field["id"].as_str().unwrap()).collect();
    assert_eq!(known.len(), site.fields.len());
    for issue in &all {
        let present: BTreeSet<&str> =
            issue["fields"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = known.clone();
        if issue["fields"].get("parent").is_none() {
            expected.remove("parent");
        }
        assert_eq!(present, expected, "{}", issue["key"]);
    }
}

#[test]
fn custom_fields_have_the_values_of_their_types() {
    let (options, all) = generated();
    let site = site(&options);
    let mut used: HashMap<&str, usize> = HashMap::new();
    for field in site.fields.iter().filter(|field| field["custom"] == true) {
        let id = field["id"].as_str().unwrap();
        let custom = field["schema"]["custom"].as_str().unwrap().rsplit(':').next().unwrap();
        assert_eq!(field["clauseNames"][0], id.replace("customfield_", "cf[") + "]");
        for value in all.iter().map(|issue| &issue["fields"][id]).filter(|value| !value.is_null()) {
            *used.entry(id).or_default() += 1;
            let option = |value: &Value| {
                value["id"].is_string() && value["value"].is_string() && value["self"].is_string()
            };
            let fits = match custom {
                "float" => value.is_f64(),
                "select" => option(value),
                "multiselect" | "multicheckboxes" => {
                    !list(value).is_empty() && list(value).iter().all(option)
                }
                "textfield" | "gh-lexo-rank" => value.is_string(),
                "datetime" => time(value) > chrono::DateTime::UNIX_EPOCH,
                "cascadingselect" => option(value) && value.get("child").is_none_or(option),
                "multiuserpicker" => {
                    !list(value).is_empty() && list(value).iter().all(|user| user["accountId"].is_string())
                }
                "url" => value.as_str().is_some_and(|url| url.starts_with("https://")),
                "labels" => {
                    !list(value).is_empty()
                        && list(value).iter().all(|label| !label.as_str().unwrap().contains(' '))
                }
                "textarea" => value["type"] == "doc",
                "datepicker" => value.as_str().is_some_and(|day| day.len() == 10),
                "userpicker" => value["accountId"].is_string(),
                "gh-sprint" => {
                    list(value).iter().all(|sprint| sprint["id"].is_u64() && sprint["boardId"].is_u64())
                }
                other => panic!("{other}"),
            };
            assert!(fits, "{id} {custom}: {value}");
        }
    }
    assert_eq!(used.len(), 17, "all custom fields are in use: {used:?}");
}

#[test]
fn embedded_collections_are_complete() {
    let (_, all) = generated();
    let mut ids = BTreeSet::new();
    for issue in &all {
        let collections = [
            (&issue["changelog"], "histories"),
            (&issue["fields"]["comment"], "comments"),
            (&issue["fields"]["worklog"], "worklogs"),
        ];
        for (collection, member) in collections {
            assert_eq!(collection["total"], list(&collection[member]).len());
            assert_eq!(collection["startAt"], 0);
            let unique = |entry: &Value| ids.insert(format!("{member} {}", entry["id"]));
            assert!(list(&collection[member]).iter().all(unique), "{}", issue["key"]);
        }
    }
}

#[test]
fn links_are_seen_from_both_sides() {
    let (_, all) = generated();
    let by_key: HashMap<&str, &Value> =
        all.iter().map(|issue| (issue["key"].as_str().unwrap(), issue)).collect();
    let mut links = 0;
    for issue in &all {
        for link in list(&issue["fields"]["issuelinks"]) {
            let (here, there) = if link.get("outwardIssue").is_some() {
                ("outwardIssue", "inwardIssue")
            } else {
                ("inwardIssue", "outwardIssue")
            };
            let other = by_key[link[here]["key"].as_str().unwrap()];
            let back: Vec<&Value> =
                list(&other["fields"]["issuelinks"]).iter().filter(|back| back["id"] == link["id"]).collect();
            assert_eq!(back.len(), 1);
            assert_eq!(back[0][there]["key"], issue["key"]);
            assert_eq!(back[0]["type"], link["type"]);
            assert_brief(&link[here], other);
            links += 1;
        }
        let sentences: Vec<_> =
            items(issue, "Link").map(|(_, item)| item["toString"].as_str().unwrap()).collect();
        assert!(sentences.iter().all(|sentence| sentence.starts_with("This issue ")), "{sentences:?}");
    }
    assert!(links > 300, "{links}");
}

/// What an issue shows of another is what the other is.
fn assert_brief(brief: &Value, issue: &Value) {
    assert_eq!(brief["id"], issue["id"]);
    assert_eq!(brief["key"], issue["key"]);
    for field in ["summary", "status", "priority", "issuetype"] {
        assert_eq!(brief["fields"][field], issue["fields"][field], "{field} of {}", issue["key"]);
    }
}

#[test]
fn parents_and_children_agree() {
    let (_, all) = generated();
    let by_key: HashMap<&str, &Value> =
        all.iter().map(|issue| (issue["key"].as_str().unwrap(), issue)).collect();
    let mut levels: HashMap<i64, usize> = HashMap::new();
    for issue in &all {
        let level = issue["fields"]["issuetype"]["hierarchyLevel"].as_i64().unwrap();
        *levels.entry(level).or_default() += 1;
        if let Some(parent) = issue["fields"].get("parent") {
            let found = by_key[parent["key"].as_str().unwrap()];
            assert_brief(parent, found);
            assert_eq!(found["fields"]["issuetype"]["hierarchyLevel"], level + 1);
            assert_eq!(found["fields"]["project"]["key"], issue["fields"]["project"]["key"]);
            assert!(time(&found["fields"]["created"]) <= time(&issue["fields"]["created"]));
            let listed =
                list(&found["fields"]["subtasks"]).iter().any(|subtask| subtask["key"] == issue["key"]);
            assert_eq!(listed, level == -1);
        } else {
            assert_ne!(level, -1, "{} is a sub-task without a parent", issue["key"]);
        }
        for subtask in list(&issue["fields"]["subtasks"]) {
            assert_brief(subtask, by_key[subtask["key"].as_str().unwrap()]);
        }
    }
    assert!(levels[&1] > 80 && levels[&-1] > 200, "{levels:?}");
}

#[test]
fn time_tracking_adds_up() {
    let (_, all) = generated();
    let mut tracked = 0;
    for fields in all.iter().map(|issue| &issue["fields"]) {
        let logged: u64 = list(&fields["worklog"]["worklogs"])
            .iter()
            .map(|it| it["timeSpentSeconds"].as_u64().unwrap())
            .sum();
        assert_eq!(fields["timespent"].as_u64().unwrap_or(0), logged);
        assert_eq!(fields["timetracking"]["timeSpentSeconds"], fields["timespent"]);
        assert_eq!(fields["timetracking"]["originalEstimateSeconds"], fields["timeoriginalestimate"]);
        tracked += usize::from(logged > 0);
    }
    assert!(tracked > all.len() / 20, "{tracked}");
}

fn walk<'a>(node: &'a Value, kinds: &mut BTreeSet<&'a str>) {
    let kind = node["type"].as_str().unwrap();
    kinds.insert(kind);
    if kind == "text" {
        assert!(!node["text"].as_str().unwrap().is_empty(), "the schema wants at least one character");
        for mark in node.get("marks").into_iter().flat_map(list) {
            kinds.insert(mark["type"].as_str().unwrap());
        }
    }
    node.get("content").into_iter().flat_map(list).for_each(|child| walk(child, kinds));
}

#[test]
fn texts_are_documents_with_all_kinds_of_nodes() {
    let (_, all) = generated();
    let mut kinds = BTreeSet::new();
    for fields in all.iter().map(|issue| &issue["fields"]) {
        let bodies = list(&fields["comment"]["comments"]).iter().map(|comment| &comment["body"]);
        for text in [&fields["description"], &fields["environment"]].into_iter().chain(bodies) {
            if !text.is_null() {
                assert_eq!((&text["version"], &text["type"]), (&Value::from(1), &Value::from("doc")));
                walk(text, &mut kinds);
            }
        }
    }
    for kind in [
        "mention",
        "emoji",
        "bulletList",
        "orderedList",
        "table",
        "codeBlock",
        "link",
        "panel",
        "taskList",
        "date",
    ] {
        assert!(kinds.contains(kind), "no {kind} in {kinds:?}");
    }
}

#[test]
fn attachments_are_described_and_their_histories_name_them() {
    let (options, all) = generated();
    let mut ids = BTreeSet::new();
    let mut with_files = 0;
    for issue in &all {
        let files = list(&issue["fields"]["attachment"]);
        with_files += usize::from(!files.is_empty());
        let told: BTreeSet<(&str, &str)> = items(issue, "Attachment")
            .map(|(_, item)| (item["to"].as_str().unwrap(), item["toString"].as_str().unwrap()))
            .collect();
        let listed: BTreeSet<(&str, &str)> = files
            .iter()
            .map(|file| (file["id"].as_str().unwrap(), file["filename"].as_str().unwrap()))
            .collect();
        assert_eq!(told, listed, "{}", issue["key"]);
        for file in files {
            assert!(ids.insert(file["id"].as_str().unwrap()), "{file}");
            assert!(file["size"].as_u64().unwrap() > 0 && file["mimeType"].is_string());
            assert!(file["author"]["accountId"].is_string());
            assert!((time(&issue["fields"]["created"])..=options.now).contains(&time(&file["created"])));
        }
    }
    assert!(with_files > all.len() / 10, "{with_files} issues have files");
}
