//! What the feeds of worklogs are compared with.

use application::{Result, sync::worklogs::FollowedWorklogStore};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{EntityKind, InstanceId};
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl FollowedWorklogStore for PgTenantTx {
    async fn unknown_worklogs(
        &mut self,
        instance: InstanceId,
        changes: &[(String, DateTime<Utc>)],
    ) -> Result<Vec<String>> {
        let rows: Vec<Uuid> =
            changes.iter().map(|(id, _)| instance.derive(EntityKind::Worklog, id)).collect();
        let (ids, times): (Vec<String>, Vec<DateTime<Utc>>) = changes.iter().cloned().unzip();
        sqlx::query_scalar!(
            r#"SELECT DISTINCT u.jira_id AS "jira_id!"
               FROM UNNEST($1::uuid[], $2::text[], $3::timestamptz[]) AS u (id, jira_id, at)
               WHERE NOT EXISTS (SELECT FROM worklogs w
                                 WHERE w.id = u.id AND w.presence = 'present' AND w.updated_at >= u.at)"#,
            &rows,
            &ids,
            &times,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn issues_of_worklogs(&mut self, instance: InstanceId, worklogs: &[String]) -> Result<Vec<String>> {
        let rows: Vec<Uuid> = worklogs.iter().map(|id| instance.derive(EntityKind::Worklog, id)).collect();
        sqlx::query_scalar!(
            "SELECT DISTINCT i.jira_id FROM worklogs w
             JOIN issues i ON i.tenant_id = w.tenant_id AND i.id = w.issue_id AND i.presence = 'present'
             WHERE w.id = ANY($1) AND w.presence = 'present'",
            &rows,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }
}
