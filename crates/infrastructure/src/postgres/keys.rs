//! API keys.

use application::{
    Error, Result,
    keys::{ApiKey, KeyRegistry, KeyStore, NewApiKey},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{KeyId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    errors::{convert, on_constraint},
    transaction::{PgPlatformTx, PgTenantTx},
};

/// A key as it is stored.
pub(super) struct StoredKey {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    prefix: String,
    scopes: Vec<String>,
    policy: Value,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TryFrom<StoredKey> for ApiKey {
    type Error = Error;

    fn try_from(row: StoredKey) -> Result<Self> {
        Ok(Self {
            id: KeyId(row.id),
            tenant: TenantId(row.tenant_id),
            name: row.name,
            prefix: row.prefix,
            scopes: row
                .scopes
                .iter()
                .map(|scope| scope.parse())
                .collect::<Result<_>>()
                .map_err(Error::internal)?,
            // A policy that cannot be read opens nothing.
            policy: serde_json::from_value(row.policy).map_err(Error::internal)?,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        })
    }
}

#[async_trait]
impl KeyStore for PgTenantTx {
    async fn add_key(&mut self, key: &NewApiKey) -> Result<()> {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        sqlx::query!(
            "INSERT INTO api_keys (tenant_id, id, name, prefix, secret_hash, scopes, policy, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.tenant.0,
            key.id.0,
            key.name,
            key.prefix,
            key.secret_hash,
            scopes as _,
            serde_json::to_value(&key.policy).map_err(Error::internal)?,
            key.expires_at as _,
        )
        .execute(self.conn())
        .await
        .map_err(|error| {
            on_constraint(error, "api_keys_prefix_key", || {
                Error::Unavailable("the new key's prefix is taken; try again".into())
            })
        })?;
        Ok(())
    }

    async fn keys(&mut self) -> Result<Vec<ApiKey>> {
        sqlx::query_as!(
            StoredKey,
            "SELECT id, tenant_id, name, prefix, scopes, policy, created_at, last_used_at, expires_at, revoked_at
             FROM api_keys ORDER BY created_at DESC, id DESC"
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?
        .into_iter()
        .map(ApiKey::try_from)
        .collect()
    }

    async fn lock_key(&mut self, id: KeyId) -> Result<Option<ApiKey>> {
        sqlx::query_as!(
            StoredKey,
            "SELECT id, tenant_id, name, prefix, scopes, policy, created_at, last_used_at, expires_at, revoked_at
             FROM api_keys WHERE id = $1 FOR UPDATE",
            id.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?
        .map(ApiKey::try_from)
        .transpose()
    }

    async fn update_key(&mut self, key: &ApiKey) -> Result<()> {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        sqlx::query!(
            "UPDATE api_keys SET name = $2, scopes = $3, policy = $4, expires_at = $5 WHERE id = $1",
            key.id.0,
            key.name,
            scopes as _,
            serde_json::to_value(&key.policy).map_err(Error::internal)?,
            key.expires_at as _,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn revoke_key(&mut self, id: KeyId, at: DateTime<Utc>) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
            id.0,
            at
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }
}

/// The key with this prefix and the hash of its secret; see [`application::ports::Database::key_by_prefix`].
pub(super) async fn by_prefix(
    conn: &mut PgConnection,
    prefix: &str,
) -> sqlx::Result<Option<(StoredKey, Vec<u8>)>> {
    let found = sqlx::query!(
        "SELECT id, tenant_id, name, prefix, scopes, policy, created_at, last_used_at, expires_at, revoked_at, secret_hash
         FROM api_keys WHERE prefix = $1",
        prefix
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| {
        let key = StoredKey {
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            prefix: row.prefix,
            scopes: row.scopes,
            policy: row.policy,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        };
        (key, row.secret_hash)
    }))
}

#[async_trait]
impl KeyRegistry for PgPlatformTx {
    async fn touch_key(&mut self, id: KeyId, at: DateTime<Utc>) -> Result<()> {
        // To the minute: a busy key would otherwise be written with every request.
        sqlx::query!(
            "UPDATE api_keys SET last_used_at = $2
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '1 minute')",
            id.0,
            at
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn every_key(&mut self) -> Result<Vec<ApiKey>> {
        sqlx::query_as!(
            StoredKey,
            "SELECT id, tenant_id, name, prefix, scopes, policy, created_at, last_used_at, expires_at, revoked_at
             FROM api_keys ORDER BY created_at DESC, id DESC"
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?
        .into_iter()
        .map(ApiKey::try_from)
        .collect()
    }
}
