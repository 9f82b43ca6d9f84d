//! Sealed OAuth 2.0 grants.

use application::{Result, oauth::OauthStore};
use async_trait::async_trait;
use domain::ids::InstanceId;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl OauthStore for PgTenantTx {
    async fn lock_oauth_grant(&mut self, instance: InstanceId) -> Result<Option<String>> {
        sqlx::query_scalar!(
            "SELECT grant_encrypted FROM oauth_grants WHERE instance_id = $1 FOR NO KEY UPDATE",
            instance.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }

    async fn oauth_grant(&mut self, instance: InstanceId) -> Result<Option<String>> {
        sqlx::query_scalar!("SELECT grant_encrypted FROM oauth_grants WHERE instance_id = $1", instance.0)
            .fetch_optional(self.conn())
            .await
            .map_err(convert)
    }

    async fn keep_oauth_grant(&mut self, instance: InstanceId, sealed: &str) -> Result<()> {
        sqlx::query!(
            "INSERT INTO oauth_grants (tenant_id, instance_id, grant_encrypted) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, instance_id) DO UPDATE
             SET grant_encrypted = excluded.grant_encrypted, updated_at = now()",
            self.tenant.0,
            instance.0,
            sealed
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn note_credential_problem(&mut self, instance: InstanceId, problem: Option<&str>) -> Result<()> {
        sqlx::query!(
            "UPDATE jira_instances SET credential_problem = $2, updated_at = now()
             WHERE id = $1 AND credential_problem IS DISTINCT FROM $2",
            instance.0,
            problem as _
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }
}
