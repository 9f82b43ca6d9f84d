//! A site that went back in time, as after a restore from a backup: what the copy has newer makes way.

use application::{Result, issues::IssueBundle};
use chrono::{DateTime, Utc};
use domain::ids::{EntityKind, InstanceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{errors::convert, transaction::Scope};

/// See [`application::sync::SyncStore::begin_anew`].
pub(super) async fn begin(conn: &mut PgConnection, scope: Scope, at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO sync_schedules (tenant_id, instance_id, anew_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, instance_id) DO UPDATE SET anew_at = excluded.anew_at",
        scope.tenant,
        scope.instance.0,
        at,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    // Without a watermark the next run is a full copy.
    sqlx::query!(
        "DELETE FROM sync_watermarks WHERE instance_id = $1 AND entity IN ('issues', 'late_changes')",
        scope.instance.0
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// See [`application::sync::SyncStore::end_anew`].
pub(super) async fn end(conn: &mut PgConnection, instance: InstanceId) -> Result<()> {
    sqlx::query!("UPDATE sync_schedules SET anew_at = NULL WHERE instance_id = $1", instance.0)
        .execute(conn)
        .await
        .map_err(convert)?;
    Ok(())
}

/// Ids with the times that their source says.
#[derive(Default)]
struct Told {
    ids: Vec<Uuid>,
    times: Vec<DateTime<Utc>>,
}

impl Told {
    fn push(&mut self, id: Uuid, time: DateTime<Utc>) {
        self.ids.push(id);
        self.times.push(time);
    }
}

/// See [`application::sync::SyncStore::let_source_win`].
pub(super) async fn let_source_win(
    conn: &mut PgConnection,
    instance: InstanceId,
    bundles: &[IssueBundle],
) -> Result<()> {
    let (mut issues, mut comments, mut worklogs) = (Told::default(), Told::default(), Told::default());
    let (mut of, mut histories) = (Vec::new(), Vec::new());
    for bundle in bundles {
        let issue = instance.issue(&bundle.issue.jira_id).0;
        issues.push(issue, bundle.issue.updated);
        for comment in &bundle.comments {
            comments.push(instance.derive(EntityKind::Comment, &comment.jira_id), comment.updated);
        }
        for worklog in &bundle.worklogs {
            worklogs.push(instance.derive(EntityKind::Worklog, &worklog.jira_id), worklog.updated);
        }
        of.extend(std::iter::repeat_n(issue, bundle.histories.len()));
        histories.extend(bundle.histories.iter().map(|history| history.jira_id.as_str()));
    }
    let read_at = bundles.iter().filter_map(|bundle| bundle.read_at).min();
    // What was observed since is of the site as it is now.
    sqlx::query!(
        "UPDATE issues x SET jira_updated_at = u.at FROM UNNEST($1::uuid[], $2::timestamptz[]) AS u (id, at)
         WHERE x.id = u.id AND x.jira_updated_at > u.at AND (x.observed_at IS NULL OR x.observed_at < $3)",
        &issues.ids,
        &issues.times,
        read_at as _,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    sqlx::query!(
        "UPDATE comments x SET updated_at = u.at FROM UNNEST($1::uuid[], $2::timestamptz[]) AS u (id, at)
         WHERE x.id = u.id AND x.updated_at > u.at",
        &comments.ids,
        &comments.times,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    sqlx::query!(
        "UPDATE worklogs x SET updated_at = u.at FROM UNNEST($1::uuid[], $2::timestamptz[]) AS u (id, at)
         WHERE x.id = u.id AND x.updated_at > u.at",
        &worklogs.ids,
        &worklogs.times,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    sqlx::query!(
        "DELETE FROM changelogs c WHERE c.issue_id = ANY($1) AND NOT EXISTS (
             SELECT FROM UNNEST($2::uuid[], $3::text[]) AS u (issue, id) WHERE u.issue = c.issue_id AND u.id = c.jira_id)",
        &issues.ids,
        &of,
        histories as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// See [`application::sync::SyncStore::not_as_new`].
pub(super) async fn not_as_new(
    conn: &mut PgConnection,
    scope: Scope,
    shown: &[(String, DateTime<Utc>)],
) -> Result<Vec<String>> {
    let ids: Vec<Uuid> = shown.iter().map(|(id, _)| scope.instance.issue(id).0).collect();
    let (names, times): (Vec<&str>, Vec<DateTime<Utc>>) =
        shown.iter().map(|(id, at)| (id.as_str(), *at)).unzip();
    // The tenant by a subquery holds the planner to the primary key: see `issues_upsert`.
    sqlx::query_scalar!(
        r#"SELECT u.name AS "name!" FROM UNNEST($2::uuid[], $3::text[], $4::timestamptz[]) AS u (id, name, at)
           WHERE NOT EXISTS (
               SELECT FROM issues i WHERE i.tenant_id = (SELECT $1::uuid) AND i.id = u.id
                 AND i.presence = 'present' AND i.jira_updated_at >= u.at)"#,
        scope.tenant,
        &ids,
        names as _,
        &times,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}
