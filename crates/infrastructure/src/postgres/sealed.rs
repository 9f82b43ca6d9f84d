//! Columns with sealed texts, and the root of all hashes.

use application::{
    Result,
    rotation::{SealedColumn, SealedStore},
};
use async_trait::async_trait;
use domain::ids::InstanceId;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};
use crate::crypto::Keyring;

/// Every column of a tenant's table that holds sealed texts. A test compares it with the catalogue, where their names end in
/// `_encrypted`.
pub const SEALED_COLUMNS: &[SealedColumn] = &[
    SealedColumn { table: "jira_instances", column: "api_token_encrypted", instance: "id" },
    SealedColumn { table: "jira_instances", column: "webhook_secret_encrypted", instance: "id" },
    SealedColumn { table: "jira_instances", column: "webhook_path_encrypted", instance: "id" },
    SealedColumn { table: "oauth_grants", column: "grant_encrypted", instance: "instance_id" },
    SealedColumn { table: "webhooks", column: "secret_encrypted", instance: "instance_id" },
];

#[async_trait]
impl SealedStore for PgTenantTx {
    fn sealed_columns(&self) -> &'static [SealedColumn] {
        SEALED_COLUMNS
    }

    async fn sealed_otherwise(
        &mut self,
        column: &SealedColumn,
        key_id: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<(InstanceId, String)>> {
        let SealedColumn { table, column, instance } = *column;
        // Names from the list above. Sealed texts never repeat, so that they are their own order.
        let sql = format!(
            "SELECT {instance}, {column} FROM {table}
             WHERE {column} COLLATE \"C\" > $1 AND split_part({column}, '.', 2) <> $2
             ORDER BY {column} COLLATE \"C\" LIMIT $3 FOR NO KEY UPDATE"
        );
        let rows: Vec<(Uuid, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(after)
            .bind(key_id)
            .bind(limit)
            .fetch_all(self.conn())
            .await
            .map_err(convert)?;
        Ok(rows.into_iter().map(|(instance, text)| (InstanceId(instance), text)).collect())
    }

    async fn replace_sealed(
        &mut self,
        column: &SealedColumn,
        instance: InstanceId,
        old: &str,
        new: &str,
    ) -> Result<bool> {
        let SealedColumn { table, column, instance: instance_column } = *column;
        let sql = format!("UPDATE {table} SET {column} = $3 WHERE {instance_column} = $1 AND {column} = $2");
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(instance.0)
            .bind(old)
            .bind(new)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }
}

/// The keyring with the root that the database keeps. Without one (a database that was not migrated yet) it stays as it is.
///
/// # Errors
/// [`application::Error::Conflict`] when none of the loaded master keys opens it: with another root no hash would match any more.
pub async fn adopt_root(owner: &mut PgConnection, keyring: Keyring) -> Result<Keyring> {
    match stored_root(owner).await? {
        Some(sealed) => keyring.with_root(&sealed),
        None => Ok(keyring),
    }
}

/// Keeps the keyring's root, unless the database has one.
pub async fn keep_root(owner: &mut PgConnection, keyring: &Keyring) -> Result<()> {
    let sealed = keyring.sealed_root()?;
    sqlx::query!("INSERT INTO forebay.hash_root (root_encrypted) VALUES ($1) ON CONFLICT DO NOTHING", sealed)
        .execute(owner)
        .await
        .map_err(convert)?;
    Ok(())
}

/// Whether the database keeps a root. Without one the next list of master keys might key hashes that match nothing.
pub async fn has_root(owner: &mut PgConnection) -> Result<bool> {
    Ok(stored_root(owner).await?.is_some())
}

/// Seals the root anew if another key than the present one sealed it; answers whether it did.
pub async fn rotate_root(owner: &mut PgConnection, keyring: &Keyring) -> Result<bool> {
    let Some(old) = stored_root(owner).await? else { return Ok(false) };
    if keyring.is_current(&old) {
        return Ok(false);
    }
    let new = keyring.sealed_root()?;
    let done =
        sqlx::query!("UPDATE forebay.hash_root SET root_encrypted = $2 WHERE root_encrypted = $1", old, new)
            .execute(owner)
            .await
            .map_err(convert)?;
    Ok(done.rows_affected() > 0)
}

async fn stored_root(owner: &mut PgConnection) -> Result<Option<String>> {
    let exists = sqlx::query_scalar!(r#"SELECT to_regclass('forebay.hash_root') IS NOT NULL AS "exists!""#)
        .fetch_one(&mut *owner)
        .await
        .map_err(convert)?;
    if !exists {
        return Ok(None);
    }
    sqlx::query_scalar!("SELECT root_encrypted FROM forebay.hash_root")
        .fetch_optional(owner)
        .await
        .map_err(convert)
}
