//! Histories, put together from their rows.

use application::issues::{HistoryRow, IN_COLUMNS, item_from_columns};
use chrono::{DateTime, Utc};
use domain::ids::IssueId;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::people::{AUTHOR, unfold};

/// A row of the changelog: an item of a history. The first of each history has the history and its author too.
pub(super) struct ChangelogRow {
    pub(super) issue_id: Uuid,
    pub(super) jira_id: String,
    pub(super) jira_number: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) ordinal: i32,
    pub(super) field: String,
    pub(super) field_type: Option<String>,
    pub(super) field_id: Option<String>,
    pub(super) from_value: Option<String>,
    pub(super) from_string: Option<String>,
    pub(super) to_value: Option<String>,
    pub(super) to_string: Option<String>,
    pub(super) raw_jsonb: Option<Value>,
    pub(super) history_jsonb: Option<Value>,
    pub(super) person: Option<Value>,
}

impl ChangelogRow {
    /// The item as served; a history without items has none.
    fn item(self) -> Option<Value> {
        let raw = self.raw_jsonb?;
        Some(if raw == IN_COLUMNS {
            item_from_columns([
                Some(self.field),
                self.field_type,
                self.field_id,
                self.from_value,
                self.from_string,
                self.to_value,
                self.to_string,
            ])
        } else {
            raw
        })
    }

    /// The history as served, but for its items.
    fn history(&mut self) -> Map<String, Value> {
        let mut history = match self.history_jsonb.take() {
            Some(Value::Object(history)) => history,
            Some(Value::String(created)) => [
                ("id".to_owned(), json!(self.jira_id)),
                ("author".to_owned(), json!(AUTHOR)),
                ("created".to_owned(), json!(created)),
            ]
            .into_iter()
            .collect(),
            _ => Map::new(),
        };
        unfold(&mut history, self.person.as_ref());
        history
    }
}

/// Histories, from rows in the order of histories and items.
pub(super) fn histories(rows: impl IntoIterator<Item = ChangelogRow>) -> Vec<HistoryRow> {
    let mut histories: Vec<HistoryRow> = Vec::new();
    for mut row in rows {
        if row.ordinal == 0 {
            let mut history = row.history();
            history.insert("items".into(), Value::Array(Vec::new()));
            histories.push(HistoryRow { issue_id: IssueId(row.issue_id), raw: Value::Object(history) });
        }
        let items = histories.last_mut().and_then(|history| history.raw.get_mut("items")?.as_array_mut());
        if let (Some(items), Some(item)) = (items, row.item()) {
            items.push(item);
        }
    }
    histories
}
