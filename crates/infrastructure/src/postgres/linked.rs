//! What an issue's own payload tells of other issues: summary and status of its links, parent and sub-tasks. Row-level
//! security guards rows, not what is inside them; so a caller with a limit is shown of these only what they could open.

use std::collections::HashSet;

use application::{Result, issues::IssueRow};
use domain::ids::InstanceId;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

impl PgTenantTx {
    /// Takes out of the payloads what is beyond the caller's limit; nothing without one.
    pub(super) async fn hide_linked(&mut self, rows: &mut [IssueRow]) -> Result<()> {
        if !self.limited {
            return Ok(());
        }
        let named: Vec<Uuid> = rows
            .iter_mut()
            .flat_map(|row| {
                let instance = row.instance_id;
                fields_of(&mut row.raw).map(|fields| named_by(instance, fields)).unwrap_or_default()
            })
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        let visible = sqlx::query_scalar!("SELECT id FROM issues WHERE id = ANY($1)", &named)
            .fetch_all(self.conn())
            .await
            .map_err(convert)?
            .into_iter()
            .collect();
        for row in rows {
            if let Some(fields) = fields_of(&mut row.raw) {
                hide(row.instance_id, fields, &visible);
            }
        }
        Ok(())
    }
}

pub(super) fn fields_of(raw: &mut Value) -> Option<&mut Map<String, Value>> {
    raw.get_mut("fields")?.as_object_mut()
}

/// The lists of the payload that name issues, and of each entry the issue.
pub(super) const LISTS: [&str; 2] = ["issuelinks", "subtasks"];

pub(super) fn other_end(entry: &Value) -> Option<&Value> {
    entry.get("inwardIssue").or_else(|| entry.get("outwardIssue")).or(Some(entry))
}

pub(super) fn id_of(instance: InstanceId, issue: &Value) -> Option<Uuid> {
    issue.get("id")?.as_str().map(|id| instance.issue(id).0)
}

fn named_by(instance: InstanceId, fields: &Map<String, Value>) -> Vec<Uuid> {
    let listed =
        LISTS.iter().filter_map(|list| fields.get(*list)?.as_array()).flatten().filter_map(other_end);
    listed.chain(fields.get("parent")).filter_map(|issue| id_of(instance, issue)).collect()
}

fn hide(instance: InstanceId, fields: &mut Map<String, Value>, visible: &HashSet<Uuid>) {
    let is_visible = |issue: &Value| id_of(instance, issue).is_some_and(|id| visible.contains(&id));
    for list in LISTS {
        if let Some(entries) = fields.get_mut(list).and_then(Value::as_array_mut) {
            entries.retain(|entry| other_end(entry).is_some_and(is_visible));
        }
    }
    if fields.get("parent").is_some_and(|parent| !parent.is_null() && !is_visible(parent)) {
        fields.remove("parent");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_can_be_opened_is_named() {
        let site = InstanceId(Uuid::from_u128(7));
        let mut raw = json!({"fields": {
            "summary": "own",
            "parent": {"id": "3", "key": "OPS-3"},
            "subtasks": [{"id": "1", "key": "PAY-1"}],
            "issuelinks": [
                {"id": "90", "inwardIssue": {"id": "1", "key": "PAY-1"}},
                {"id": "91", "outwardIssue": {"id": "2", "key": "OPS-2"}},
            ],
        }});
        let fields = fields_of(&mut raw).unwrap();
        assert_eq!(named_by(site, fields).len(), 4);
        hide(site, fields, &HashSet::from([site.issue("1").0]));
        assert_eq!(
            raw,
            json!({"fields": {
                "summary": "own",
                "subtasks": [{"id": "1", "key": "PAY-1"}],
                "issuelinks": [{"id": "90", "inwardIssue": {"id": "1", "key": "PAY-1"}}],
            }})
        );
    }
}
