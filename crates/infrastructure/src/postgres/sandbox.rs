//! What only a sandbox's own writes ask for.

use application::{
    Error, Result,
    sandbox::{BulkTask, HiddenEntry, SandboxStore},
};
use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId};
use serde_json::Value;
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

    async fn hidden_entries(
        &mut self,
        instance: InstanceId,
        jira_ids: &[String],
    ) -> Result<Vec<HiddenEntry>> {
        let ids: Vec<Uuid> = jira_ids.iter().map(|id| instance.issue(id).0).collect();
        let tenant = self.tenant.0;
        let rows = sqlx::query!(
            r#"SELECT i.jira_id AS issue, l.list AS "list!", e.place AS "place!", e.entry AS "entry!"
               FROM issues i
               CROSS JOIN unnest(ARRAY['issuelinks', 'subtasks']) AS l (list)
               CROSS JOIN LATERAL jsonb_array_elements(
                   CASE jsonb_typeof(i.raw_jsonb #> ARRAY['fields', l.list]) WHEN 'array' THEN i.raw_jsonb #> ARRAY['fields', l.list]
                        ELSE '[]' END) WITH ORDINALITY AS e (entry, place)
               JOIN issues o ON o.tenant_id = i.tenant_id AND o.instance_id = i.instance_id
                    AND o.jira_number = coalesce(e.entry #>> '{inwardIssue,id}', e.entry #>> '{outwardIssue,id}', e.entry ->> 'id')::bigint
               WHERE i.tenant_id = (SELECT $1::uuid) AND i.id = ANY($2) AND o.presence IN ('access_lost', 'archived', 'trashed')
               ORDER BY i.id, l.list, e.place"#,
            tenant,
            &ids,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let entries = rows.into_iter().map(|row| HiddenEntry {
            issue: row.issue,
            list: row.list,
            place: usize::try_from(row.place - 1).unwrap_or(0),
            entry: row.entry,
        });
        Ok(entries.collect())
    }

    async fn next_key_number(&mut self, instance: InstanceId, project_key: &str) -> Result<i64> {
        let tenant = self.tenant.0;
        // Before the numbers are looked at: who waited here sees those that were given meanwhile.
        let found = sqlx::query!(
            "SELECT FROM projects WHERE instance_id = $1 AND key = $2 AND presence = 'present' FOR NO KEY UPDATE",
            instance.0,
            project_key,
        );
        if found.fetch_optional(self.conn()).await.map_err(convert)?.is_none() {
            return Err(Error::not_found("project", project_key));
        }
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

    async fn sandbox_workflow(&mut self, instance: InstanceId) -> Result<Option<Value>> {
        sqlx::query_scalar!("SELECT workflow FROM sandbox_workflows WHERE instance_id = $1", instance.0)
            .fetch_optional(self.conn())
            .await
            .map_err(convert)
    }

    async fn set_sandbox_workflow(&mut self, instance: InstanceId, workflow: Option<&Value>) -> Result<()> {
        let tenant = self.tenant.0;
        let done = match workflow {
            Some(workflow) => sqlx::query!(
                "INSERT INTO sandbox_workflows (tenant_id, instance_id, workflow) VALUES ($1, $2, $3)
                 ON CONFLICT (tenant_id, instance_id) DO UPDATE SET workflow = excluded.workflow",
                tenant,
                instance.0,
                workflow,
            ),
            None => sqlx::query!("DELETE FROM sandbox_workflows WHERE instance_id = $1", instance.0),
        };
        done.execute(self.conn()).await.map_err(convert)?;
        Ok(())
    }

    async fn next_version_place(&mut self, instance: InstanceId, project: &str) -> Result<i32> {
        sqlx::query_scalar!(
            r#"SELECT (coalesce(max(sequence), -1) + 1)::integer AS "place!" FROM versions
               WHERE instance_id = $1 AND project_id = $2"#,
            instance.0,
            instance.derive(EntityKind::Project, project),
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)
    }

    async fn remove_version(&mut self, instance: InstanceId, version: &str) -> Result<()> {
        sqlx::query!(
            "UPDATE versions SET presence = 'deleted', updated_at = now() WHERE instance_id = $1 AND jira_id = $2",
            instance.0,
            version,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
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

    async fn remove_component(&mut self, instance: InstanceId, component: &str) -> Result<()> {
        sqlx::query!(
            "UPDATE components SET presence = 'deleted', updated_at = now() WHERE instance_id = $1 AND jira_id = $2",
            instance.0,
            component,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn show_parts_in_project(&mut self, instance: InstanceId, key: &str) -> Result<()> {
        sqlx::query!(
            "UPDATE projects p SET raw_jsonb = p.raw_jsonb
                 || CASE WHEN p.raw_jsonb ? 'versions' THEN jsonb_build_object('versions',
                        (SELECT coalesce(jsonb_agg(v.raw_jsonb ORDER BY v.sequence, length(v.jira_id), v.jira_id), '[]') FROM versions v
                         WHERE v.tenant_id = p.tenant_id AND v.project_id = p.id AND v.presence = 'present')) ELSE '{}' END
                 || CASE WHEN p.raw_jsonb ? 'components' THEN jsonb_build_object('components',
                        (SELECT coalesce(jsonb_agg(c.raw_jsonb ORDER BY length(c.jira_id), c.jira_id), '[]') FROM components c
                         WHERE c.tenant_id = p.tenant_id AND c.project_id = p.id AND c.presence = 'present')) ELSE '{}' END
             WHERE p.instance_id = $1 AND p.key = $2 AND p.presence = 'present'",
            instance.0,
            key,
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
