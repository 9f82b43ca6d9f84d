//! The lists that hang on an issue, newest entries first.

use application::issues::{CommentRow, HistoryRow, WorklogRow};
use domain::jira_time;
use serde_json::{Value, json};

use super::cursor::{Cursor, Section};
use crate::{
    answer::{Answer, LeftOut},
    budget::{self, Budget},
    columns,
};

/// A changed text (a description, say) is shown this long: the changelog is for what happened, not for reading.
const LONGEST_CHANGE: usize = 300;

/// A list under way into an answer.
pub(super) struct Listing {
    section: Section,
    /// How many a first answer has at most, so that one long list does not crowd out the next.
    first: usize,
    /// How many there are.
    total: usize,
    /// Shows one, counted from the oldest.
    show: Box<dyn Fn(usize) -> Value + Send>,
}

impl Listing {
    fn new<R: Send + 'static>(section: Section, first: usize, rows: Vec<R>, show: fn(&R) -> Value) -> Self {
        let total = rows.len();
        Self { section, first, total, show: Box::new(move |index| rows.get(index).map_or(Value::Null, show)) }
    }

    /// Adds the newest, or what comes before those that a cursor has passed, as far as there is room.
    pub(super) fn add(self, answer: &mut Answer, budget: &mut Budget, remaining: Option<usize>) {
        let name = self.section.name();
        let remaining_count = remaining.unwrap_or(self.total).min(self.total);
        let most = if remaining.is_some() { usize::MAX } else { self.first };
        let entries = budget.fill((0..remaining_count).rev().take(most).map(&self.show));
        let left = remaining_count - entries.len();
        if left > 0 {
            answer.leave_out(LeftOut {
                what: name.into(),
                shown: Some(entries.len()),
                total: Some(self.total),
                cursor: Some(Cursor { section: self.section, at: left }.to_string()),
                how: None,
            });
        }
        if !entries.is_empty() {
            answer.untrusted(name);
        }
        answer.set(&format!("{name}_total"), self.total);
        answer.set(name, entries);
    }
}

/// The comments, each as Markdown.
pub(super) fn comments(rows: Vec<CommentRow>) -> Listing {
    Listing::new(Section::Comments, 10, rows, |row| {
        let mut entry = json!({
            "id": row.jira_id,
            "author": row.author,
            "created": columns::time(row.created),
            "body": adf::markdown_of(&row.raw["body"]),
        });
        if row.updated != row.created {
            entry["updated"] = json!(columns::time(row.updated));
        }
        // Only service projects say it: such a comment is not shown to the customer.
        if row.raw["jsdPublic"] == false {
            entry["internal"] = json!(true);
        }
        columns::lean(entry)
    })
}

/// The changes, those of one moment together.
pub(super) fn changelog(rows: Vec<HistoryRow>) -> Listing {
    Listing::new(Section::Changelog, 50, rows, |row| {
        let text = |value: &Value| value.as_str().map(|text| budget::clip(text, LONGEST_CHANGE));
        let items = row.raw["items"].as_array().into_iter().flatten();
        let changes: Value = items
            .map(|item| {
                let (from, to) = (text(&item["fromString"]), text(&item["toString"]));
                columns::lean(json!({ "field": item["field"], "from": from, "to": to }))
            })
            .collect();
        let author = &row.raw["author"]["displayName"];
        columns::lean(json!({ "created": time(&row.raw["created"]), "author": author, "changes": changes }))
    })
}

/// A time of Jira's, as all others are shown.
fn time(raw: &Value) -> Value {
    raw.as_str()
        .and_then(|text| jira_time::parse(text).ok())
        .map_or_else(|| raw.clone(), |time| columns::time(time).into())
}

/// The work logs.
pub(super) fn worklogs(rows: Vec<WorklogRow>) -> Listing {
    Listing::new(Section::Worklogs, 50, rows, |row| {
        columns::lean(json!({
            "author": row.raw["author"]["displayName"],
            "started": time(&row.raw["started"]),
            "seconds": row.raw["timeSpentSeconds"],
            "comment": adf::markdown_of(&row.raw["comment"]),
        }))
    })
}
