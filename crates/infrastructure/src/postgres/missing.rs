//! Issues that were found missing, and what was read of them before that.

use application::{Result, issues::Presence};
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    errors::convert,
    issues_upsert::links,
    transaction::{PgTenantTx, Scope},
};

/// Until the end of the transaction no issue of the instance is found missing that is not stored: see [`set_presence`].
pub(super) async fn hold_off(conn: &mut PgConnection, instance: InstanceId) -> Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('missing ' || $1::text, 0))",
        instance.to_string()
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// See [`application::issues::IssueStore::set_presence`].
///
/// An issue without a row is written down, so that a page on its way does not bring it in; and pages that are being stored now are
/// waited for, because they may just bring it.
pub(super) async fn set_presence(
    tx: &mut PgTenantTx,
    instance: InstanceId,
    jira_ids: &[String],
    presence: Presence,
) -> Result<u64> {
    if presence != Presence::Present {
        note_unknown(tx, instance, jira_ids).await?;
    }
    // Other events of a deleted issue (its links, its comments) find nothing either, and know less of the reason.
    // An issue cannot come back under a key that another present issue holds by now; storing it again settles that.
    let ids: Vec<Uuid> = jira_ids.iter().map(|id| instance.issue(id).0).collect();
    let changed = sqlx::query_scalar!(
        "UPDATE issues i SET presence = $2, observed_at = clock_timestamp()
         WHERE i.id = ANY($1) AND i.presence <> $2
           AND NOT (i.presence = 'deleted' AND $2 = 'access_lost')
           AND ($2 <> 'present' OR NOT EXISTS (
               SELECT FROM issues o
               WHERE o.tenant_id = i.tenant_id AND o.instance_id = i.instance_id AND o.key = i.key
                 AND o.presence = 'present'))
         RETURNING i.id",
        &ids,
        presence.as_str(),
    )
    .fetch_all(tx.conn())
    .await
    .map_err(convert)?;
    if presence != Presence::Present {
        links::leave_with(tx.conn(), &changed).await?;
    }
    Ok(changed.len() as u64)
}

async fn note_unknown(tx: &mut PgTenantTx, instance: InstanceId, jira_ids: &[String]) -> Result<()> {
    let unknown = unknown(tx.conn(), instance, jira_ids).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('missing ' || $1::text, 0))",
        instance.to_string()
    )
    .execute(tx.conn())
    .await
    .map_err(convert)?;
    let tenant = tx.tenant.0;
    sqlx::query!(
        "INSERT INTO missing_issues (tenant_id, instance_id, jira_id, noted_at)
         SELECT $1, n.id, u.id, clock_timestamp()
         FROM jira_instances n CROSS JOIN UNNEST($3::text[]) AS u (id) WHERE n.id = $2
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET noted_at = excluded.noted_at",
        tenant,
        instance.0,
        &unknown,
    )
    .execute(tx.conn())
    .await
    .map_err(convert)?;
    Ok(())
}

/// What a caller with a limit does not see is not unknown.
async fn unknown(conn: &mut PgConnection, instance: InstanceId, jira_ids: &[String]) -> Result<Vec<String>> {
    let ids: Vec<Uuid> = jira_ids.iter().map(|id| instance.issue(id).0).collect();
    sqlx::query_scalar!(
        r#"SELECT w.jira_id AS "jira_id!" FROM UNNEST($1::uuid[], $2::text[]) AS w (id, jira_id)
           WHERE forebay.reach() <> 'projects' AND NOT EXISTS (SELECT FROM issues x WHERE x.id = w.id)"#,
        &ids,
        jira_ids,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// Which of these issues were found missing after the time beside them, and before they were ever stored.
pub(super) async fn never_stored(
    conn: &mut PgConnection,
    instance: InstanceId,
    read: &[(&str, DateTime<Utc>)],
) -> Result<Vec<String>> {
    let (ids, times): (Vec<&str>, Vec<DateTime<Utc>>) = read.iter().copied().unzip();
    sqlx::query_scalar!(
        "SELECT m.jira_id FROM UNNEST($2::text[], $3::timestamptz[]) AS r (id, at)
         JOIN missing_issues m ON m.instance_id = $1 AND m.jira_id = r.id
         WHERE m.noted_at >= r.at",
        instance.0,
        ids as _,
        &times,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// See [`application::sync::SyncStore::missing_since`].
pub(super) async fn missing_since(
    conn: &mut PgConnection,
    scope: Scope,
    jira_ids: &[&str],
    since: DateTime<Utc>,
) -> Result<Vec<String>> {
    let ids: Vec<_> = jira_ids.iter().map(|id| scope.instance.issue(id).0).collect();
    // The tenant by a subquery holds the planner to the primary key: see `issues_upsert`.
    sqlx::query_scalar!(
        r#"SELECT i.jira_id AS "jira_id!" FROM issues i
           WHERE i.tenant_id = (SELECT $5::uuid) AND i.id = ANY($1) AND i.presence <> 'present' AND i.observed_at >= $2
           UNION ALL
           SELECT m.jira_id FROM UNNEST($1::uuid[], $4::text[]) AS w (id, jira_id)
           JOIN missing_issues m ON m.instance_id = $3 AND m.jira_id = w.jira_id
           WHERE m.noted_at >= $2 AND NOT EXISTS (
               SELECT FROM issues i WHERE i.tenant_id = (SELECT $5::uuid) AND i.id = w.id AND i.observed_at > m.noted_at)"#,
        &ids,
        since,
        scope.instance.0,
        jira_ids as _,
        scope.tenant,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}
