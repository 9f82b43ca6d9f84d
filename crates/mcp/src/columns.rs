//! What of an issue is shown, and how: few words, Jira's names, text as Markdown.

use application::issues::IssueRow;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::answer::is_empty;

/// The columns of a row unless told.
pub(crate) const USUAL: [&str; 7] = ["key", "type", "status", "priority", "assignee", "updated", "summary"];

/// Our own columns; any other name is a field of Jira's.
const OURS: [&str; 23] = [
    "assignee",
    "created",
    "description",
    "due",
    "duedate",
    "id",
    "instance",
    "issuetype",
    "key",
    "labels",
    "parent",
    "priority",
    "project",
    "reporter",
    "resolution",
    "resolutiondate",
    "resolved",
    "status",
    "status_category",
    "story_points",
    "summary",
    "type",
    "updated",
];

/// Whether a name is a column of ours that an issue may have no value for, rather than perhaps a slip of the pen.
pub(crate) fn is_ours(column: &str) -> bool {
    OURS.contains(&column)
}

/// One column of an issue: one of ours, or any field of Jira's by its id. Null when the issue has no such value.
pub(crate) fn value(issue: &IssueRow, column: &str) -> Value {
    match column {
        "key" => json!(issue.key),
        "id" => json!(issue.jira_id),
        "instance" => json!(issue.instance),
        "project" => json!(issue.project_key),
        "type" | "issuetype" => json!(issue.issue_type),
        "status" => json!(issue.status),
        "status_category" => json!(issue.status_category),
        "priority" => json!(issue.priority),
        "resolution" => json!(issue.resolution),
        "assignee" => json!(issue.assignee),
        "reporter" => json!(issue.reporter),
        "labels" => json!(issue.labels),
        "created" => json!(time(issue.created)),
        "updated" => json!(time(issue.updated)),
        "resolved" | "resolutiondate" => json!(issue.resolved.map(time)),
        "due" | "duedate" => json!(issue.due),
        "story_points" => json!(issue.story_points),
        "summary" => json!(issue.summary),
        "description" => json!(adf::markdown_of(&issue.raw["fields"]["description"])),
        "parent" => issue.raw["fields"]["parent"]["key"].clone(),
        field => plain(&issue.raw["fields"][field]),
    }
}

/// A time, to the second.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A field of Jira's in few words: of a person the name, of an option its value, of a document the Markdown.
pub(crate) fn plain(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) if fields.get("type").is_some_and(|kind| kind == "doc") => {
            json!(adf::markdown_of(value))
        }
        Value::Object(fields) => {
            let word =
                ["displayName", "name", "value", "key", "id"].iter().find_map(|word| fields.get(*word));
            word.cloned().unwrap_or_else(|| value.clone())
        }
        other => other.clone(),
    }
}

/// An object without its fields that say nothing.
pub(crate) fn lean(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !is_empty(value));
    }
    object
}

/// The issues linked to this one: how, and which.
pub(crate) fn links(issue: &IssueRow) -> Value {
    let links = issue.raw["fields"]["issuelinks"].as_array().into_iter().flatten();
    let shown = links.filter_map(|link| {
        let end = |end: &str, relation: &str| {
            let other = link.get(end)?;
            let status = &other["fields"]["status"]["name"];
            Some(lean(json!({ "relation": link["type"][relation], "key": other["key"], "status": status })))
        };
        end("outwardIssue", "outward").or_else(|| end("inwardIssue", "inward"))
    });
    shown.collect()
}

/// The keys of its sub-tasks.
pub(crate) fn subtasks(issue: &IssueRow) -> Value {
    let subtasks = issue.raw["fields"]["subtasks"].as_array().into_iter().flatten();
    subtasks.map(|subtask| subtask["key"].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::samples::issue;

    #[test]
    fn columns_have_our_names_and_jiras() {
        let issue = issue(1);
        assert_eq!(value(&issue, "key"), "PAY-1");
        assert_eq!(value(&issue, "type"), value(&issue, "issuetype"));
        assert_eq!(value(&issue, "updated"), "2026-03-02T09:30:00Z");
        assert_eq!(value(&issue, "due"), "2026-04-01");
        assert_eq!(value(&issue, "description"), "Cards are *declined*.");
        assert_eq!(value(&issue, "customfield_10020"), json!(["Sprint 7"]));
        assert_eq!(value(&issue, "components"), json!(["Checkout", "Ledger"]));
        assert_eq!(value(&issue, "parent"), "PAY-900");
        assert_eq!(value(&issue, "resolution"), Value::Null);
        assert_eq!(value(&issue, "no_such_field"), Value::Null);
    }

    #[test]
    fn every_column_of_ours_is_known_and_no_other() {
        let mut issue = issue(1);
        issue.resolution = Some("Done".into());
        issue.resolved = Some(issue.updated);
        for column in OURS {
            assert!(is_ours(column) && !is_empty(&value(&issue, column)), "{column}");
        }
        assert!(USUAL.iter().all(|column| is_ours(column)) && !is_ours("customfield_10020"));
    }

    #[test]
    fn fields_are_shown_in_few_words() {
        assert_eq!(plain(&json!({ "displayName": "Ada", "accountId": "1" })), "Ada");
        assert_eq!(
            plain(&json!([{ "value": "EU", "id": "7" }, { "value": "US", "id": "8" }])),
            json!(["EU", "US"])
        );
        assert_eq!(plain(&json!({ "progress": 1, "total": 2 })), json!({ "progress": 1, "total": 2 }));
        assert_eq!(plain(&json!(3.5)), 3.5);
    }

    #[test]
    fn links_say_how_they_read_from_here() {
        let mut issue = issue(1);
        issue.raw["fields"]["issuelinks"] = json!([
            { "type": { "inward": "is blocked by", "outward": "blocks" },
              "outwardIssue": { "key": "PAY-2", "fields": { "status": { "name": "Done" } } } },
            { "type": { "inward": "is blocked by", "outward": "blocks" },
              "inwardIssue": { "key": "PAY-3", "fields": { "status": { "name": "Open" } } } },
        ]);
        assert_eq!(
            links(&issue),
            json!([
                { "relation": "blocks", "key": "PAY-2", "status": "Done" },
                { "relation": "is blocked by", "key": "PAY-3", "status": "Open" },
            ])
        );
    }
}
