//! What hangs on issues, as read back, and what only the issue itself is asked for: remote links.

use application::{
    Result,
    issues::{AttachedStore, AttachmentRow, Counts, IssueDetails, RemoteLinkRecord},
};
use async_trait::async_trait;
use domain::ids::{InstanceId, IssueId};
use serde_json::Value;
use sqlx::types::Json;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl AttachedStore for PgTenantTx {
    async fn details(&mut self, instance: InstanceId, issue: IssueId) -> Result<IssueDetails> {
        let row = sqlx::query!(
            r#"SELECT coalesce(n.watchers, 0) AS "watchers!", coalesce(n.votes, 0) AS "votes!",
                      ARRAY(SELECT coalesce(c.name, v.value_text, '') FROM issue_field_values v
                            LEFT JOIN components c ON c.instance_id = $2 AND c.jira_id = v.value_id
                            WHERE v.issue_id = $1 AND v.field_id = 'components' ORDER BY v.ordinal) AS "components!",
                      ARRAY(SELECT coalesce(x.name, v.value_text, '') FROM issue_field_values v
                            LEFT JOIN versions x ON x.instance_id = $2 AND x.jira_id = v.value_id
                            WHERE v.issue_id = $1 AND v.field_id = 'fixVersions' ORDER BY v.ordinal) AS "fix_versions!",
                      ARRAY(SELECT coalesce(x.name, v.value_text, '') FROM issue_field_values v
                            LEFT JOIN versions x ON x.instance_id = $2 AND x.jira_id = v.value_id
                            WHERE v.issue_id = $1 AND v.field_id = 'versions' ORDER BY v.ordinal) AS "affected_versions!",
                      (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                  'jira_id', a.jira_id, 'author', u.display_name, 'filename', a.filename,
                                  'mime_type', a.mime_type, 'size', a.size_bytes, 'created', a.created_at)
                              ORDER BY a.created_at, length(a.jira_id), a.jira_id), '[]')
                       FROM attachments a
                       LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.author_id
                       WHERE a.issue_id = $1 AND a.presence = 'present') AS "attachments!: Json<Vec<AttachmentRow>>"
               FROM (VALUES ($1::uuid)) i (id)
               LEFT JOIN issue_counts n ON n.issue_id = i.id"#,
            issue.0,
            instance.0,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(IssueDetails {
            attachments: row.attachments.0,
            counts: Counts { watchers: row.watchers, votes: row.votes },
            components: row.components,
            fix_versions: row.fix_versions,
            affected_versions: row.affected_versions,
        })
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
