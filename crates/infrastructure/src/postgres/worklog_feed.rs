//! Worklogs of a whole instance by when they changed, or by when that was stored.

use application::{
    Result,
    issues::{ChangedWorklog, FeedOrder, WorklogFeedStore, WorklogRow},
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
        order: FeedOrder,
        (after, until): (DateTime<Utc>, DateTime<Utc>),
        limit: i64,
    ) -> Result<Vec<ChangedWorklog>> {
        let changed =
            |number: i64, at: DateTime<Utc>, place: DateTime<Utc>| ChangedWorklog { number, at, place };
        if order == FeedOrder::Changed {
            let rows = sqlx::query!(
                "SELECT jira_number, updated_at FROM worklogs
                 WHERE instance_id = $1 AND presence = 'present' AND updated_at > $2 AND updated_at <= $3
                 ORDER BY updated_at FETCH FIRST $4 ROWS WITH TIES",
                instance.0,
                after,
                until,
                limit,
            )
            .fetch_all(self.conn())
            .await
            .map_err(convert)?;
            return Ok(rows
                .into_iter()
                .map(|row| changed(row.jira_number, row.updated_at, row.updated_at))
                .collect());
        }
        // A worklog that is gone was stored last when it went.
        let is_gone = order == FeedOrder::Deleted;
        let rows = sqlx::query!(
            r#"SELECT jira_number, synced_at, CASE WHEN $2 THEN synced_at ELSE updated_at END AS "at!" FROM worklogs
               WHERE instance_id = $1 AND presence = CASE WHEN $2 THEN 'deleted' ELSE 'present' END
                 AND synced_at > $3 AND synced_at <= $4
               ORDER BY synced_at FETCH FIRST $5 ROWS WITH TIES"#,
            instance.0,
            is_gone,
            after,
            until,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| changed(row.jira_number, row.at, row.synced_at)).collect())
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
