//! Webhooks: the inbox of a mirror, and what is registered at a sandbox.

use application::{
    Error, Result,
    webhooks::{InboxEntry, InboxState, Webhook, WebhookStore},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;

use super::{
    errors::{convert, on_constraint},
    transaction::PgTenantTx,
};

#[async_trait]
impl WebhookStore for PgTenantTx {
    async fn receive_delivery(&mut self, entry: &InboxEntry) -> Result<bool> {
        let done = sqlx::query!(
            "INSERT INTO webhook_inbox (tenant_id, id, instance_id, delivery_id, event, issue_jira_id, body, received_at)
             VALUES ($1, $2, $3, $4::text::varchar(255), $5::text::varchar(100), $6, $7, $8)
             ON CONFLICT (tenant_id, instance_id, delivery_id) DO NOTHING",
            self.tenant.0,
            entry.id,
            entry.instance.0,
            entry.delivery_id,
            entry.event,
            entry.issue_jira_id.as_deref() as _,
            entry.body,
            entry.received_at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }

    async fn settle_deliveries(
        &mut self,
        instance: InstanceId,
        issue_jira_id: Option<&str>,
        state: InboxState,
        until: DateTime<Utc>,
    ) -> Result<u64> {
        let done = sqlx::query!(
            "UPDATE webhook_inbox SET state = $4, processed_at = now()
             WHERE instance_id = $1 AND state = 'received' AND received_at <= $3
               AND issue_jira_id IS NOT DISTINCT FROM $2",
            instance.0,
            issue_jira_id as _,
            until,
            state.as_str(),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(done.rows_affected())
    }

    async fn add_webhook(&mut self, instance: InstanceId, webhook: &Webhook) -> Result<()> {
        sqlx::query!(
            "INSERT INTO webhooks (tenant_id, instance_id, jira_id, name, url, events, jql, exclude_body, enabled,
                                   secret_encrypted, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            self.tenant.0,
            instance.0,
            webhook.jira_id,
            webhook.name,
            webhook.url,
            &webhook.events,
            webhook.jql.as_deref() as _,
            webhook.exclude_body,
            webhook.enabled,
            webhook.secret_sealed.as_deref() as _,
            webhook.updated_at,
        )
        .execute(self.conn())
        .await
        .map_err(|error| {
            on_constraint(error, "webhooks_pkey", || {
                Error::Conflict(format!("a webhook with the id {} exists already", webhook.jira_id))
            })
        })?;
        Ok(())
    }

    async fn webhooks(&mut self, instance: InstanceId) -> Result<Vec<Webhook>> {
        sqlx::query_as!(
            Webhook,
            "SELECT jira_id, name, url, events, jql, exclude_body, enabled, secret_encrypted AS secret_sealed, updated_at
             FROM webhooks WHERE instance_id = $1 ORDER BY jira_id",
            instance.0
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn remove_webhook(&mut self, instance: InstanceId, jira_id: i64) -> Result<bool> {
        let done =
            sqlx::query!("DELETE FROM webhooks WHERE instance_id = $1 AND jira_id = $2", instance.0, jira_id)
                .execute(self.conn())
                .await
                .map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }
}
