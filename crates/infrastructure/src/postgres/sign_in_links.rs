//! Sign-in links that were used.

use application::{Result, keys::SignInLinkStore};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl SignInLinkStore for PgTenantTx {
    async fn use_sign_in_link(&mut self, id: Uuid, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool> {
        sqlx::query!("DELETE FROM used_sign_in_links WHERE until < $1", now)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        let used = sqlx::query!(
            "INSERT INTO used_sign_in_links (tenant_id, id, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            self.tenant.0,
            id,
            until,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(used.rows_affected() == 1)
    }
}
