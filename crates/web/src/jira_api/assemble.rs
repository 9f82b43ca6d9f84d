//! An issue as it is served: its stored payload verbatim, with the lists that have tables of their own (comments,
//! worklogs, histories) put back into the paging envelopes they came in.
//!
//! Asked for in the dialect in which it is stored, an issue comes out as it came in: nothing is added, renamed or left
//! out. What a source did not give (a `comment` field, a changelog) is not invented. Embedded lists are whole.

use std::collections::HashMap;

use application::{
    instances::Dialect,
    issues::{CommentRow, HistoryRow, IssueRow, WorklogRow},
    ports::TenantTx,
};
use domain::ids::{InstanceId, IssueId};
use serde_json::{Map, Value};

use super::{
    fields::{Expand, FieldRoster, Selection},
    refusal::Refusal,
    rich_text,
};

/// How issues are to be shown.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The dialect that is asked for.
    pub(super) dialect: Dialect,
    /// The fields that are asked for.
    pub(super) selection: Selection,
    /// What is asked for besides.
    pub(super) expand: Expand,
    /// The keys of properties that are asked for; `*all` means all of them.
    pub(super) properties: Vec<String>,
}

/// Issues as served, and what is expanded beside them: in a search it stands at the top.
#[derive(Debug)]
pub(super) struct Assembled {
    /// The issues, in the order of their rows.
    pub(super) issues: Vec<Value>,
    /// `names` and `schema`, where asked for.
    pub(super) expanded: Map<String, Value>,
}

/// The lists of some issues.
#[derive(Debug, Default)]
struct Children {
    comments: HashMap<IssueId, Vec<CommentRow>>,
    worklogs: HashMap<IssueId, Vec<WorklogRow>>,
    histories: HashMap<IssueId, Vec<HistoryRow>>,
    properties: HashMap<IssueId, Map<String, Value>>,
}

impl View {
    /// Assembles a page of issues, with one question per kind of list and only for lists that will be shown.
    pub(super) async fn assemble(
        &self,
        tx: &mut dyn TenantTx,
        instance: InstanceId,
        rows: Vec<IssueRow>,
    ) -> Result<Assembled, Refusal> {
        let roster = if self.needs_roster(&rows) {
            FieldRoster::load(tx, instance).await?
        } else {
            FieldRoster::default()
        };
        self.assemble_by(tx, rows, &roster).await
    }

    /// The same with the roster of fields at hand.
    pub(super) async fn assemble_by(
        &self,
        tx: &mut dyn TenantTx,
        rows: Vec<IssueRow>,
        roster: &FieldRoster,
    ) -> Result<Assembled, Refusal> {
        let mut children = Children::default();
        let ids = self.with_list(&rows, "comment", roster);
        if !ids.is_empty() {
            children.comments = by_issue(tx.comments(&ids).await?, |row| row.issue_id);
        }
        let ids = self.with_list(&rows, "worklog", roster);
        if !ids.is_empty() {
            children.worklogs = by_issue(tx.worklogs(&ids).await?, |row| row.issue_id);
        }
        let ids: Vec<IssueId> =
            rows.iter().filter(|row| self.shows_changelog(row)).map(|row| row.id).collect();
        if !ids.is_empty() {
            children.histories = by_issue(tx.histories(&ids).await?, |row| row.issue_id);
        }
        if !self.properties.is_empty() {
            let ids: Vec<IssueId> = rows.iter().map(|row| row.id).collect();
            let all = self.properties.iter().any(|key| key == "*all");
            let keys = if all { &[][..] } else { &self.properties };
            for (issue, key, value) in tx.properties_of(&ids, keys).await? {
                children.properties.entry(issue).or_default().insert(key, value);
            }
        }
        Ok(self.put_together(rows, children, roster))
    }

    /// Whether these issues are all there is to read: no list of theirs is asked for that has anything in it.
    pub(super) fn stands_alone(&self, rows: &[IssueRow], roster: &FieldRoster) -> bool {
        self.properties.is_empty()
            && self.with_list(rows, "comment", roster).is_empty()
            && self.with_list(rows, "worklog", roster).is_empty()
            && !rows.iter().any(|row| self.shows_changelog(row))
    }

    /// Assembles issues that stand alone.
    pub(super) fn assemble_alone(&self, rows: Vec<IssueRow>, roster: &FieldRoster) -> Assembled {
        self.put_together(rows, Children::default(), roster)
    }

    fn put_together(&self, rows: Vec<IssueRow>, mut children: Children, roster: &FieldRoster) -> Assembled {
        let issues = rows.into_iter().map(|row| self.issue(row, &mut children, roster)).collect();
        Assembled { issues, expanded: self.expanded(roster) }
    }

    /// Whether it takes the roster of fields to show these.
    pub(super) fn needs_roster(&self, rows: &[IssueRow]) -> bool {
        let converts = self.dialect == Dialect::V3 && rows.iter().any(|row| row.dialect == Dialect::V2);
        self.selection.needs_roster()
            || self.expand.names
            || self.expand.schema
            || ((converts || self.expand.rendered_fields) && !self.selection.is_ids_only())
    }

    /// The issues whose payload has this list, if it is asked for. Of a list that came empty there is nothing to read: an entry that
    /// is added changes its envelope with it.
    fn with_list(&self, rows: &[IssueRow], field: &str, roster: &FieldRoster) -> Vec<IssueId> {
        if !self.selection.contains(field, roster) {
            return Vec::new();
        }
        let has_entries = |list: &Value| list.is_object() && list["total"] != 0;
        rows.iter().filter(|row| has_entries(&row.raw["fields"][field])).map(|row| row.id).collect()
    }

    fn shows_changelog(&self, row: &IssueRow) -> bool {
        self.expand.changelog && row.changelog_envelope.is_some()
    }

    fn expanded(&self, roster: &FieldRoster) -> Map<String, Value> {
        let mut expanded = Map::new();
        if self.expand.names {
            expanded.insert("names".into(), roster.expanded("name", &self.selection));
        }
        if self.expand.schema {
            expanded.insert("schema".into(), roster.expanded("schema", &self.selection));
        }
        expanded
    }

    fn issue(&self, row: IssueRow, children: &mut Children, roster: &FieldRoster) -> Value {
        let with_changelog = self.shows_changelog(&row);
        let IssueRow { id, raw, dialect, changelog_envelope, .. } = row;
        let Value::Object(mut issue) = raw else { return raw };
        let mut fields = match issue.remove("fields") {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        fields.retain(|name, _| self.selection.contains(name, roster));
        self.embed(&mut fields, "comment", || {
            let rows = children.comments.remove(&id).unwrap_or_default();
            rows.into_iter().map(|row| comment(row, self.dialect)).collect()
        });
        self.embed(&mut fields, "worklog", || {
            let rows = children.worklogs.remove(&id).unwrap_or_default();
            rows.into_iter().map(|row| worklog(row, self.dialect)).collect()
        });
        if self.expand.rendered_fields {
            issue.insert("renderedFields".into(), rendered_fields(&fields, roster));
        }
        if dialect != self.dialect {
            rich_text::convert_fields(&mut fields, self.dialect, roster);
        }
        if self.selection.is_by_keys() {
            let named = fields.into_iter().map(|(id, value)| (roster.key(&id).to_owned(), value));
            fields = named.collect();
        }
        // An answer to a question for ids has no `fields` at all (jira-facts 1.1).
        if !fields.is_empty() || !self.selection.is_ids_only() {
            let (member, shown) = match self.expand.versioned {
                // A field has one version of its value.
                true => ("versionedRepresentations", fields.into_iter().map(only_version).collect()),
                false => ("fields", fields),
            };
            issue.insert(member.into(), Value::Object(shown));
        }
        if !self.properties.is_empty() {
            let shown = children.properties.remove(&id).unwrap_or_default();
            issue.insert("properties".into(), Value::Object(shown));
        }
        if let Some(Value::Object(envelope)) = changelog_envelope.filter(|_| with_changelog) {
            let histories = children.histories.remove(&id).unwrap_or_default();
            issue.insert("changelog".into(), self.changelog(envelope, histories));
        }
        Value::Object(issue)
    }

    /// Puts a list back into its envelope, where the issue has one.
    fn embed(&self, fields: &mut Map<String, Value>, field: &str, list: impl FnOnce() -> Vec<Value>) {
        if let Some(Value::Object(envelope)) = fields.get_mut(field) {
            envelope.insert(format!("{field}s"), Value::Array(list()));
        }
    }

    /// Cloud embeds the newest history first, Server the oldest (jira-facts 1.5).
    fn changelog(&self, mut envelope: Map<String, Value>, histories: Vec<HistoryRow>) -> Value {
        let mut histories: Vec<Value> = histories.into_iter().map(|history| history.raw).collect();
        if self.dialect == Dialect::V3 {
            histories.reverse();
        }
        envelope.insert("histories".into(), Value::Array(histories));
        Value::Object(envelope)
    }
}

fn only_version((name, value): (String, Value)) -> (String, Value) {
    (name, Value::Object(Map::from_iter([("1".to_owned(), value)])))
}

/// A comment as served.
pub(super) fn comment(row: CommentRow, dialect: Dialect) -> Value {
    let mut raw = row.raw;
    if row.dialect != dialect {
        rich_text::convert_member(&mut raw, "body", dialect);
    }
    raw
}

/// A worklog as served.
pub(super) fn worklog(row: WorklogRow, dialect: Dialect) -> Value {
    let mut raw = row.raw;
    if row.dialect != dialect {
        rich_text::convert_member(&mut raw, "comment", dialect);
    }
    raw
}

/// The rich text among the fields, as HTML.
fn rendered_fields(fields: &Map<String, Value>, roster: &FieldRoster) -> Value {
    let mut rendered = Map::new();
    for (name, value) in fields {
        let html = match name.as_str() {
            "comment" => rendered_list(value, "comments", "body"),
            "worklog" => rendered_list(value, "worklogs", "comment"),
            _ if roster.is_rich_text(name) || rich_text::is_document(value) => rich_text::rendered(value),
            _ => continue,
        };
        rendered.insert(name.clone(), html);
    }
    Value::Object(rendered)
}

fn rendered_list(collection: &Value, list: &str, member: &str) -> Value {
    let mut collection = collection.clone();
    for entry in collection.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(text) = entry.get_mut(member) {
            *text = rich_text::rendered(text);
        }
    }
    collection
}

fn by_issue<T>(rows: Vec<T>, issue: impl Fn(&T) -> IssueId) -> HashMap<IssueId, Vec<T>> {
    let mut grouped: HashMap<IssueId, Vec<T>> = HashMap::new();
    for row in rows {
        grouped.entry(issue(&row)).or_default().push(row);
    }
    grouped
}

#[cfg(test)]
mod tests;
