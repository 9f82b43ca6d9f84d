//! Issues that somebody spoke of, and what hints took out of a copy.

use application::{
    Result,
    jobs::{Job, JobRequest},
    sync::losses::{LossStore, Suspect},
    webhooks::{Hint, HintStore, Look, OpenHint, ProcessHint, RingForHints},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    errors::convert,
    jobs,
    transaction::{PgTenantTx, Scope},
};

/// The job that reads the hints of an instance.
fn job(scope: Scope) -> Result<JobRequest> {
    ProcessHint::of(TenantId(scope.tenant), scope.instance).request()
}

/// See [`HintStore::hint`].
pub(super) async fn hint(conn: &mut PgConnection, scope: Scope, hints: &[Hint]) -> Result<()> {
    let mut hints: Vec<&Hint> = hints.iter().collect();
    // One statement cannot write a row twice, and whoever speaks of several takes them in one order.
    hints.sort_by(|a, b| a.issue.cmp(&b.issue));
    hints.dedup_by(|a, b| a.issue == b.issue);
    if hints.is_empty() {
        return Ok(());
    }
    let issues: Vec<&str> = hints.iter().map(|hint| hint.issue.as_str()).collect();
    let deleted: Vec<bool> = hints.iter().map(|hint| hint.deleted).collect();
    let updated: Vec<Option<DateTime<Utc>>> = hints.iter().map(|hint| hint.updated).collect();
    let waits: Vec<f64> = hints.iter().map(|hint| hint.wait.as_secs_f64()).collect();
    let (job, is_due) = (job(scope)?, hints.iter().any(|hint| hint.wait.is_zero()));
    // An issue for which its site had no answer is asked for again when it is time, however often it is spoken of.
    sqlx::query!(
        "WITH told AS (
             INSERT INTO issue_hints AS h (tenant_id, instance_id, jira_id, deleted, told_updated, due_at, noted_at)
             SELECT $1, $2, t.issue, t.deleted, t.updated, clock_timestamp() + t.wait * interval '1 second', clock_timestamp()
             FROM unnest($3::text[], $4::bool[], $5::timestamptz[], $6::float8[]) AS t (issue, deleted, updated, wait)
             ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
                 deleted = h.deleted OR excluded.deleted,
                 told_updated = greatest(h.told_updated, excluded.told_updated),
                 due_at = CASE WHEN h.unread > 0 THEN h.due_at ELSE least(h.due_at, excluded.due_at) END,
                 noted_at = excluded.noted_at, older = 0
             RETURNING 1)
         SELECT forebay.ring_job($8, $9::jsonb::json, $10, $11, $12) FROM (SELECT count(*) FROM told) c WHERE $7::bool",
        scope.tenant,
        scope.instance.0,
        &issues as _,
        &deleted,
        &updated as _,
        &waits,
        is_due,
        job.name,
        job.payload as _,
        job.key as _,
        job.priority,
        job.max_attempts,
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(convert)?;
    if hints.iter().all(|hint| hint.wait.is_zero()) {
        return Ok(());
    }
    let at = sqlx::query_scalar!(
        r#"SELECT clock_timestamp() + $1 * interval '1 second' AS "at!""#,
        RingForHints::EVERY.as_seconds_f64()
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(convert)?;
    let later = RingForHints { tenant: TenantId(scope.tenant), instance: scope.instance }.request()?;
    jobs::enqueue(conn, &[JobRequest { run_at: Some(at), ..later }]).await
}

#[async_trait]
impl HintStore for PgTenantTx {
    async fn hint(&mut self, instance: InstanceId, hints: &[Hint]) -> Result<()> {
        let scope = Scope { tenant: self.tenant.0, instance };
        hint(self.conn(), scope, hints).await
    }

    async fn ring(&mut self, instance: InstanceId) -> Result<bool> {
        let job = job(Scope { tenant: self.tenant.0, instance })?;
        let open = sqlx::query!(
            r#"WITH open AS (
                 SELECT EXISTS (SELECT FROM issue_hints WHERE instance_id = $1 AND due_at <= clock_timestamp()) AS due,
                        EXISTS (SELECT FROM issue_hints WHERE instance_id = $1 AND due_at > clock_timestamp()) AS later)
               SELECT later AS "later!", CASE WHEN due THEN forebay.ring_job($2, $3::jsonb::json, $4, $5, $6) END AS rung FROM open"#,
            instance.0,
            job.name,
            job.payload as _,
            job.key as _,
            job.priority,
            job.max_attempts,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(open.later)
    }

    async fn open_hints(&mut self, instance: InstanceId, most: i64) -> Result<Vec<OpenHint>> {
        sqlx::query_as!(
            OpenHint,
            "SELECT jira_id AS issue, deleted, told_updated AS updated, noted_at, older, unread FROM issue_hints
             WHERE instance_id = $1 AND due_at <= clock_timestamp() ORDER BY due_at LIMIT $2",
            instance.0,
            most,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn settle_hints(&mut self, instance: InstanceId, looks: &[Look], patiently: bool) -> Result<bool> {
        let issues: Vec<&str> = looks.iter().map(|look| look.hint.issue.as_str()).collect();
        let noted: Vec<DateTime<Utc>> = looks.iter().map(|look| look.hint.noted_at).collect();
        let due: Vec<Option<DateTime<Utc>>> = looks.iter().map(|look| look.again_at).collect();
        let older: Vec<i32> = looks.iter().map(|look| look.hint.older).collect();
        let unread: Vec<i32> = looks.iter().map(|look| look.hint.unread).collect();
        let job = job(Scope { tenant: self.tenant.0, instance })?;
        sqlx::query_scalar!(
            r#"SELECT forebay.settle_hints($1, $2, $3, $4, $5, $6, $7, $8) AS "is_over!""#,
            instance.0,
            &issues as _,
            &noted,
            &due as _,
            &older,
            &unread,
            job.key as _,
            patiently,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)
    }
}

#[async_trait]
impl LossStore for PgTenantTx {
    async fn suspects(&mut self, instance: InstanceId, jira_ids: &[String]) -> Result<Vec<Suspect>> {
        let ids: Vec<Uuid> = jira_ids.iter().map(|id| instance.issue(id).0).collect();
        let rows = sqlx::query!(
            r#"SELECT i.jira_id, i.project_id,
                   (SELECT count(*) FROM hint_losses l
                    WHERE l.tenant_id = i.tenant_id AND l.project_id = i.project_id
                      AND l.lost_at > clock_timestamp() - interval '1 hour') AS "lost!",
                   EXISTS (
                       SELECT FROM (SELECT c.id, c.state FROM censuses c WHERE c.instance_id = $1
                                    ORDER BY c.started_at DESC, c.id DESC LIMIT 1) latest
                       JOIN census_projects p ON p.census_id = latest.id AND p.project_id = i.project_id
                       WHERE latest.state IN ('held', 'rejected') AND p.state = 'held') AS "is_held!"
               FROM issues i WHERE i.id = ANY($2) AND i.presence = 'present'"#,
            instance.0,
            &ids,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let suspect = |jira_id, project, lost: i64, is_held| Suspect {
            jira_id,
            project,
            lost: u64::try_from(lost).unwrap_or(0),
            is_held,
        };
        Ok(rows.into_iter().map(|r| suspect(r.jira_id, r.project_id, r.lost, r.is_held)).collect())
    }

    async fn note_losses(&mut self, instance: InstanceId, project: Uuid, jira_ids: &[String]) -> Result<()> {
        let tenant = self.tenant.0;
        sqlx::query!(
            "WITH old AS (
                 DELETE FROM hint_losses
                 WHERE instance_id = $2 AND lost_at <= clock_timestamp() - interval '1 hour' AND jira_id <> ALL ($4))
             INSERT INTO hint_losses (tenant_id, instance_id, project_id, jira_id, lost_at)
             SELECT $1, $2, $3, t.id, clock_timestamp() FROM unnest($4::text[]) AS t (id)
             ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
                 lost_at = excluded.lost_at, project_id = excluded.project_id",
            tenant,
            instance.0,
            project,
            jira_ids as _,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }
}
