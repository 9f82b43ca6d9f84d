//! API keys: a public prefix by which a key is found, and a secret of which only a hash is kept.

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use domain::ids::{KeyId, TenantId};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    audit::NewAuditEntry,
    caller::{Actor, Caller, Scope},
    error::{Error, Result},
    ports::Secrets,
    services::Services,
};

/// A key as listed: never its secret.
#[derive(Clone, Debug, Serialize)]
pub struct ApiKey {
    /// Its id, by which it is revoked.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name, for people and the audit log.
    pub name: String,
    /// The public half.
    pub prefix: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// The public half.
    pub prefix: String,
    /// The hash of the secret half.
    pub secret_hash: Vec<u8>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A tenant's keys.
#[async_trait]
pub trait KeyStore: Send {
    /// Stores a key.
    async fn add_key(&mut self, key: &NewApiKey) -> Result<()>;

    /// The tenant's keys, newest first.
    async fn keys(&mut self) -> Result<Vec<ApiKey>>;

    /// Revokes a key of the tenant; `false` when there is none to revoke.
    async fn revoke_key(&mut self, id: KeyId, at: DateTime<Utc>) -> Result<bool>;
}

/// Keys across the border: the look-up that happens before a tenant is known.
#[async_trait]
pub trait KeyRegistry: Send {
    /// The key with this prefix and the hash of its secret.
    async fn key_by_prefix(&mut self, prefix: &str) -> Result<Option<(ApiKey, Vec<u8>)>>;

    /// Notes that a key was used.
    async fn touch_key(&mut self, id: KeyId, at: DateTime<Utc>) -> Result<()>;

    /// All keys of all tenants, newest first; for the operator's command line.
    async fn every_key(&mut self) -> Result<Vec<ApiKey>>;
}

const LEAD: &str = "fb";
const PREFIX_LENGTH: usize = 10;
const SECRET_LENGTH: usize = 40;

/// Makes a key of the caller's tenant; the text is shown once and kept nowhere.
pub async fn create_key(
    services: &Services,
    caller: &Caller,
    name: &str,
    mut scopes: Vec<Scope>,
) -> Result<(KeyId, SecretString)> {
    caller.require(Scope::Admin)?;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Error::invalid("scopes", "name at least one of read, write, sql, ai, admin"));
    }
    if name.is_empty() || name.len() > 255 {
        return Err(Error::invalid("name", "must be 1 to 255 characters"));
    }
    let secrets = services.secrets.as_ref();
    let prefix = secrets.random_text(PREFIX_LENGTH).expose_secret().to_owned();
    let secret = secrets.random_text(SECRET_LENGTH);
    let text = SecretString::from(format!("{LEAD}_{prefix}_{}", secret.expose_secret()));
    let id = KeyId(Uuid::now_v7());
    let key = NewApiKey {
        id,
        name: name.to_owned(),
        prefix,
        secret_hash: secrets.key_hash(&secret),
        scopes,
        expires_at: None,
    };
    let after = json!({ "name": key.name, "scopes": key.scopes });
    let now = services.clock.now();
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.add_key(&key).await?;
    tx.record(NewAuditEntry::success(caller, None, "create_key", id.to_string(), Value::Null, after, now))
        .await?;
    tx.commit().await?;
    Ok((id, text))
}

/// Revokes a key of the caller's tenant: it and the sessions begun with it end at once. `false` when it was revoked
/// already.
///
/// # Errors
/// [`Error::NotFound`] when the tenant has no such key.
pub async fn revoke_key(services: &Services, caller: &Caller, id: KeyId) -> Result<bool> {
    caller.require(Scope::Admin)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let key = tx.keys().await?.into_iter().find(|key| key.id == id);
    let key = key.ok_or_else(|| Error::not_found("key", id.to_string()))?;
    let now = services.clock.now();
    if !tx.revoke_key(id, now).await? {
        return Ok(false);
    }
    let before = json!({ "name": key.name, "scopes": key.scopes });
    tx.record(NewAuditEntry::success(caller, None, "revoke_key", id.to_string(), before, Value::Null, now))
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// Who presents this key text. The same answer for an unknown, wrong, expired and revoked key.
pub async fn authenticate(services: &Services, text: &str, request_id: &str) -> Result<Caller> {
    let refused = || Error::Unauthenticated("the API key is missing, wrong, expired or revoked".into());
    let (prefix, secret) = split(text).ok_or_else(refused)?;
    let mut tx = services.db.platform().await?;
    let (key, hash) = tx.key_by_prefix(prefix).await?.ok_or_else(refused)?;
    let (id, last_used) = (key.id, key.last_used_at);
    let caller = admit(services, key, request_id)?;
    if !matches(services.secrets.as_ref(), secret, &hash) {
        return Err(refused());
    }
    // To the minute: a read must not cost a write.
    let now = services.clock.now();
    if last_used.is_none_or(|at| now - at >= Duration::minutes(1)) {
        tx.touch_key(id, now).await?;
        tx.commit().await?;
    }
    Ok(caller)
}

/// The caller behind a key's prefix that was authenticated before (a session): still there, not expired, not revoked.
pub async fn resume(services: &Services, prefix: &str, request_id: &str) -> Result<Caller> {
    let mut tx = services.db.platform().await?;
    let (key, _) = tx
        .key_by_prefix(prefix)
        .await?
        .ok_or_else(|| Error::Unauthenticated("the session's key is gone; sign in again".into()))?;
    admit(services, key, request_id)
}

/// The public half of a well-formed key text.
pub fn prefix_of(text: &str) -> Option<&str> {
    split(text).map(|(prefix, _)| prefix)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix(LEAD)?.strip_prefix('_')?;
    let (prefix, secret) = rest.split_once('_')?;
    (prefix.len() == PREFIX_LENGTH && secret.len() == SECRET_LENGTH).then_some((prefix, secret))
}

fn matches(secrets: &dyn Secrets, secret: &str, hash: &[u8]) -> bool {
    secrets.equal(&secrets.key_hash(&SecretString::from(secret.to_owned())), hash)
}

fn admit(services: &Services, key: ApiKey, request_id: &str) -> Result<Caller> {
    let expired = key.expires_at.is_some_and(|end| end <= services.clock.now());
    if key.revoked_at.is_some() || expired {
        return Err(Error::Unauthenticated("the API key is missing, wrong, expired or revoked".into()));
    }
    Ok(Caller {
        tenant: key.tenant,
        actor: Actor::Key { id: key.id, name: key.name },
        scopes: key.scopes,
        projects: Default::default(),
        request_id: request_id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_texts_are_looked_up() {
        let text = format!("fb_{}_{}", "a".repeat(10), "b".repeat(40));
        assert_eq!(prefix_of(&text), Some("aaaaaaaaaa"));
        for wrong in ["", "fb_", "fb_x_y", "xx_aaaaaaaaaa_b", &text[1..], &text[..50]] {
            assert_eq!(prefix_of(wrong), None, "{wrong}");
        }
    }
}
