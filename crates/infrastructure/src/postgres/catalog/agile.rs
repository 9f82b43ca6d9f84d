//! Boards and sprints. Their ids are numbers, which a position holds as text and which are read back before they are compared.

use application::{
    Error, Result,
    catalog::{BoardRow, Entry, PageOf, Position, SprintIssueRow, SprintRow},
};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::ids::InstanceId;
use sqlx::PgConnection;

use super::{after, convert};

pub(super) async fn boards(conn: &mut PgConnection, page: &PageOf) -> Result<Vec<Entry<BoardRow>>> {
    let (instance, sort, id) = after(page);
    let rows = sqlx::query_as!(
        BoardRow,
        r#"SELECT n.name AS instance, b.jira_id, b.name, b.board_type, p.key AS "project?"
           FROM boards b
           JOIN jira_instances n ON n.tenant_id = b.tenant_id AND n.id = b.instance_id
           LEFT JOIN projects p ON p.tenant_id = b.tenant_id AND p.id = b.project_id
           WHERE b.presence = 'present' AND ($1::uuid IS NULL OR b.instance_id = $1)
             AND ($2::text IS NULL OR (n.name, b.name, b.jira_id) > ($2, $3, $4::bigint))
           ORDER BY n.name, b.name, b.jira_id
           LIMIT $5"#,
        page.instance.map(|id| id.0) as _,
        instance as _,
        sort as _,
        placed::<i64>(id)? as _,
        page.limit,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let entries = rows.into_iter().map(|row| Entry {
        position: Position {
            instance: row.instance.clone(),
            sort: row.name.clone(),
            id: row.jira_id.to_string(),
        },
        row,
    });
    Ok(entries.collect())
}

/// What a list is ordered by last. A position comes back from outside, so it may be anything.
fn placed<T: std::str::FromStr>(id: Option<&str>) -> Result<Option<T>> {
    let parsed = id.map(str::parse::<T>).transpose();
    parsed.map_err(|_| Error::invalid("cursor", "is no cursor of this list; leave it out to begin anew"))
}

pub(super) async fn sprints(
    conn: &mut PgConnection,
    page: &PageOf,
    board: Option<i64>,
    state: Option<&str>,
) -> Result<Vec<Entry<SprintRow>>> {
    let (instance, _, id) = after(page);
    let rows = sqlx::query_as!(
        SprintRow,
        r#"SELECT n.name AS instance, s.jira_id, s.name, s.state, s.board_id, s.goal, s.start_date AS start,
                  s.end_date AS "end", s.complete_date AS complete
           FROM sprints s
           JOIN jira_instances n ON n.tenant_id = s.tenant_id AND n.id = s.instance_id
           WHERE s.presence = 'present' AND ($1::uuid IS NULL OR s.instance_id = $1)
             AND ($2::bigint IS NULL OR s.board_id = $2
                  OR EXISTS (SELECT FROM board_sprints b
                             WHERE b.tenant_id = s.tenant_id AND b.instance_id = s.instance_id AND b.board_id = $2
                               AND b.sprint_id = s.jira_id))
             AND ($3::text IS NULL OR s.state = $3)
             AND ($4::text IS NULL OR (n.name, s.jira_id) > ($4, $5::bigint))
           ORDER BY n.name, s.jira_id
           LIMIT $6"#,
        page.instance.map(|id| id.0) as _,
        board as _,
        state as _,
        instance as _,
        placed::<i64>(id)? as _,
        page.limit,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let entries = rows.into_iter().map(|row| Entry {
        position: Position {
            instance: row.instance.clone(),
            sort: String::new(),
            id: row.jira_id.to_string(),
        },
        row,
    });
    Ok(entries.collect())
}

pub(super) async fn numbered(
    conn: &mut PgConnection,
    instance: Option<InstanceId>,
    id: i64,
) -> Result<Vec<(InstanceId, SprintRow)>> {
    let rows = sqlx::query!(
        r#"SELECT s.instance_id, n.name AS instance, s.jira_id, s.name, s.state, s.board_id, s.goal, s.start_date,
                  s.end_date, s.complete_date
           FROM sprints s
           JOIN jira_instances n ON n.tenant_id = s.tenant_id AND n.id = s.instance_id
           WHERE s.presence = 'present' AND ($1::uuid IS NULL OR s.instance_id = $1) AND s.jira_id = $2
           ORDER BY n.name"#,
        instance.map(|id| id.0) as _,
        id,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let rows = rows.into_iter().map(|row| {
        let sprint = SprintRow {
            instance: row.instance,
            jira_id: row.jira_id,
            name: row.name,
            state: row.state,
            board_id: row.board_id,
            goal: row.goal,
            start: row.start_date,
            end: row.end_date,
            complete: row.complete_date,
        };
        (InstanceId(row.instance_id), sprint)
    });
    Ok(rows.collect())
}

/// The view would take every change of every sprint apart; the issues in whose changes or field the id occurs as text at all are
/// found first, for a tenth of the time (200,000 changes: 125 ms instead of 1.5 s). That is too many (17 has a 7), and the view
/// decides.
pub(super) async fn issues(
    conn: &mut PgConnection,
    (instance, sprint): (InstanceId, i64),
    page: &PageOf,
) -> Result<Vec<Entry<SprintIssueRow>>> {
    let (name, key, since) = after(page);
    let rows = sqlx::query!(
        r#"WITH candidates AS (
               SELECT c.issue_id FROM changelogs c
               WHERE c.instance_id = $1 AND c.field = 'Sprint'
                 AND (strpos(c.to_value, $2::bigint::text) > 0 OR strpos(c.from_value, $2::bigint::text) > 0)
               UNION
               SELECT v.issue_id FROM custom_fields f
               JOIN issue_field_values v
                   ON v.tenant_id = f.tenant_id AND v.field_id = f.field_key AND v.value_id = $2::bigint::text
               WHERE f.instance_id = $1 AND f.field_type LIKE '%:gh-sprint'
           ), stays AS MATERIALIZED (
               SELECT m.tenant_id, m.instance_id, m.issue_id, m.added_at, m.removed_at FROM sprint_issues m
               WHERE m.instance_id = $1 AND m.sprint_id = $2
                 AND m.issue_id = ANY(ARRAY(SELECT candidates.issue_id FROM candidates))
           )
           SELECT n.name AS instance, i.key, i.summary, coalesce(st.name, i.status) AS "status!", i.status_category,
                  i.story_points::float8 AS story_points, m.added_at AS "added!", m.removed_at AS removed,
                  CASE WHEN m.added_at <= s.complete_date AND coalesce(m.removed_at >= s.complete_date, true)
                      THEN forebay.status_category_at(m.tenant_id, m.issue_id, s.complete_date) = 'done'
                  END AS done_at_close
           FROM stays m
           CROSS JOIN LATERAL (SELECT x.* FROM issues x WHERE x.id = m.issue_id LIMIT 1) i
           JOIN jira_instances n ON n.tenant_id = m.tenant_id AND n.id = m.instance_id
           JOIN sprints s ON s.tenant_id = m.tenant_id AND s.instance_id = m.instance_id AND s.jira_id = $2
           LEFT JOIN statuses st
               ON st.tenant_id = i.tenant_id AND st.instance_id = i.instance_id AND st.jira_id = i.status_id
           WHERE $3::text IS NULL OR (i.key, m.added_at) > ($4::text, $5::timestamptz)
           ORDER BY i.key, m.added_at
           LIMIT $6"#,
        instance.0,
        sprint,
        name as _,
        key as _,
        placed::<DateTime<Utc>>(since)? as _,
        page.limit,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let entries = rows.into_iter().map(|row| Entry {
        position: Position {
            instance: row.instance,
            sort: row.key.clone(),
            id: row.added.to_rfc3339_opts(SecondsFormat::Micros, true),
        },
        row: SprintIssueRow {
            key: row.key,
            summary: row.summary,
            status: row.status,
            status_category: row.status_category,
            story_points: row.story_points,
            added: row.added,
            removed: row.removed,
            done_at_close: row.done_at_close,
        },
    });
    Ok(entries.collect())
}
