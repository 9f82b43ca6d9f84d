//! Worklogs of a whole instance by when they changed. Only sandboxes are asked, so that no index pays for it.

use application::{
    Result,
    issues::{ChangedWorklog, WorklogFeedStore, WorklogRow},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{EntityKind, InstanceId, IssueId};
use uuid::Uuid;

use super::{errors::convert, issues::whole, transaction::PgTenantTx};

#[async_trait]
impl WorklogFeedStore for PgTenantTx {
    async fn worklog_changes(
        &mut self,
        instance: InstanceId,
        deleted: bool,
        (after, until): (DateTime<Utc>, DateTime<Utc>),
        limit: i64,
    ) -> Result<Vec<ChangedWorklog>> {
        // A worklog that is gone was stored last when it went.
        let rows = sqlx::query!(
            r#"SELECT w.jira_number, w.at AS "at!"
               FROM (SELECT jira_number, CASE WHEN $2 THEN synced_at ELSE updated_at END AS at
                     FROM worklogs
                     WHERE instance_id = $1 AND presence = CASE WHEN $2 THEN 'deleted' ELSE 'present' END) w
               WHERE w.at > $3 AND w.at <= $4
               ORDER BY w.at
               FETCH FIRST $5 ROWS WITH TIES"#,
            instance.0,
            deleted,
            after,
            until,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (row.jira_number, row.at)).collect())
    }

    async fn worklogs_numbered(&mut self, instance: InstanceId, ids: &[i64]) -> Result<Vec<WorklogRow>> {
        let rows: Vec<Uuid> =
            ids.iter().map(|id| instance.derive(EntityKind::Worklog, &id.to_string())).collect();
        let found = sqlx::query!(
            r#"SELECT w.issue_id, w.raw_jsonb, u.raw_jsonb AS "person?", w.raw_dialect
               FROM worklogs w
               LEFT JOIN users u ON u.tenant_id = w.tenant_id AND u.id = w.author_id
               WHERE w.id = ANY($1) AND w.presence = 'present'
               ORDER BY w.jira_number"#,
            &rows,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        found
            .into_iter()
            .map(|row| {
                Ok(WorklogRow {
                    issue_id: IssueId(row.issue_id),
                    raw: whole(row.raw_jsonb, row.person.as_ref(), None),
                    dialect: row.raw_dialect.parse()?,
                })
            })
            .collect()
    }
}
