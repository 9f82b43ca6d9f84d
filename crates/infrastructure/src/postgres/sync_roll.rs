//! What a census asks of the copy, and writes to it. Everything goes by portions: a project may have a million issues.

use application::{
    Result,
    issues::Presence,
    sync::census::{Copied, Listed},
};
use domain::ids::{EntityKind, InstanceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{errors::convert, issues_upsert::links, sync_census::from_stored, transaction::PgTenantTx};

pub(super) async fn projects_with_issues(
    conn: &mut PgConnection,
    instance: InstanceId,
) -> Result<Vec<(Uuid, String, String)>> {
    let rows = sqlx::query!(
        "SELECT p.id, p.jira_id, p.key FROM projects p
         WHERE p.instance_id = $1
           AND (p.presence = 'present'
                OR EXISTS (SELECT FROM issues i WHERE i.project_id = p.id AND i.presence = 'present'))
         ORDER BY p.key, p.jira_id",
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    Ok(rows.into_iter().map(|row| (row.id, row.jira_id, row.key)).collect())
}

pub(super) async fn key_prefixes(conn: &mut PgConnection, project: Uuid) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        "SELECT DISTINCT key_project FROM issues WHERE project_id = $1 AND presence = 'present'",
        project
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// By the index on the parts of keys. Two issues of a project never have the same key, so a number is a place to go on from.
pub(super) async fn copied_issues(
    conn: &mut PgConnection,
    project: Uuid,
    prefix: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Copied>> {
    sqlx::query_as!(
        Copied,
        "SELECT key_number AS number, jira_number AS id, key FROM issues
         WHERE key_project = $2 AND key_number > $3 AND project_id = $1 AND presence = 'present'
         ORDER BY key_project, key_number LIMIT $4",
        project,
        prefix,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

pub(super) async fn known_so(
    conn: &mut PgConnection,
    instance: InstanceId,
    project: Uuid,
    listed: &[Listed],
) -> Result<Vec<i64>> {
    let (ids, keys): (Vec<Uuid>, Vec<&str>) =
        listed.iter().map(|issue| (instance.issue(&issue.id.to_string()).0, issue.key.as_str())).unzip();
    sqlx::query_scalar!(
        "SELECT i.jira_number FROM UNNEST($1::uuid[], $2::text[]) AS w (id, key)
         CROSS JOIN LATERAL (
             SELECT x.jira_number, x.key, x.project_id, x.presence FROM issues x WHERE x.id = w.id LIMIT 1) i
         WHERE i.key = w.key AND i.project_id = $3 AND i.presence = 'present'",
        &ids,
        keys as _,
        project,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

pub(super) async fn add_candidates(
    tx: &mut PgTenantTx,
    census: Uuid,
    instance: InstanceId,
    project: Uuid,
    ids: &[i64],
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant.0;
    let issues: Vec<Uuid> =
        ids.iter().map(|id| instance.derive(EntityKind::Issue, &id.to_string())).collect();
    sqlx::query!(
        "INSERT INTO census_candidates (tenant_id, census_id, issue_id, project_id, jira_id, jira_number)
         SELECT $1, $2, u.issue, $3, u.id::text, u.id FROM UNNEST($4::uuid[], $5::bigint[]) AS u (issue, id)
         ON CONFLICT (tenant_id, census_id, issue_id) DO NOTHING",
        tenant,
        census,
        project,
        &issues,
        ids,
    )
    .execute(tx.conn())
    .await
    .map_err(convert)?;
    Ok(())
}

pub(super) async fn add_all_as_candidates(
    tx: &mut PgTenantTx,
    census: Uuid,
    project: Uuid,
    after: i64,
    limit: i64,
) -> Result<Option<(i64, u64)>> {
    let tenant = tx.tenant.0;
    let row = sqlx::query!(
        r#"WITH portion AS (
               SELECT id, jira_id, jira_number FROM issues
               WHERE project_id = $3 AND presence = 'present' AND jira_number > $4
               ORDER BY jira_number LIMIT $5),
           added AS (
               INSERT INTO census_candidates (tenant_id, census_id, issue_id, project_id, jira_id, jira_number)
               SELECT $1, $2, p.id, $3, p.jira_id, p.jira_number FROM portion p
               ON CONFLICT (tenant_id, census_id, issue_id) DO NOTHING)
           SELECT max(jira_number) AS last, count(*) AS "count!" FROM portion"#,
        tenant,
        census,
        project,
        after,
        limit,
    )
    .fetch_one(tx.conn())
    .await
    .map_err(convert)?;
    Ok(row.last.map(|last| (last, from_stored(row.count))))
}

/// A webhook may have said meanwhile that an issue was deleted, and knows better; so does whoever has read it since the project
/// was compared.
pub(super) async fn write_gone(
    conn: &mut PgConnection,
    census: Uuid,
    project: Uuid,
    presence: Presence,
    limit: i64,
) -> Result<u64> {
    let row = sqlx::query!(
        r#"WITH portion AS (
               DELETE FROM census_candidates WHERE (tenant_id, census_id, issue_id) IN (
                   SELECT tenant_id, census_id, issue_id FROM census_candidates
                   WHERE census_id = $1 AND project_id = $2 AND gone ORDER BY jira_number LIMIT $4)
               RETURNING issue_id),
           written AS (
               UPDATE issues i SET presence = $3, observed_at = clock_timestamp()
               FROM portion p JOIN census_projects c ON c.census_id = $1 AND c.project_id = $2
               WHERE i.id = p.issue_id AND i.presence <> $3 AND i.presence <> 'deleted'
                 AND (i.observed_at IS NULL OR i.observed_at < c.compared_at)
               RETURNING i.id)
           SELECT (SELECT count(*) FROM portion) AS "count!", ARRAY(SELECT id FROM written) AS "written!""#,
        census,
        project,
        presence.as_str(),
        limit,
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(convert)?;
    links::leave_with(conn, &row.written).await?;
    Ok(from_stored(row.count))
}

pub(super) async fn write_all_gone(
    conn: &mut PgConnection,
    project: Uuid,
    presence: Presence,
    limit: i64,
) -> Result<u64> {
    let written = sqlx::query_scalar!(
        "UPDATE issues SET presence = $2, observed_at = clock_timestamp() WHERE id = ANY(ARRAY(
             SELECT id FROM issues WHERE project_id = $1 AND presence = 'present' ORDER BY id LIMIT $3))
         RETURNING id",
        project,
        presence.as_str(),
        limit,
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    links::leave_with(conn, &written).await?;
    Ok(written.len() as u64)
}

pub(super) async fn may_hide_issues(
    conn: &mut PgConnection,
    project: Uuid,
    account: Option<&str>,
) -> Result<bool> {
    // An account stands in a payload as a string of its own.
    let named = account.map(|account| format!("\"{account}\""));
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM (SELECT raw_jsonb FROM issues WHERE project_id = $1 ORDER BY updated_at DESC, jira_number DESC
                            LIMIT 20000) i
               WHERE jsonb_typeof(i.raw_jsonb #> '{fields,security}') = 'object')
           OR NOT EXISTS (
               SELECT FROM (SELECT raw_jsonb FROM issues x
                            WHERE project_id = $1 AND presence = 'present' AND NOT EXISTS (
                                SELECT FROM census_candidates c WHERE c.issue_id = x.id AND c.gone)
                            ORDER BY updated_at DESC, jira_number DESC LIMIT 1000) i
               WHERE $2::text IS NULL OR position($2 IN i.raw_jsonb::text) = 0) AS "may!""#,
        project,
        named as _,
    )
    .fetch_one(conn)
    .await
    .map_err(convert)
}

pub(super) async fn unobserved_issues(
    conn: &mut PgConnection,
    instance: InstanceId,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT jira_number, project_id FROM issues
         WHERE instance_id = $1 AND presence = 'unobserved' AND jira_number > $2
         ORDER BY jira_number LIMIT $3",
        instance.0,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    Ok(rows.into_iter().map(|row| (row.jira_number, row.project_id)).collect())
}
