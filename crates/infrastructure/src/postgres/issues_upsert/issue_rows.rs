//! The issues' own rows.

use std::collections::HashSet;

use application::Result;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::EntityKind;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Others, Planned, Scope, convert};
use crate::postgres::json_text::JsonText;

/// `numeric(10,2)` holds less than that; what a site calls story points and is larger is none.
const TOO_MANY_POINTS: f64 = 1e8;

/// One vector per column, as UNNEST takes them. Lists go as the texts of arrays, because PostgreSQL has no ragged
/// arrays.
#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    jira_id: Vec<&'a str>,
    jira_number: Vec<i64>,
    key: Vec<&'a str>,
    key_project: Vec<&'a str>,
    key_number: Vec<i64>,
    project_id: Vec<Uuid>,
    issue_type: Vec<Option<&'a str>>,
    issue_type_id: Vec<Option<&'a str>>,
    hierarchy_level: Vec<Option<i16>>,
    status: Vec<&'a str>,
    status_id: Vec<&'a str>,
    status_category: Vec<&'a str>,
    priority: Vec<Option<&'a str>>,
    priority_id: Vec<Option<&'a str>>,
    resolution: Vec<Option<&'a str>>,
    resolution_id: Vec<Option<&'a str>>,
    summary: Vec<&'a str>,
    description_text: Vec<Option<&'a str>>,
    assignee_id: Vec<Option<Uuid>>,
    reporter_id: Vec<Option<Uuid>>,
    creator_id: Vec<Option<Uuid>>,
    created_at: Vec<DateTime<Utc>>,
    updated_at: Vec<DateTime<Utc>>,
    resolved_at: Vec<Option<DateTime<Utc>>>,
    due_date: Vec<Option<NaiveDate>>,
    parent_issue_id: Vec<Option<Uuid>>,
    parent_key: Vec<Option<&'a str>>,
    epic_key: Vec<Option<&'a str>>,
    sprint_ids: Vec<String>,
    story_points: Vec<Option<f64>>,
    labels: Vec<String>,
    components: Vec<String>,
    raw: Vec<JsonText<'a>>,
    raw_dialect: Vec<&'static str>,
    changelog_envelope: Vec<Option<Json<&'a Value>>>,
    presence: Vec<&'static str>,
    source_hash: Vec<&'a [u8]>,
    read_at: Vec<Option<DateTime<Utc>>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, scope: Scope, planned: &'a Planned<'_>, others: &'a Others) {
        let issue = &planned.bundle.issue;
        self.id.push(planned.id);
        self.jira_id.push(&issue.jira_id);
        self.jira_number.push(issue.jira_number);
        self.key.push(&planned.key);
        self.key_project.push(issue.key.project());
        self.key_number.push(issue.key.number());
        self.project_id.push(scope.instance.derive(EntityKind::Project, &issue.project_jira_id));
        push_named(&mut self.issue_type, &mut self.issue_type_id, issue.issue_type.as_ref());
        self.hierarchy_level.push(issue.hierarchy_level);
        self.status.push(&issue.status);
        self.status_id.push(&issue.status_id);
        self.status_category.push(&issue.status_category);
        push_named(&mut self.priority, &mut self.priority_id, issue.priority.as_ref());
        push_named(&mut self.resolution, &mut self.resolution_id, issue.resolution.as_ref());
        self.summary.push(&issue.summary);
        self.description_text.push(issue.description_text.as_deref());
        self.assignee_id.push(scope.user(issue.assignee.as_deref()));
        self.reporter_id.push(scope.user(issue.reporter.as_deref()));
        self.creator_id.push(scope.user(issue.creator.as_deref()));
        self.created_at.push(issue.created);
        self.updated_at.push(issue.updated);
        self.resolved_at.push(issue.resolved);
        self.due_date.push(issue.due);
        self.parent_issue_id.push(issue.parent.as_ref().map(|(id, _)| scope.instance.issue(id).0));
        let parent_key =
            issue.parent.as_ref().map(|(id, told)| (told, others.key(scope.instance.issue(id).0, told)));
        self.parent_key.push(parent_key.map(|(_, key)| key));
        self.epic_key.push(match (issue.epic_key.as_deref(), parent_key) {
            (Some(epic), Some((told, key))) if epic == told.as_str() => Some(key),
            (epic, _) => epic,
        });
        self.sprint_ids.push(array_of(&issue.sprint_ids));
        self.story_points.push(issue.story_points.filter(|points| points.abs() < TOO_MANY_POINTS));
        self.labels.push(array_of(&issue.labels));
        self.components.push(array_of(&issue.components));
        self.raw.push(issue.raw.text().into());
        self.raw_dialect.push(issue.dialect.as_str());
        self.changelog_envelope.push(issue.changelog_envelope.as_ref().map(Json));
        self.presence.push(planned.presence);
        self.source_hash.push(&issue.source_hash);
        self.read_at.push(planned.bundle.read_at);
    }
}

/// An array as PostgreSQL writes it, each element in quotes.
fn array_of<T: ToString>(elements: &[T]) -> String {
    let mut text = String::from("{");
    for element in elements {
        text.push_str(if text.len() > 1 { ",\"" } else { "\"" });
        for character in element.to_string().chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('"');
    }
    text.push('}');
    text
}

fn push_named<'a>(
    names: &mut Vec<Option<&'a str>>,
    ids: &mut Vec<Option<&'a str>>,
    named: Option<&'a (String, String)>,
) {
    names.push(named.map(|(name, _)| name.as_str()));
    ids.push(named.map(|(_, id)| id.as_str()));
}

/// The issues whose own rows were written.
#[derive(Default)]
pub(super) struct Written {
    pub(super) ids: HashSet<Uuid>,
    /// Those that this transaction has added (no transaction marked their rows as replaced: `xmax` is 0). Until it commits, nobody
    /// else can write anything that hangs on them.
    pub(super) added: HashSet<Uuid>,
}

/// Writes the issues that are new or differ; answers which were written. The last condition holds only where somebody
/// else stored a newer state between our look and now.
pub(super) async fn upsert(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &[Planned<'_>],
    others: &Others,
) -> Result<Written> {
    let mut columns = Columns::default();
    issues.iter().filter(|issue| issue.is_changed()).for_each(|issue| columns.push(scope, issue, others));
    if columns.id.is_empty() {
        return Ok(Written::default());
    }
    let rows = sqlx::query_file!(
        "src/postgres/issues_upsert/issue_rows.sql",
        scope.tenant,
        scope.instance.0,
        columns.id as _,
        columns.jira_id as _,
        columns.jira_number as _,
        columns.key as _,
        columns.key_project as _,
        columns.key_number as _,
        columns.project_id as _,
        columns.issue_type as _,
        columns.issue_type_id as _,
        columns.hierarchy_level as _,
        columns.status as _,
        columns.status_id as _,
        columns.status_category as _,
        columns.priority as _,
        columns.priority_id as _,
        columns.resolution as _,
        columns.resolution_id as _,
        columns.summary as _,
        columns.description_text as _,
        columns.assignee_id as _,
        columns.reporter_id as _,
        columns.creator_id as _,
        columns.created_at as _,
        columns.updated_at as _,
        columns.resolved_at as _,
        columns.due_date as _,
        columns.parent_issue_id as _,
        columns.parent_key as _,
        columns.epic_key as _,
        columns.sprint_ids as _,
        columns.story_points as _,
        columns.labels as _,
        columns.components as _,
        columns.raw as _,
        columns.raw_dialect as _,
        columns.changelog_envelope as _,
        columns.presence as _,
        columns.source_hash as _,
        columns.read_at as _,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let added = rows.iter().filter(|row| row.added).map(|row| row.id).collect();
    Ok(Written { ids: rows.into_iter().map(|row| row.id).collect(), added })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_written_as_postgresql_reads_it() {
        assert_eq!(array_of::<i32>(&[]), "{}");
        assert_eq!(array_of(&[-1, 20]), r#"{"-1","20"}"#);
        assert_eq!(array_of(&["a b", "", "NULL", r#"q"\{},"#]), r#"{"a b","","NULL","q\"\\{},"}"#);
    }
}
