//! Statuses and issue types.

use std::collections::BTreeMap;

use application::{
    Result,
    reference::{IssueTypeRecord, StatusRecord},
};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use super::{Scope, convert, object};

pub(super) async fn upsert_statuses(
    conn: &mut PgConnection,
    scope: Scope,
    statuses: &BTreeMap<&str, &StatusRecord>,
    complete: bool,
) -> Result<()> {
    if statuses.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = statuses.keys().copied().collect();
    let names: Vec<&str> = statuses.values().map(|status| status.name.as_str()).collect();
    let categories: Vec<&str> = statuses.values().map(|status| status.category.as_str()).collect();
    let raws: Vec<Option<Json<&Value>>> = statuses.values().map(|status| object(&status.raw)).collect();
    let moved = sqlx::query_scalar!(
        "WITH m AS (
               SELECT u.jira_id, x.jira_id AS stored, u.name::varchar(255) AS name, u.category,
                      CASE WHEN $7 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.name AS old_name, x.category AS old_category, x.raw_jsonb AS old_raw,
                      x.presence AS old_presence
               FROM UNNEST($3::text[], $4::text[], $5::text[], $6::jsonb[]) AS u (jira_id, name, category, raw)
               LEFT JOIN statuses x ON x.instance_id = $2 AND x.jira_id = u.jira_id
         ), written AS (
             INSERT INTO statuses (tenant_id, instance_id, jira_id, name, category, raw_jsonb)
             SELECT $1, $2, m.jira_id, m.name, m.category, m.raw
             FROM m
             WHERE m.stored IS NULL
                OR (m.name, m.category, m.raw, 'present')
                   IS DISTINCT FROM (m.old_name, m.old_category, m.old_raw, m.old_presence)
             ORDER BY m.jira_id
             ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
                 name = excluded.name, category = excluded.category, raw_jsonb = excluded.raw_jsonb,
                 presence = 'present', updated_at = now()
             RETURNING jira_id, category)
         SELECT w.jira_id FROM written w JOIN m ON m.jira_id = w.jira_id WHERE w.category <> m.old_category",
        scope.tenant,
        scope.instance.0,
        ids as _,
        names as _,
        categories as _,
        raws as _,
        complete,
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    if moved.is_empty() { Ok(()) } else { follow_categories(conn, scope, &moved).await }
}

/// An administrator put these statuses into another category. That touches no issue's `updated`, so no issue is served again.
async fn follow_categories(conn: &mut PgConnection, scope: Scope, statuses: &[String]) -> Result<()> {
    sqlx::query!(
        "UPDATE issues SET status_category = w.category
         FROM (SELECT i.id, s.category FROM statuses s
               JOIN issues i ON i.tenant_id = s.tenant_id AND i.instance_id = s.instance_id AND i.status_id = s.jira_id
               WHERE s.instance_id = $1 AND s.jira_id = ANY($2) AND i.status_category <> s.category
               ORDER BY i.id FOR NO KEY UPDATE OF i) w
         WHERE issues.id = w.id",
        scope.instance.0,
        statuses,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

pub(super) async fn upsert_issue_types(
    conn: &mut PgConnection,
    scope: Scope,
    types: &BTreeMap<&str, &IssueTypeRecord>,
    complete: bool,
) -> Result<()> {
    if types.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = types.keys().copied().collect();
    let names: Vec<&str> = types.values().map(|kind| kind.name.as_str()).collect();
    let subtasks: Vec<bool> = types.values().map(|kind| kind.subtask).collect();
    let levels: Vec<Option<i16>> = types.values().map(|kind| kind.hierarchy_level).collect();
    let raws: Vec<Option<Json<&Value>>> = types.values().map(|kind| object(&kind.raw)).collect();
    sqlx::query!(
        "INSERT INTO issue_types (tenant_id, instance_id, jira_id, name, subtask, hierarchy_level, raw_jsonb)
         SELECT $1, $2, m.jira_id, m.name, m.subtask, m.hierarchy_level, m.raw
         FROM (SELECT u.jira_id, x.jira_id AS stored, u.name::varchar(255) AS name, u.subtask,
                      coalesce(u.hierarchy_level, x.hierarchy_level) AS hierarchy_level,
                      CASE WHEN $8 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.name AS old_name, x.subtask AS old_subtask, x.hierarchy_level AS old_level,
                      x.raw_jsonb AS old_raw, x.presence AS old_presence
               FROM UNNEST($3::text[], $4::text[], $5::boolean[], $6::smallint[], $7::jsonb[])
                    AS u (jira_id, name, subtask, hierarchy_level, raw)
               LEFT JOIN issue_types x ON x.instance_id = $2 AND x.jira_id = u.jira_id) m
         WHERE m.stored IS NULL
            OR (m.name, m.subtask, m.hierarchy_level, m.raw, 'present')
               IS DISTINCT FROM (m.old_name, m.old_subtask, m.old_level, m.old_raw, m.old_presence)
         ORDER BY m.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             name = excluded.name, subtask = excluded.subtask, hierarchy_level = excluded.hierarchy_level,
             raw_jsonb = excluded.raw_jsonb, presence = 'present', updated_at = now()",
        scope.tenant,
        scope.instance.0,
        ids as _,
        names as _,
        subtasks as _,
        levels as _,
        raws as _,
        complete,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
