//! Rounds of comparison, and what they found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use application::{
    Result,
    sync::drift::{CopiedIssue, DriftRound, DriftStore, Finding, FindingRow},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    errors::convert,
    sync_census::{from_stored, to_stored},
    transaction::PgTenantTx,
};

#[async_trait]
impl DriftStore for PgTenantTx {
    async fn drift_round(&mut self, instance: InstanceId) -> Result<DriftRound> {
        sqlx::query!(
            "INSERT INTO drift_rounds (tenant_id, instance_id) VALUES ($1, $2)
             ON CONFLICT (tenant_id, instance_id) DO NOTHING",
            self.tenant.0,
            instance.0,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        let row = sqlx::query!(
            "SELECT after, began_at, checked, differing, day, requests_today, last_round_at, every_days, requests_per_day
             FROM drift_rounds WHERE instance_id = $1 FOR UPDATE",
            instance.0
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(DriftRound {
            after: row.after,
            began_at: row.began_at,
            checked: from_stored(row.checked),
            differing: from_stored(row.differing),
            requests_today: from_stored(row.requests_today),
            day: row.day,
            last_round_at: row.last_round_at,
            every_days: u32::try_from(row.every_days).unwrap_or(1),
            requests_per_day: u32::try_from(row.requests_per_day).unwrap_or(1),
        })
    }

    async fn note_drift_round(&mut self, instance: InstanceId, round: &DriftRound) -> Result<()> {
        sqlx::query!(
            "UPDATE drift_rounds SET after = $2, began_at = $3, checked = $4, differing = $5, day = $6,
                 requests_today = $7, last_round_at = $8
             WHERE instance_id = $1",
            instance.0,
            round.after,
            round.began_at as _,
            to_stored(round.checked),
            to_stored(round.differing),
            round.day as _,
            to_stored(round.requests_today),
            round.last_round_at as _,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn issues_after(&mut self, instance: InstanceId, after: i64, limit: i64) -> Result<Vec<i64>> {
        sqlx::query_scalar!(
            "SELECT jira_number FROM issues
             WHERE instance_id = $1 AND jira_number > $2 AND presence = 'present'
             ORDER BY jira_number LIMIT $3",
            instance.0,
            after,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn copied_whole(
        &mut self,
        instance: InstanceId,
        ids: &[String],
        before: DateTime<Utc>,
    ) -> Result<Vec<CopiedIssue>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| instance.issue(id).0).collect();
        let rows = sqlx::query!(
            "SELECT i.id, i.jira_id, i.project_id, i.jira_updated_at, i.source_hash FROM UNNEST($1::uuid[]) AS w (id)
             CROSS JOIN LATERAL (SELECT x.* FROM issues x WHERE x.id = w.id LIMIT 1) i
             WHERE i.presence = 'present' AND (i.observed_at IS NULL OR i.observed_at < $2)",
            &ids,
            before,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let mut comments = hashes_of_comments(self.conn(), &ids).await?;
        let mut worklogs = hashes_of_worklogs(self.conn(), &ids).await?;
        let mut histories = histories_of(self.conn(), &ids).await?;
        let copied = rows.into_iter().map(|row| CopiedIssue {
            comments: comments.remove(&row.id).unwrap_or_default(),
            worklogs: worklogs.remove(&row.id).unwrap_or_default(),
            histories: histories.remove(&row.id).unwrap_or_default(),
            jira_id: row.jira_id,
            project: row.project_id,
            updated: row.jira_updated_at,
            source_hash: row.source_hash,
        });
        Ok(copied.collect())
    }

    async fn stored_fields(&mut self, instance: InstanceId, jira_id: &str) -> Result<Option<Value>> {
        let fields = sqlx::query_scalar!(
            "SELECT raw_jsonb -> 'fields' FROM issues WHERE id = $1",
            instance.issue(jira_id).0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(fields.flatten())
    }

    async fn note_findings(
        &mut self,
        instance: InstanceId,
        findings: &[Finding],
        at: DateTime<Utc>,
    ) -> Result<()> {
        for finding in findings {
            sqlx::query!(
                "INSERT INTO drift_findings (tenant_id, id, instance_id, project_id, issue_id, issue_key, collection, what,
                                             origin, copy_updated, source_updated, mended, found_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                self.tenant.0,
                finding.id,
                instance.0,
                finding.project,
                instance.issue(&finding.jira_id).0,
                finding.key,
                finding.collection.as_str(),
                &finding.what,
                finding.origin.as_str(),
                finding.copy_updated,
                finding.source_updated,
                finding.mended,
                at,
            )
            .execute(self.conn())
            .await
            .map_err(convert)?;
        }
        Ok(())
    }

    async fn findings(
        &mut self,
        instance: InstanceId,
        before: Option<DateTime<Utc>>,
        limit: i64,
    ) -> Result<Vec<FindingRow>> {
        sqlx::query_as!(
            FindingRow,
            "SELECT id, issue_key AS key, collection, what, origin, copy_updated, source_updated, mended, found_at
             FROM drift_findings WHERE instance_id = $1 AND ($2::timestamptz IS NULL OR found_at < $2)
             ORDER BY found_at DESC, id LIMIT $3",
            instance.0,
            before as _,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }
}

type Hashes = HashMap<Uuid, BTreeMap<String, Vec<u8>>>;

async fn hashes_of_comments(conn: &mut PgConnection, issues: &[Uuid]) -> Result<Hashes> {
    let rows = sqlx::query!(
        "SELECT issue_id, jira_id, source_hash FROM comments WHERE issue_id = ANY($1) AND presence = 'present'",
        issues
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    Ok(by_issue(rows.into_iter().map(|row| (row.issue_id, row.jira_id, row.source_hash))))
}

async fn hashes_of_worklogs(conn: &mut PgConnection, issues: &[Uuid]) -> Result<Hashes> {
    let rows = sqlx::query!(
        "SELECT issue_id, jira_id, source_hash FROM worklogs WHERE issue_id = ANY($1) AND presence = 'present'",
        issues
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    Ok(by_issue(rows.into_iter().map(|row| (row.issue_id, row.jira_id, row.source_hash))))
}

fn by_issue(rows: impl Iterator<Item = (Uuid, String, Vec<u8>)>) -> Hashes {
    let mut hashes = Hashes::new();
    for (issue, id, hash) in rows {
        hashes.entry(issue).or_default().insert(id, hash);
    }
    hashes
}

async fn histories_of(conn: &mut PgConnection, issues: &[Uuid]) -> Result<HashMap<Uuid, BTreeSet<String>>> {
    let rows = sqlx::query!(
        "SELECT issue_id, jira_id FROM changelogs WHERE issue_id = ANY($1) AND ordinal = 0",
        issues
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let mut histories: HashMap<Uuid, BTreeSet<String>> = HashMap::new();
    for row in rows {
        histories.entry(row.issue_id).or_default().insert(row.jira_id);
    }
    Ok(histories)
}
