//! Projects with their versions and components.

use application::{
    Result,
    catalog::{ComponentRow, Entry, PageOf, Position, ProjectRow, VersionRow},
};
use domain::ids::InstanceId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{after, convert};

pub(super) async fn list(conn: &mut PgConnection, page: &PageOf) -> Result<Vec<Entry<ProjectRow>>> {
    let (instance, sort, id) = after(page);
    let rows = sqlx::query_as!(
        ProjectRow,
        r#"SELECT p.id, n.name AS instance, p.jira_id, p.key, p.name, p.project_type, p.lead_account_id,
                  u.display_name AS "lead?"
           FROM projects p
           JOIN jira_instances n ON n.tenant_id = p.tenant_id AND n.id = p.instance_id
           LEFT JOIN users u ON u.tenant_id = p.tenant_id AND u.instance_id = p.instance_id
               AND u.account_id = p.lead_account_id
           WHERE p.presence = 'present' AND ($1::uuid IS NULL OR p.instance_id = $1)
             AND ($2::text IS NULL OR (n.name, p.key, p.jira_id) > ($2, $3, $4))
           ORDER BY n.name, p.key, p.jira_id
           LIMIT $5"#,
        page.instance.map(|id| id.0) as _,
        instance as _,
        sort as _,
        id as _,
        page.limit,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let entries = rows.into_iter().map(|row| Entry {
        position: Position { instance: row.instance.clone(), sort: row.key.clone(), id: row.jira_id.clone() },
        row,
    });
    Ok(entries.collect())
}

pub(super) async fn named(
    conn: &mut PgConnection,
    instance: Option<InstanceId>,
    key_or_id: &str,
) -> Result<Vec<ProjectRow>> {
    let mut found = sqlx::query_as!(
        ProjectRow,
        r#"SELECT p.id, n.name AS instance, p.jira_id, p.key, p.name, p.project_type, p.lead_account_id,
                  u.display_name AS "lead?"
           FROM projects p
           JOIN jira_instances n ON n.tenant_id = p.tenant_id AND n.id = p.instance_id
           LEFT JOIN users u ON u.tenant_id = p.tenant_id AND u.instance_id = p.instance_id
               AND u.account_id = p.lead_account_id
           WHERE p.presence = 'present' AND ($1::uuid IS NULL OR p.instance_id = $1)
             AND (p.key = upper($2) OR p.jira_id = $2)
           ORDER BY n.name, p.jira_id"#,
        instance.map(|id| id.0) as _,
        key_or_id,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let is_key = |project: &ProjectRow| project.key.eq_ignore_ascii_case(key_or_id);
    if found.iter().any(is_key) {
        found.retain(is_key);
    }
    Ok(found)
}

pub(super) async fn versions(conn: &mut PgConnection, project: Uuid) -> Result<Vec<VersionRow>> {
    sqlx::query_as!(
        VersionRow,
        "SELECT jira_id, name, description, archived, released, start_date AS start, release_date AS release
         FROM versions WHERE project_id = $1 AND presence = 'present'
         ORDER BY sequence, release_date, length(jira_id), jira_id",
        project
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

pub(super) async fn components(conn: &mut PgConnection, project: Uuid) -> Result<Vec<ComponentRow>> {
    sqlx::query_as!(
        ComponentRow,
        r#"SELECT c.jira_id, c.name, c.description, u.display_name AS "lead?"
           FROM components c
           LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.instance_id = c.instance_id
               AND u.account_id = c.lead_account_id
           WHERE c.project_id = $1 AND c.presence = 'present'
           ORDER BY c.name, c.jira_id"#,
        project
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}
