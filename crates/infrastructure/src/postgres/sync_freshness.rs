//! What proves a mirror, and rows kept aside.

use application::{
    Result,
    sync::{
        freshness::{
            Checked, Collection, Freshness, FreshnessGauges, FreshnessPlatform, FreshnessStore,
            InstanceFreshness, ListRead, Proof,
        },
        reference::ReferenceReadStore as _,
        rejects::{RejectStore, RejectedRow},
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::{
    errors::convert,
    sync_census::{from_stored, to_stored},
    transaction::{PgPlatformTx, PgTenantTx},
};

#[async_trait]
impl FreshnessStore for PgTenantTx {
    async fn note_census_proof(&mut self, instance: InstanceId, project: Uuid, proof: &Proof) -> Result<()> {
        sqlx::query!(
            "INSERT INTO project_proofs (tenant_id, instance_id, project_id, collection, census_at, source_rows, copy_rows)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, project_id, collection) DO UPDATE SET
                 census_at = excluded.census_at, source_rows = excluded.source_rows, copy_rows = excluded.copy_rows",
            self.tenant.0,
            instance.0,
            project,
            Collection::Issues.as_str(),
            proof.at,
            proof.source_rows.map(to_stored) as _,
            to_stored(proof.copy_rows),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn note_checked(
        &mut self,
        instance: InstanceId,
        checked: &[Checked],
        at: DateTime<Utc>,
        new_round: bool,
    ) -> Result<()> {
        if new_round {
            sqlx::query!("UPDATE project_proofs SET checked_rows = 0 WHERE instance_id = $1", instance.0)
                .execute(self.conn())
                .await
                .map_err(convert)?;
        }
        let projects: Vec<Uuid> = checked.iter().map(|part| part.project).collect();
        let collections: Vec<&str> = checked.iter().map(|part| part.collection.as_str()).collect();
        let issues: Vec<i64> = checked.iter().map(|part| to_stored(part.issues)).collect();
        sqlx::query!(
            "INSERT INTO project_proofs (tenant_id, instance_id, project_id, collection, checked_at, checked_rows)
             SELECT $1, $2, u.project, u.collection, $6, u.issues
             FROM UNNEST($3::uuid[], $4::text[], $5::bigint[]) AS u (project, collection, issues)
             -- A project that its issue has left for one that the copy does not know yet.
             WHERE EXISTS (SELECT FROM projects p WHERE p.id = u.project)
             ON CONFLICT (tenant_id, project_id, collection) DO UPDATE SET
                 checked_at = excluded.checked_at, checked_rows = project_proofs.checked_rows + excluded.checked_rows",
            self.tenant.0,
            instance.0,
            &projects,
            collections as _,
            &issues,
            at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn freshness(&mut self, instance: InstanceId, now: DateTime<Utc>) -> Result<InstanceFreshness> {
        // The same as the view jira.freshness, for callers whose projects are limited too.
        let rows = sqlx::query!(
            r#"SELECT p.key AS project, c.name AS "collection!",
                      coalesce(own.last_updated_at, w.last_updated_at) AS watermark,
                      coalesce(own.last_sync_at, w.last_sync_at) AS polled_at,
                      s.census_at AS "census_at?", q.checked_at AS "checked_at?",
                      coalesce(q.checked_rows, 0) AS "rows_checked!",
                      (SELECT count(DISTINCT f.issue_id) FROM drift_findings f
                       WHERE f.project_id = p.id AND f.collection = c.name AND f.found_at > $2::timestamptz - interval '7 days')
                          AS "rows_differing!",
                      s.source_rows AS "source_rows?", s.copy_rows AS "copy_rows?"
               FROM projects p
               CROSS JOIN (VALUES ('issues', 1), ('comments', 2), ('worklogs', 3), ('changelog', 4)) AS c (name, place)
               LEFT JOIN sync_watermarks w ON w.instance_id = p.instance_id AND w.entity = 'issues'
               LEFT JOIN sync_watermarks own ON own.instance_id = p.instance_id AND own.entity = c.name
               LEFT JOIN project_proofs s ON s.project_id = p.id AND s.collection = 'issues'
               LEFT JOIN project_proofs q ON q.project_id = p.id AND q.collection = c.name
               WHERE p.instance_id = $1 AND p.presence = 'present'
               ORDER BY p.key, c.place"#,
            instance.0,
            now,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let rows = rows.into_iter().map(|row| Freshness {
            project: row.project,
            collection: row.collection,
            watermark: row.watermark.filter(|at| *at > DateTime::UNIX_EPOCH),
            polled_at: row.polled_at,
            census_at: row.census_at,
            checked_at: row.checked_at,
            rows_checked: from_stored(row.rows_checked),
            rows_differing: from_stored(row.rows_differing),
            source_rows: row.source_rows.map(from_stored),
            copy_rows: row.copy_rows.map(from_stored),
        });
        let rows = rows.collect();
        let spent = sqlx::query_scalar!(
            r#"SELECT (SELECT coalesce(sum(requests), 0)::bigint FROM sync_runs
                       WHERE instance_id = $1 AND started_at > $2::timestamptz - interval '24 hours')
                    + (SELECT coalesce(sum(requests), 0)::bigint FROM censuses
                       WHERE instance_id = $1 AND started_at > $2::timestamptz - interval '24 hours')
                    + (SELECT coalesce(sum(requests_today), 0)::bigint FROM drift_rounds
                       WHERE instance_id = $1 AND day > $2::timestamptz - interval '24 hours') AS "spent!""#,
            instance.0,
            now,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        let rejected = self.rejected_count(instance).await?;
        let reference = self.reference_reads(instance).await?;
        let lists = sqlx::query_as!(
            ListRead,
            "SELECT entity AS list, last_sync_at AS read_at FROM sync_watermarks
             WHERE instance_id = $1 AND entity IN ('rosters', 'worklogs_updated', 'worklogs_deleted') ORDER BY entity",
            instance.0
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(InstanceFreshness { rows, requests_24h: from_stored(spent), rejected, reference, lists })
    }
}

#[async_trait]
impl FreshnessPlatform for PgPlatformTx {
    async fn freshness_gauges(&mut self) -> Result<Vec<FreshnessGauges>> {
        let rows = sqlx::query!(
            r#"SELECT tenant_id AS "tenant_id!", instance_id AS "instance_id!", polled_at, census_at, checked_at,
                      held_projects AS "held_projects!", differing AS "differing!", rejected AS "rejected!"
               FROM forebay.freshness_gauges()"#
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let gauges = rows.into_iter().map(|row| FreshnessGauges {
            tenant: TenantId(row.tenant_id),
            instance: InstanceId(row.instance_id),
            polled_at: row.polled_at,
            census_at: row.census_at,
            checked_at: row.checked_at,
            held_projects: from_stored(row.held_projects),
            differing: from_stored(row.differing),
            rejected: from_stored(row.rejected),
        });
        Ok(gauges.collect())
    }
}

struct StoredReject {
    id: Uuid,
    jira_id: Option<String>,
    reason: String,
    attempts: i32,
    created_at: DateTime<Utc>,
    tried_at: DateTime<Utc>,
    retry_at: DateTime<Utc>,
    payload: Option<Value>,
}

impl From<StoredReject> for RejectedRow {
    fn from(row: StoredReject) -> Self {
        Self {
            id: row.id,
            jira_id: row.jira_id,
            reason: row.reason,
            attempts: u32::try_from(row.attempts).unwrap_or(0),
            created_at: row.created_at,
            tried_at: row.tried_at,
            retry_at: row.retry_at,
            payload: row.payload,
        }
    }
}

#[async_trait]
impl RejectStore for PgTenantTx {
    async fn rejected_rows(
        &mut self,
        instance: InstanceId,
        before: Option<DateTime<Utc>>,
        limit: i64,
    ) -> Result<Vec<RejectedRow>> {
        let rows = sqlx::query_as!(
            StoredReject,
            r#"SELECT id, jira_id, reason, attempts, created_at, tried_at, retry_at, NULL::jsonb AS payload
               FROM sync_rejects WHERE instance_id = $1 AND ($2::timestamptz IS NULL OR created_at < $2)
               ORDER BY created_at DESC, id LIMIT $3"#,
            instance.0,
            before as _,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(RejectedRow::from).collect())
    }

    async fn rejected_row(&mut self, instance: InstanceId, id: Uuid) -> Result<Option<RejectedRow>> {
        let row = sqlx::query_as!(
            StoredReject,
            "SELECT id, jira_id, reason, attempts, created_at, tried_at, retry_at, raw_jsonb AS payload
             FROM sync_rejects WHERE instance_id = $1 AND id = $2",
            instance.0,
            id,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(row.map(RejectedRow::from))
    }

    async fn rejected_count(&mut self, instance: InstanceId) -> Result<u64> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM sync_rejects WHERE instance_id = $1"#,
            instance.0
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(from_stored(count))
    }

    async fn due_rejects(
        &mut self,
        instance: InstanceId,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<RejectedRow>> {
        // An index has numbers; what has none is no issue.
        sqlx::query!(
            "DELETE FROM sync_rejects r USING issues i
             WHERE r.instance_id = $1 AND i.instance_id = $1 AND i.jira_id = r.jira_id
               AND i.jira_number = CASE WHEN r.jira_id ~ '^[0-9]{1,18}$' THEN r.jira_id::bigint END
               AND i.synced_at > r.tried_at",
            instance.0
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        let rows = sqlx::query_as!(
            StoredReject,
            r#"SELECT id, jira_id, reason, attempts, created_at, tried_at, retry_at, NULL::jsonb AS payload
               FROM sync_rejects WHERE instance_id = $1 AND retry_at <= $2 AND jira_id IS NOT NULL
               ORDER BY retry_at, id LIMIT $3"#,
            instance.0,
            now,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(RejectedRow::from).collect())
    }

    async fn forget_reject(&mut self, id: Uuid) -> Result<()> {
        sqlx::query!("DELETE FROM sync_rejects WHERE id = $1", id)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(())
    }

    async fn keep_reject(
        &mut self,
        id: Uuid,
        reason: Option<&str>,
        payload: Option<&Value>,
        tried_at: DateTime<Utc>,
        retry_at: DateTime<Utc>,
    ) -> Result<()> {
        sqlx::query!(
            "UPDATE sync_rejects SET attempts = attempts + 1, reason = coalesce($2, reason),
                 raw_jsonb = coalesce($3, raw_jsonb), tried_at = $4, retry_at = $5
             WHERE id = $1",
            id,
            reason as _,
            payload as _,
            tried_at,
            retry_at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }
}
