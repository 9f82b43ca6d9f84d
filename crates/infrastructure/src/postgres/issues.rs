//! Issues as read back, and how present they are. Storing them is [`super::issues_upsert`].

use std::collections::HashMap;

use application::{
    Error, Result,
    agile::SprintDetails,
    ingest::Present,
    issues::{CommentRow, HistoryRow, IssueBundle, IssueRow, IssueStore, Presence, UpsertCounts, WorklogRow},
};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    ids::{InstanceId, IssueId},
    issue_key::IssueKey,
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    changelog_rows::{ChangelogRow, histories},
    errors::convert,
    issues_upsert, missing,
    people::unfold,
    transaction::PgTenantTx,
};

/// Queries [`StoredIssue`]s: what stands before, where `i` comes from, and what stands behind the joins are the caller's.
///
/// LATERAL and LIMIT hold the planner to primary keys: it is asked before the tables have statistics, too. What the payload shows of
/// others and is known to be called otherwise now comes along: names by their own comparison; people, sprints and categories where
/// their row changed after the issue was stored. An hour is more than any transaction takes, so that of two that ran at the same
/// time neither hides what the other one knew; and a person who is as first seen is as every payload has them.
macro_rules! select_issues {
    ($before:literal, $issues:literal, $behind:literal, $($bound:tt)*) => {
        sqlx::query_as!(
            $crate::postgres::issues::StoredIssue,
            $before
            + r#" SELECT i.id, i.instance_id, n.name AS instance, i.jira_id, i.key, p.key AS project_key, i.summary,
                      coalesce(ty.name, i.issue_type) AS issue_type, coalesce(st.name, i.status) AS "status!",
                      i.status_id, i.status_category, coalesce(pr.name, i.priority) AS priority,
                      coalesce(rs.name, i.resolution) AS resolution,
                      a.display_name AS "assignee?", r.display_name AS "reporter?",
                      coalesce(i.labels, '{}') AS "labels!", i.created_at AS created, i.updated_at AS updated,
                      i.resolved_at AS resolved, i.due_date AS due, i.story_points::float8 AS story_points,
                      i.raw_jsonb AS raw, i.raw_dialect AS dialect, i.changelog_envelope, i.synced_at,
                      pa.key AS "parent_key?", p.name AS project_name,
                      CASE WHEN st.updated_at > i.synced_at - interval '1 hour' THEN st.raw_jsonb -> 'statusCategory' END AS category,
                      (SELECT jsonb_object_agg(v.field_id || ' ' || v.value_id, now.shown)
                       FROM issue_field_values v
                       CROSS JOIN LATERAL (SELECT CASE
                           WHEN v.field_id = 'components' THEN
                               (SELECT to_jsonb(x.name) FROM components x
                                WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id AND x.jira_id = v.value_id
                                  AND x.name <> left(v.value_text, 255) LIMIT 1)
                           WHEN v.field_id IN ('fixVersions', 'versions') THEN
                               (SELECT to_jsonb(x.name) FROM versions x
                                WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id AND x.jira_id = v.value_id
                                  AND x.name <> left(v.value_text, 255) LIMIT 1)
                           ELSE coalesce(
                               (SELECT to_jsonb(x.value) FROM field_options x
                                WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id AND x.field_key = v.field_id
                                  AND x.jira_id = v.value_id AND x.value <> left(v.value_text, 255) LIMIT 1),
                               (SELECT x.raw_jsonb FROM users x
                                WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id AND x.account_id = v.value_id
                                  AND x.updated_at > greatest(x.created_at, i.synced_at - interval '1 hour') LIMIT 1))
                           END AS shown OFFSET 0) now
                       WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id AND v.value_id IS NOT NULL
                         AND now.shown IS NOT NULL) AS renamed,
                      array_remove(ARRAY[a.changed, r.changed, c.changed], NULL)
                          || ARRAY(SELECT u.raw_jsonb FROM attachments x
                                   CROSS JOIN LATERAL (SELECT y.raw_jsonb FROM users y
                                                       WHERE y.id = x.author_id
                                                         AND y.updated_at > greatest(y.created_at, i.synced_at - interval '1 hour')
                                                       LIMIT 1) u
                                   WHERE x.tenant_id = i.tenant_id AND x.issue_id = i.id) AS "people!",
                      ARRAY(SELECT jsonb_build_object('id', s.jira_id, 'name', s.name, 'state', s.state, 'goal', s.goal,
                                                      'start', s.start_date, 'end', s.end_date, 'complete', s.complete_date,
                                                      'raw', s.raw_jsonb)
                            FROM unnest(i.sprint_ids) AS w (id)
                            CROSS JOIN LATERAL (SELECT x.* FROM sprints x
                                                WHERE x.tenant_id = i.tenant_id AND x.instance_id = i.instance_id
                                                  AND x.jira_id = w.id AND x.updated_at > i.synced_at - interval '1 hour'
                                                LIMIT 1) s) AS "sprints!" "#
            + $issues
            + r#" JOIN jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
               JOIN projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
               LEFT JOIN statuses st
                   ON st.tenant_id = i.tenant_id AND st.instance_id = i.instance_id AND st.jira_id = i.status_id
               LEFT JOIN issue_types ty
                   ON ty.tenant_id = i.tenant_id AND ty.instance_id = i.instance_id AND ty.jira_id = i.issue_type_id
               LEFT JOIN priorities pr
                   ON pr.tenant_id = i.tenant_id AND pr.instance_id = i.instance_id AND pr.jira_id = i.priority_id
               LEFT JOIN resolutions rs
                   ON rs.tenant_id = i.tenant_id AND rs.instance_id = i.instance_id AND rs.jira_id = i.resolution_id
               LEFT JOIN LATERAL (SELECT u.display_name,
                                         CASE WHEN u.updated_at > greatest(u.created_at, i.synced_at - interval '1 hour')
                                              THEN u.raw_jsonb END AS changed
                                  FROM users u WHERE u.id = i.assignee_id LIMIT 1) a ON true
               LEFT JOIN LATERAL (SELECT u.display_name,
                                         CASE WHEN u.updated_at > greatest(u.created_at, i.synced_at - interval '1 hour')
                                              THEN u.raw_jsonb END AS changed
                                  FROM users u WHERE u.id = i.reporter_id LIMIT 1) r ON true
               LEFT JOIN LATERAL (SELECT u.raw_jsonb AS changed FROM users u
                                  WHERE u.id = i.creator_id
                                    AND u.updated_at > greatest(u.created_at, i.synced_at - interval '1 hour') LIMIT 1) c ON true
               LEFT JOIN LATERAL (SELECT x.key FROM issues x WHERE x.id = i.parent_issue_id LIMIT 1) pa ON true "#
            + $behind,
            $($bound)*
        )
    };
}
pub(super) use select_issues;

/// An issue with the names of what it points to, as its site's rosters have them now.
pub(super) struct StoredIssue {
    pub(super) id: Uuid,
    pub(super) instance_id: Uuid,
    pub(super) instance: String,
    pub(super) jira_id: String,
    pub(super) key: String,
    pub(super) project_key: String,
    pub(super) summary: String,
    pub(super) issue_type: Option<String>,
    pub(super) status: String,
    pub(super) status_id: String,
    pub(super) status_category: String,
    pub(super) priority: Option<String>,
    pub(super) resolution: Option<String>,
    pub(super) assignee: Option<String>,
    pub(super) reporter: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) resolved: Option<DateTime<Utc>>,
    pub(super) due: Option<NaiveDate>,
    pub(super) story_points: Option<f64>,
    pub(super) raw: Value,
    pub(super) dialect: String,
    pub(super) changelog_envelope: Option<Value>,
    pub(super) synced_at: DateTime<Utc>,
    pub(super) parent_key: Option<String>,
    pub(super) project_name: String,
    /// The status's category as the site shows it.
    pub(super) category: Option<Value>,
    /// Present names, and people of custom fields, by field and id, joined by a blank.
    pub(super) renamed: Option<Value>,
    /// Those whom system fields show.
    pub(super) people: Vec<Value>,
    /// [`PresentSprint`]s.
    pub(super) sprints: Vec<Value>,
}

/// A sprint that an issue is or was in.
#[derive(Deserialize)]
struct PresentSprint {
    id: i64,
    name: String,
    state: String,
    goal: Option<String>,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    complete: Option<DateTime<Utc>>,
    raw: Option<Value>,
}

impl From<PresentSprint> for SprintDetails {
    fn from(sprint: PresentSprint) -> Self {
        let PresentSprint { id, name, state, goal, start, end, complete, raw } = sprint;
        Self { id, name, state, board: None, goal, start, end, complete, raw }
    }
}

impl TryFrom<StoredIssue> for IssueRow {
    type Error = Error;

    fn try_from(mut row: StoredIssue) -> Result<Self> {
        row.put_present_names_into_payload()?;
        Ok(Self {
            id: IssueId(row.id),
            instance_id: InstanceId(row.instance_id),
            instance: row.instance,
            jira_id: row.jira_id,
            key: row.key,
            project_key: row.project_key,
            summary: row.summary,
            issue_type: row.issue_type,
            status: row.status,
            status_id: row.status_id,
            status_category: row.status_category,
            priority: row.priority,
            resolution: row.resolution,
            assignee: row.assignee,
            reporter: row.reporter,
            labels: row.labels,
            created: row.created,
            updated: row.updated,
            resolved: row.resolved,
            due: row.due,
            story_points: row.story_points,
            raw: row.raw,
            dialect: row.dialect.parse()?,
            changelog_envelope: row.changelog_envelope,
            synced_at: row.synced_at,
        })
    }
}

impl StoredIssue {
    /// A rename at the source does not change an issue's `updated`, so its payload is not read again: Jira serves the new name
    /// at once, and so does the copy.
    fn put_present_names_into_payload(&mut self) -> Result<()> {
        put(self.raw.get_mut("key"), &self.key);
        let present = self.present()?;
        let Some(fields) = self.raw.get_mut("fields") else { return Ok(()) };
        let mut name = |field: &str, member: &str, present: Option<&String>| {
            if let Some(present) = present {
                put(fields.get_mut(field).and_then(|value| value.get_mut(member)), present);
            }
        };
        name("status", "name", Some(&self.status));
        name("issuetype", "name", self.issue_type.as_ref());
        name("priority", "name", self.priority.as_ref());
        name("resolution", "name", self.resolution.as_ref());
        name("project", "key", Some(&self.project_key));
        name("project", "name", Some(&self.project_name));
        name("parent", "key", self.parent_key.as_ref());
        present.show_in(fields);
        Ok(())
    }

    fn present(&mut self) -> Result<Present> {
        let mut present = Present::default();
        self.people.drain(..).for_each(|person| present.add_person(person));
        for sprint in self.sprints.drain(..) {
            let sprint: PresentSprint = serde_json::from_value(sprint).map_err(Error::internal)?;
            present.add_sprint(sprint.into());
        }
        if let Some(category) = self.category.take() {
            present.set_status_category(category);
        }
        if let Some(Value::Object(renamed)) = self.renamed.take() {
            for (place, now) in renamed {
                match (place.split_once(' '), now) {
                    (Some((field, id)), Value::String(name)) => present.add_name(field, id, name),
                    (_, person) => present.add_person(person),
                }
            }
        }
        Ok(present)
    }
}

/// Puts a present name in the place of the one that was served; where none was, none is invented.
fn put(place: Option<&mut Value>, present: &str) {
    if let Some(Value::String(served)) = place
        && served != present
    {
        present.clone_into(served);
    }
}

#[async_trait]
impl IssueStore for PgTenantTx {
    async fn upsert_issues(&mut self, instance: InstanceId, bundles: &[IssueBundle]) -> Result<UpsertCounts> {
        issues_upsert::upsert(self, instance, bundles).await
    }

    async fn issue(&mut self, instance: Option<InstanceId>, key_or_id: &str) -> Result<Option<IssueRow>> {
        let text = key_or_id.trim();
        let (key, number) = match text.parse::<IssueKey>() {
            Ok(key) => (Some(key.to_string()), None),
            Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => (None, Some(text)),
            Err(_) => return Ok(None),
        };
        let mut found = self.find(instance, key.as_deref(), number).await?;
        if found.len() > 1 {
            let instances: Vec<_> = found.iter().map(|row| format!("`{}`", row.instance)).collect();
            return Err(Error::Conflict(format!(
                "`{text}` is an issue of several instances: {}; name the instance",
                instances.join(", ")
            )));
        }
        let mut found = found.pop().map(IssueRow::try_from).transpose()?;
        self.show_neighbours(found.as_mut_slice()).await?;
        self.hide_linked(found.as_mut_slice()).await?;
        Ok(found)
    }

    async fn issues_named(
        &mut self,
        instance: InstanceId,
        names: &[String],
    ) -> Result<Vec<(String, IssueRow)>> {
        self.named(instance, names).await
    }

    async fn issue_counts(&mut self, instances: &[InstanceId]) -> Result<HashMap<InstanceId, u64>> {
        let ids: Vec<Uuid> = instances.iter().map(|instance| instance.0).collect();
        let rows = sqlx::query!(
            r#"SELECT instance_id, sum(issues)::bigint AS "count!" FROM issue_tallies
               WHERE instance_id = ANY ($1) GROUP BY instance_id"#,
            &ids
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (InstanceId(row.instance_id), row.count.unsigned_abs())).collect())
    }

    async fn issue_count(&mut self, instance: InstanceId) -> Result<u64> {
        let count = sqlx::query_scalar!(
            r#"SELECT coalesce(sum(issues), 0)::bigint AS "count!" FROM issue_tallies WHERE instance_id = $1"#,
            instance.0
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(count.unsigned_abs())
    }

    async fn comments(&mut self, issues: &[IssueId]) -> Result<Vec<CommentRow>> {
        let rows = sqlx::query!(
            r#"SELECT c.issue_id, c.jira_id, u.display_name AS "author?", c.body_text, c.created_at, c.updated_at,
                      c.raw_jsonb, c.body_adf, u.raw_jsonb AS "person?", c.raw_dialect
               FROM comments c
               LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.id = c.author_id
               WHERE c.issue_id = ANY($1) AND c.presence = 'present'
               ORDER BY c.issue_id, c.created_at, c.jira_number"#,
            &uuids(issues),
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        rows.into_iter()
            .map(|row| {
                Ok(CommentRow {
                    issue_id: IssueId(row.issue_id),
                    jira_id: row.jira_id,
                    author: row.author,
                    body_text: row.body_text,
                    created: row.created_at,
                    updated: row.updated_at,
                    raw: whole(row.raw_jsonb, row.person.as_ref(), Some(row.body_adf)),
                    dialect: row.raw_dialect.parse()?,
                })
            })
            .collect()
    }

    async fn histories(&mut self, issues: &[IssueId]) -> Result<Vec<HistoryRow>> {
        let rows = sqlx::query_as!(
            ChangelogRow,
            r#"SELECT c.issue_id, c.jira_id, c.jira_number, c.created_at, c.ordinal, c.field, c.field_type, c.field_id,
                      c.from_value, c.from_string, c.to_value, c.to_string, c.raw_jsonb, c.history_jsonb,
                      u.raw_jsonb AS "person?"
               FROM changelogs c
               LEFT JOIN users u ON c.ordinal = 0 AND u.tenant_id = c.tenant_id AND u.id = c.author_id
               WHERE c.issue_id = ANY($1)
               ORDER BY c.issue_id, c.created_at, c.jira_number, c.ordinal"#,
            &uuids(issues),
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(histories(rows))
    }

    async fn worklogs(&mut self, issues: &[IssueId]) -> Result<Vec<WorklogRow>> {
        let rows = sqlx::query!(
            r#"SELECT w.issue_id, w.raw_jsonb, u.raw_jsonb AS "person?", w.raw_dialect
               FROM worklogs w
               LEFT JOIN users u ON u.tenant_id = w.tenant_id AND u.id = w.author_id
               WHERE w.issue_id = ANY($1) AND w.presence = 'present'
               ORDER BY w.issue_id, w.started_at, w.jira_number"#,
            &uuids(issues),
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        rows.into_iter()
            .map(|row| {
                Ok(WorklogRow {
                    issue_id: IssueId(row.issue_id),
                    raw: whole(row.raw_jsonb, row.person.as_ref(), None),
                    dialect: row.raw_dialect.parse()?,
                })
            })
            .collect()
    }

    async fn set_presence(
        &mut self,
        instance: InstanceId,
        jira_ids: &[String],
        presence: Presence,
    ) -> Result<u64> {
        missing::set_presence(self, instance, jira_ids, presence).await
    }

    async fn lock_issue(&mut self, issue: IssueId) -> Result<()> {
        sqlx::query!("SELECT id FROM issues WHERE id = $1 FOR NO KEY UPDATE", issue.0)
            .fetch_optional(self.conn())
            .await
            .map_err(convert)?
            .map(|_| ())
            .ok_or_else(|| Error::not_found("issue", issue.to_string()))
    }
}

impl PgTenantTx {
    /// The present issues of that key or numeric id, at most one per instance. Old keys count only where no instance has
    /// an issue of that key now.
    async fn find(
        &mut self,
        instance: Option<InstanceId>,
        key: Option<&str>,
        number: Option<&str>,
    ) -> Result<Vec<StoredIssue>> {
        select_issues!(
            r#"WITH found AS MATERIALIZED (
                   SELECT i.id, 0 AS distance FROM issues i
                   WHERE i.key = $2 AND i.presence = 'present' AND ($1::uuid IS NULL OR i.instance_id = $1)
                   UNION ALL
                   SELECT i.id, 0 FROM jira_instances n
                   JOIN issues i ON i.tenant_id = n.tenant_id AND i.instance_id = n.id AND i.jira_number = $3
                   WHERE i.presence = 'present' AND ($1::uuid IS NULL OR n.id = $1)
                   UNION ALL
                   SELECT i.id, 1 FROM jira_instances n
                   JOIN issue_key_aliases k ON k.tenant_id = n.tenant_id AND k.instance_id = n.id AND k.key = $2
                   CROSS JOIN LATERAL (SELECT x.id, x.presence FROM issues x WHERE x.id = k.issue_id LIMIT 1) i
                   WHERE i.presence = 'present' AND ($1::uuid IS NULL OR n.id = $1)
               )"#,
            "FROM found f CROSS JOIN LATERAL (SELECT x.* FROM issues x WHERE x.id = f.id LIMIT 1) i",
            "WHERE f.distance = (SELECT min(distance) FROM found) ORDER BY n.name",
            instance.map(|id| id.0) as _,
            key as _,
            number.and_then(|number| number.parse::<i64>().ok()),
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }
}

/// A payload with what is kept elsewhere put back: its author, and a comment's body.
pub(super) fn whole(mut raw: Value, author: Option<&Value>, body: Option<Value>) -> Value {
    if let Value::Object(payload) = &mut raw {
        unfold(payload, author);
        // A body that is null, and one that was stored before bodies had their column to themselves, is in the payload.
        if let Some(body) = body.filter(|body| !body.is_null()) {
            payload.entry("body").or_insert(body);
        }
    }
    raw
}

fn uuids(issues: &[IssueId]) -> Vec<Uuid> {
    issues.iter().map(|issue| issue.0).collect()
}
