//! What hangs on issues, as read back, and what only the issue itself is asked for: watchers and remote links.

use application::{
    Result,
    issues::{AttachedStore, AttachmentRow, Counts, RemoteLinkRecord, ValueNames},
};
use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId, IssueId};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl AttachedStore for PgTenantTx {
    async fn attachments(&mut self, issues: &[IssueId]) -> Result<Vec<AttachmentRow>> {
        let ids: Vec<Uuid> = issues.iter().map(|issue| issue.0).collect();
        let rows = sqlx::query!(
            r#"SELECT a.issue_id, a.jira_id, u.display_name AS "author?", a.filename, a.mime_type, a.size_bytes, a.created_at
               FROM attachments a
               LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.author_id
               WHERE a.issue_id = ANY($1) AND a.presence = 'present'
               ORDER BY a.issue_id, a.created_at, length(a.jira_id), a.jira_id"#,
            &ids,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let rows = rows.into_iter().map(|row| AttachmentRow {
            issue_id: IssueId(row.issue_id),
            jira_id: row.jira_id,
            author: row.author,
            filename: row.filename,
            mime_type: row.mime_type,
            size: row.size_bytes,
            created: row.created_at,
        });
        Ok(rows.collect())
    }

    async fn counts(&mut self, issue: IssueId) -> Result<Counts> {
        let row = sqlx::query!("SELECT watchers, votes FROM issue_counts WHERE issue_id = $1", issue.0)
            .fetch_optional(self.conn())
            .await
            .map_err(convert)?;
        Ok(row.map(|row| Counts { watchers: row.watchers, votes: row.votes }).unwrap_or_default())
    }

    async fn value_names(&mut self, issue: IssueId) -> Result<ValueNames> {
        let rows = sqlx::query!(
            r#"SELECT v.field_id, coalesce(n.name, c.name, v.value_text) AS "name?"
               FROM issue_field_values v
               JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
               LEFT JOIN versions n ON v.field_id <> 'components' AND n.tenant_id = v.tenant_id
                   AND n.instance_id = i.instance_id AND n.jira_id = v.value_id
               LEFT JOIN components c ON v.field_id = 'components' AND c.tenant_id = v.tenant_id
                   AND c.instance_id = i.instance_id AND c.jira_id = v.value_id
               WHERE v.issue_id = $1 AND v.field_id IN ('components', 'fixVersions', 'versions')
               ORDER BY v.field_id, v.ordinal"#,
            issue.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let mut names = ValueNames::default();
        for row in rows {
            let list = match row.field_id.as_str() {
                "components" => &mut names.components,
                "fixVersions" => &mut names.fix_versions,
                _ => &mut names.affected_versions,
            };
            list.extend(row.name);
        }
        Ok(names)
    }

    async fn replace_watchers(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        accounts: &[String],
    ) -> Result<()> {
        let users: Vec<Uuid> =
            accounts.iter().map(|account| instance.derive(EntityKind::User, account)).collect();
        let tenant = self.tenant.0;
        sqlx::query!(
            "INSERT INTO users (tenant_id, instance_id, id, account_id)
             SELECT $1, $2, u.* FROM UNNEST($3::uuid[], $4::text[]) AS u ON CONFLICT DO NOTHING",
            tenant,
            instance.0,
            &users,
            accounts,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        sqlx::query!(
            "WITH gone AS (DELETE FROM watchers WHERE issue_id = $2 AND user_id <> ALL($3)),
                  counted AS (
                      INSERT INTO issue_counts (tenant_id, issue_id, watchers)
                      SELECT $1, $2, count(DISTINCT u.id)::integer FROM UNNEST($3::uuid[]) AS u (id)
                      ON CONFLICT (tenant_id, issue_id) DO UPDATE SET watchers = excluded.watchers
                      WHERE issue_counts.watchers <> excluded.watchers)
             INSERT INTO watchers (tenant_id, issue_id, user_id)
             SELECT DISTINCT $1::uuid, $2::uuid, u.id FROM UNNEST($3::uuid[]) AS u (id) ON CONFLICT DO NOTHING",
            tenant,
            issue.0,
            &users,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn replace_remote_links(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        links: &[RemoteLinkRecord],
    ) -> Result<u64> {
        let text = |pick: fn(&RemoteLinkRecord) -> Option<&str>| -> Vec<Option<String>> {
            links.iter().map(|link| pick(link).map(str::to_owned)).collect()
        };
        let ids: Vec<String> = links.iter().map(|link| link.jira_id.clone()).collect();
        let raws: Vec<Json<&Value>> = links.iter().map(|link| Json(&link.raw)).collect();
        let tenant = self.tenant.0;
        sqlx::query!(
            "UPDATE remote_links SET presence = 'deleted', synced_at = now()
             WHERE issue_id = $1 AND presence = 'present' AND jira_id <> ALL($2)",
            issue.0,
            &ids,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        let done = sqlx::query!(
            "INSERT INTO remote_links (tenant_id, instance_id, issue_id, jira_id, global_id, relationship, application, title,
                                       url, raw_jsonb)
             SELECT $1, $2, $3, u.jira_id, u.global_id::varchar(255), u.relationship::varchar(255),
                    u.application::varchar(255), u.title, u.url, u.raw
             FROM UNNEST($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::jsonb[])
                  AS u (jira_id, global_id, relationship, application, title, url, raw)
             ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
                 issue_id = excluded.issue_id, global_id = excluded.global_id, relationship = excluded.relationship,
                 application = excluded.application, title = excluded.title, url = excluded.url,
                 raw_jsonb = excluded.raw_jsonb, presence = 'present', synced_at = now()
             WHERE (remote_links.source_hash, remote_links.issue_id, remote_links.presence)
                   IS DISTINCT FROM (excluded.source_hash, excluded.issue_id, 'present')",
            tenant,
            instance.0,
            issue.0,
            &ids,
            &text(|link| link.global_id.as_deref()) as _,
            &text(|link| link.relationship.as_deref()) as _,
            &text(|link| link.application.as_deref()) as _,
            &text(|link| Some(&link.title)) as _,
            &text(|link| Some(&link.url)) as _,
            raws as _,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(done.rows_affected())
    }

    async fn remote_links(&mut self, issue: IssueId) -> Result<Vec<Value>> {
        sqlx::query_scalar!(
            "SELECT raw_jsonb FROM remote_links WHERE issue_id = $1 AND presence = 'present'
             ORDER BY length(jira_id), jira_id",
            issue.0
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }
}
