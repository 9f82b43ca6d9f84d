//! The bytes of attachments.

use application::{Result, issues::ContentStore};
use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId, IssueId};

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl ContentStore for PgTenantTx {
    async fn issue_of_attachment(
        &mut self,
        instance: InstanceId,
        attachment: &str,
    ) -> Result<Option<String>> {
        sqlx::query_scalar!(
            "SELECT i.jira_id FROM attachments a
             JOIN issues i ON i.tenant_id = a.tenant_id AND i.id = a.issue_id AND i.presence = 'present'
             WHERE a.id = $1 AND a.presence = 'present'",
            instance.derive(EntityKind::Attachment, attachment),
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }

    async fn store_content(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        attachment: &str,
        bytes: &[u8],
    ) -> Result<()> {
        let tenant = self.tenant.0;
        sqlx::query!(
            "INSERT INTO attachment_contents (tenant_id, attachment_id, issue_id, content) VALUES ($1, $2, $3, $4)",
            tenant,
            instance.derive(EntityKind::Attachment, attachment),
            issue.0,
            bytes,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn content(&mut self, instance: InstanceId, attachment: &str) -> Result<Option<Vec<u8>>> {
        sqlx::query_scalar!(
            "SELECT content FROM attachment_contents WHERE attachment_id = $1",
            instance.derive(EntityKind::Attachment, attachment),
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }

    async fn remove_content(&mut self, instance: InstanceId, attachment: &str) -> Result<()> {
        sqlx::query!(
            "DELETE FROM attachment_contents WHERE attachment_id = $1",
            instance.derive(EntityKind::Attachment, attachment),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }
}
