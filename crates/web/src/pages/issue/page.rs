//! The issue page's content, worded.

use application::issues::{CommentRow, HistoryRow, IssueRow, TransitionChoice};
use askama::Template;
use chrono::{DateTime, Utc};
use domain::jira_time;
use serde_json::Value;

use super::{
    Loaded, Refused,
    fields::{self, Field, FieldValue},
};
use crate::pages::{
    addresses,
    people::{Person, status_class, type_class},
    shell::Shell,
    wording::{Moment, counted, shortened},
};

/// The newest of a long history; the rest is asked for by SQL.
const MOST_CHANGES: usize = 200;
const LONGEST_CHANGE: usize = 160;

/// The page.
#[derive(Template)]
#[template(path = "issue.html")]
pub(in crate::pages) struct IssuePage {
    shell: Shell,
    key: String,
    instance: String,
    instance_address: String,
    project: String,
    project_address: String,
    summary: String,
    issue_type: Option<(String, &'static str)>,
    status: String,
    status_class: &'static str,
    source: Option<String>,
    /// Safe HTML: `adf` escapes all text and passes no markup of the document's own.
    description: Option<String>,
    fields: Vec<Field>,
    custom_fields: Vec<(String, String)>,
    related: Vec<Related>,
    comments: Vec<Comment>,
    comments_title: String,
    changes: Vec<Change>,
    /// How many older changes are not shown.
    more_changes: usize,
    synced: Moment,
    writing: Option<Actions>,
    refused: Refused,
}

struct Related {
    relation: String,
    key: String,
    address: String,
    summary: String,
    status: String,
    status_class: &'static str,
}

struct Comment {
    id: String,
    author: Person,
    created: Moment,
    edited: Option<Moment>,
    /// Safe HTML, as the description.
    body: String,
}

struct Change {
    at: Option<Moment>,
    author: Option<Person>,
    field: String,
    from: String,
    to: String,
}

/// The forms of those who may write.
struct Actions {
    comment_address: String,
    transition_address: String,
    transitions: Vec<Action>,
    /// Why the transitions are not known.
    trouble: Option<String>,
}

struct Action {
    id: String,
    name: String,
    to: String,
    class: &'static str,
}

impl IssuePage {
    pub(in crate::pages) fn new(shell: Shell, loaded: Loaded, refused: Refused, now: DateTime<Utc>) -> Self {
        let Loaded { issue, comments, histories, field_names, source, writing } = loaded;
        let raw = &issue.raw["fields"];
        let mut changes = changes(&histories, now);
        let more_changes = changes.len().saturating_sub(MOST_CHANGES);
        changes.truncate(MOST_CHANGES);
        Self {
            fields: fields::listed(&issue, now),
            custom_fields: fields::custom(raw, &field_names),
            related: related(&issue),
            description: Some(adf::html_of(&raw["description"])).filter(|html| !html.is_empty()),
            comments_title: counted(comments.len() as u64, "comment"),
            comments: comments.into_iter().map(|row| comment(row, now)).collect(),
            changes,
            more_changes,
            synced: Moment::of(issue.synced_at, now),
            writing: writing.map(|writing| actions(&issue, writing.transitions)),
            source,
            refused,
            instance_address: addresses::instance(&issue.instance),
            project_address: addresses::search(
                &format!("project = {} ORDER BY updated DESC", jql::quote(&issue.project_key)),
                &issue.instance,
            ),
            issue_type: issue.issue_type.map(|name| {
                let class = type_class(&name);
                (name, class)
            }),
            status_class: status_class(&issue.status_category),
            key: issue.key,
            instance: issue.instance,
            project: issue.project_key,
            summary: issue.summary,
            status: issue.status,
            shell,
        }
    }
}

fn actions(issue: &IssueRow, transitions: Result<Vec<TransitionChoice>, String>) -> Actions {
    let address = |what: &str| {
        let path = addresses::issue("", &issue.key);
        addresses::href(&format!("{path}/{what}"), &[("instance", &issue.instance)])
    };
    let (transitions, trouble) = match transitions {
        Ok(transitions) => (transitions, None),
        Err(trouble) => (Vec::new(), Some(trouble)),
    };
    Actions {
        comment_address: address("comments"),
        transition_address: address("transitions"),
        transitions: transitions
            .into_iter()
            .map(|choice| Action {
                id: choice.id,
                name: choice.name,
                class: status_class(&choice.to_category),
                to: choice.to,
            })
            .collect(),
        trouble,
    }
}

fn comment(row: CommentRow, now: DateTime<Utc>) -> Comment {
    Comment {
        author: Person::named(row.author.as_deref().unwrap_or("Anonymous")),
        created: Moment::of(row.created, now),
        edited: (row.updated > row.created).then(|| Moment::of(row.updated, now)),
        body: adf::html_of(&row.raw["body"]),
        id: row.jira_id,
    }
}

/// Newest first, one entry per changed field.
fn changes(histories: &[HistoryRow], now: DateTime<Utc>) -> Vec<Change> {
    let mut changes = Vec::new();
    for history in histories.iter().rev() {
        let raw = &history.raw;
        let at = jira_time::parse_json(&raw["created"]).ok().map(|at| Moment::of(at, now));
        let author = raw["author"]["displayName"].as_str().map(Person::named);
        for item in raw["items"].as_array().into_iter().flatten() {
            let side = |text: &str, id: &str| {
                let value = item[text].as_str().or_else(|| item[id].as_str()).unwrap_or_default();
                shortened(value.trim(), LONGEST_CHANGE)
            };
            changes.push(Change {
                at: at.clone(),
                author: author.clone(),
                field: item["field"].as_str().unwrap_or_default().to_owned(),
                from: side("fromString", "from"),
                to: side("toString", "to"),
            });
        }
    }
    changes
}

/// Parent, sub-tasks and links, as the issue itself names them.
fn related(issue: &IssueRow) -> Vec<Related> {
    let raw = &issue.raw["fields"];
    let mut related = Vec::new();
    let mut relate = |relation: &str, other: &Value| {
        let Some(key) = other["key"].as_str() else { return };
        let fields = &other["fields"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        related.push(Related {
            relation: relation.to_owned(),
            key: key.to_owned(),
            address: addresses::issue(&issue.instance, key),
            summary: text(&fields["summary"]),
            status: text(&fields["status"]["name"]),
            status_class: status_class(&text(&fields["status"]["statusCategory"]["key"])),
        });
    };
    relate("parent", &raw["parent"]);
    for subtask in raw["subtasks"].as_array().into_iter().flatten() {
        relate("sub-task", subtask);
    }
    for link in raw["issuelinks"].as_array().into_iter().flatten() {
        let name = |direction: &str| link["type"][direction].as_str().unwrap_or("relates to").to_owned();
        relate(&name("inward"), &link["inwardIssue"]);
        relate(&name("outward"), &link["outwardIssue"]);
    }
    related
}

#[cfg(test)]
mod tests {
    use domain::ids::{InstanceId, IssueId};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_history_is_shown_newest_first_with_every_item() {
        let issue_id: IssueId = InstanceId(Uuid::nil()).issue("1");
        let history = |created: &str, items: Value| HistoryRow {
            issue_id,
            raw: json!({"created": created, "author": {"displayName": "Ada"}, "items": items}),
        };
        let histories = [
            history(
                "2026-03-01T10:00:00.000+0000",
                json!([{"field": "status", "fromString": "To Do", "toString": "Doing"}]),
            ),
            history(
                "2026-03-02T10:00:00.000+0000",
                json!([
                {"field": "labels", "fromString": "", "toString": "a b"},
                {"field": "assignee", "from": null, "fromString": null, "to": "u1", "toString": null}]),
            ),
        ];
        let shown = changes(&histories, DateTime::UNIX_EPOCH);
        let told: Vec<_> = shown.iter().map(|c| (c.field.as_str(), c.from.as_str(), c.to.as_str())).collect();
        assert_eq!(told, [("labels", "", "a b"), ("assignee", "", "u1"), ("status", "To Do", "Doing")]);
        assert_eq!(shown[2].at.as_ref().unwrap().absolute, "1 Mar 2026, 10:00 UTC");
    }
}
