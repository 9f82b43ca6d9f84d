//! API keys: a public prefix by which a key is found, and a secret of which only a hash is kept.
//!
//! A key is looked up in the database with every request, so that a revoked one ends at once in every process. Nothing of
//! it is cached.

mod administer;
mod admit;
mod links;
mod policy;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{KeyId, TenantId};
use serde::Serialize;

pub use administer::{KeyChange, KeySpec, create_key, key, list_keys, revoke_key, update_key};
pub use admit::{authenticate, charge, prefix_of, resume};
pub use links::{SignInLinkStore, use_sign_in_link};
pub use policy::{Policy, PolicyText, TOOLS};

use crate::{caller::Scope, error::Result};

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
    /// What narrows that down.
    pub policy: Policy,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It opens doors.
    Active,
    /// It came to its end.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyState {
    /// The state's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl ApiKey {
    /// How it stands at a moment.
    pub fn state(&self, now: DateTime<Utc>) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyState::Expired
        } else {
            KeyState::Active
        }
    }
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
    /// What narrows that down.
    pub policy: Policy,
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

    /// The key of that id, locked until the transaction ends.
    async fn lock_key(&mut self, id: KeyId) -> Result<Option<ApiKey>>;

    /// Writes a key's name, scopes, policy and end.
    async fn update_key(&mut self, key: &ApiKey) -> Result<()>;

    /// Revokes a key of the tenant; `false` when there is none to revoke.
    async fn revoke_key(&mut self, id: KeyId, at: DateTime<Utc>) -> Result<bool>;
}

/// Keys across the border. The look-up that happens before a tenant is known is [`crate::ports::Database::key_by_prefix`].
#[async_trait]
pub trait KeyRegistry: Send {
    /// Notes that a key was used.
    async fn touch_key(&mut self, id: KeyId, at: DateTime<Utc>) -> Result<()>;

    /// All keys of all tenants, newest first; for the operator's command line.
    async fn every_key(&mut self) -> Result<Vec<ApiKey>>;
}
