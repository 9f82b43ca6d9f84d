//! What only a sandbox's own writes ask for.

use application::{
    Error, Result,
    sandbox::{BulkTask, SandboxStore},
};
use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId};
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl SandboxStore for PgTenantTx {
    async fn lock_issues(&mut self, instance: InstanceId, jira_ids: &[String]) -> Result<Vec<String>> {
        let ids: Vec<Uuid> = jira_ids.iter().map(|id| instance.issue(id).0).collect();
        let tenant = self.tenant.0;
        // The order in which a page of issues is stored, too.
        sqlx::query_scalar!(
            "SELECT jira_id FROM issues
             WHERE tenant_id = (SELECT $1::uuid) AND id = ANY($2) AND presence = 'present' ORDER BY id FOR NO KEY UPDATE",
            tenant,
            &ids,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn next_key_number(&mut self, instance: InstanceId, project_key: &str) -> Result<i64> {
        let tenant = self.tenant.0;
        sqlx::query_scalar!(
            r#"SELECT 1 + greatest(
                   coalesce((SELECT i.key_number FROM issues i
                             WHERE i.tenant_id = $1 AND i.key_project = $3 AND i.instance_id = $2
                             ORDER BY i.key_number DESC LIMIT 1), 0),
                   coalesce((SELECT max(split_part(k.key, '-', 2)::bigint) FROM issue_key_aliases k
                             WHERE k.tenant_id = $1 AND k.instance_id = $2 AND split_part(k.key, '-', 1) = $3), 0)) AS "next!""#,
            tenant,
            instance.0,
            project_key,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)
    }

    async fn note_bulk_task(&mut self, instance: InstanceId, task: &BulkTask) -> Result<()> {
        let tenant = self.tenant.0;
        let failed = serde_json::to_value(&task.failed).map_err(Error::internal)?;
        sqlx::query!(
            "WITH old AS (DELETE FROM bulk_tasks WHERE instance_id = $2 AND created_at < $4::timestamptz - interval '14 days')
             INSERT INTO bulk_tasks (tenant_id, instance_id, id, created_at, processed, failed, missing)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            tenant,
            instance.0,
            task.id,
            task.created,
            &task.processed,
            failed,
            task.missing,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn bulk_task(&mut self, instance: InstanceId, id: Uuid) -> Result<Option<BulkTask>> {
        let found = sqlx::query!(
            "SELECT created_at, processed, failed, missing FROM bulk_tasks WHERE instance_id = $1 AND id = $2",
            instance.0,
            id,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        let task = found.map(|row| {
            let failed = serde_json::from_value(row.failed).map_err(Error::internal)?;
            let (created, processed, missing) = (row.created_at, row.processed, row.missing);
            Ok(BulkTask { id, created, processed, failed, missing })
        });
        task.transpose()
    }

    async fn remove_filter(&mut self, instance: InstanceId, filter: &str) -> Result<()> {
        sqlx::query!(
            "UPDATE filters SET presence = 'deleted', updated_at = now() WHERE instance_id = $1 AND jira_id = $2",
            instance.0,
            filter,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn link_ends(&mut self, instance: InstanceId, link: &str) -> Result<Option<(String, String)>> {
        let found = sqlx::query!(
            "SELECT a.jira_id AS from_issue, b.jira_id AS to_issue
             FROM issue_links l
             JOIN issues a ON a.tenant_id = l.tenant_id AND a.id = l.inward_issue_id AND a.presence = 'present'
             JOIN issues b ON b.tenant_id = l.tenant_id AND b.id = l.outward_issue_id AND b.presence = 'present'
             WHERE l.id = $1 AND l.presence = 'present'",
            instance.derive(EntityKind::IssueLink, link),
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(found.map(|row| (row.from_issue, row.to_issue)))
    }
}
