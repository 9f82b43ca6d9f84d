//! Webhooks: the inbox of a mirror, and what is registered at a sandbox.

use application::{
    Error, Result,
    webhooks::{FailedDelivery, InboxEntry, InboxState, Webhook, WebhookStore},
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
                                   secret_encrypted, updated_at, expires_at, field_ids, property_keys)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
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
            webhook.expires_at as _,
            webhook.field_ids.as_deref() as _,
            webhook.property_keys.as_deref() as _,
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
            "SELECT jira_id, name, url, events, jql, exclude_body, enabled, secret_encrypted AS secret_sealed, updated_at,
                    expires_at, field_ids, property_keys
             FROM webhooks WHERE instance_id = $1 ORDER BY jira_id",
            instance.0
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn save_webhook(&mut self, instance: InstanceId, webhook: &Webhook) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE webhooks SET name = $3, url = $4, events = $5, jql = $6, exclude_body = $7, enabled = $8,
                    secret_encrypted = $9, updated_at = $10, expires_at = $11, field_ids = $12, property_keys = $13
             WHERE instance_id = $1 AND jira_id = $2",
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
            webhook.expires_at as _,
            webhook.field_ids.as_deref() as _,
            webhook.property_keys.as_deref() as _,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }

    async fn note_failed_delivery(&mut self, instance: InstanceId, failed: &FailedDelivery) -> Result<()> {
        sqlx::query!(
            "DELETE FROM webhook_failures WHERE instance_id = $1 AND failed_at < $2::timestamptz - interval '72 hours'",
            instance.0,
            failed.failed_at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        sqlx::query!(
            "INSERT INTO webhook_failures (tenant_id, id, instance_id, url, body, failed_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, id) DO NOTHING",
            self.tenant.0,
            failed.id,
            instance.0,
            failed.url,
            failed.body as _,
            failed.failed_at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn failed_deliveries(
        &mut self,
        instance: InstanceId,
        after: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<FailedDelivery>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        sqlx::query_as!(
            FailedDelivery,
            "SELECT id, url, body, failed_at FROM webhook_failures
             WHERE instance_id = $1 AND date_trunc('milliseconds', failed_at) > $2
             ORDER BY date_trunc('milliseconds', failed_at)
             FETCH FIRST ($3) ROWS WITH TIES",
            instance.0,
            after,
            most,
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
