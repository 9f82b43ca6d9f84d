//! Making, changing and revoking keys. Nobody gives away more than they have.

use chrono::{DateTime, Utc};
use domain::ids::KeyId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ApiKey, KeyState, NewApiKey, Policy,
    admit::{LEAD, PREFIX_LENGTH, SECRET_LENGTH},
};
use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::{Caller, Scope},
    error::{Error, FieldProblem, Result},
    services::Services,
};

/// What a key is to be.
#[derive(Clone, Debug, Default)]
pub struct KeySpec {
    /// Its name, for people and the audit log.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// What narrows that down.
    pub policy: Policy,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What is to become of a key; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct KeyChange {
    /// Its name.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Option<Vec<Scope>>,
    /// What narrows that down, as a whole.
    pub policy: Option<Policy>,
    /// When it ends by itself; `Some(None)` for never.
    pub expires_at: Option<Option<DateTime<Utc>>>,
}

impl KeySpec {
    fn check(&mut self, caller: &Caller, now: DateTime<Utc>) -> Result<()> {
        let mut problems = Vec::new();
        let mut problem = |field: &str, message: String| {
            problems.push(FieldProblem { field: field.into(), message });
        };
        self.scopes.sort_unstable();
        self.scopes.dedup();
        if self.name.is_empty() || self.name.len() > 255 {
            problem("name", "must be 1 to 255 characters".into());
        }
        if self.scopes.is_empty() {
            problem("scopes", "name at least one of read, write, sql, ai, admin".into());
        }
        let missing: Vec<_> =
            self.scopes.iter().filter(|scope| !caller.has(**scope)).map(|s| s.as_str()).collect();
        if !missing.is_empty() {
            problem(
                "scopes",
                format!("your own key does not have {}, so it cannot give it away", missing.join(", ")),
            );
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            problem("expires_at", "must be in the future".into());
        }
        if let Some(end) = caller.expires_at
            && self.expires_at.is_none_or(|own| own > end)
        {
            problem("expires_at", format!("must not be after the end of your own key, {}", end.to_rfc3339()));
        }
        problems.extend(self.policy.beyond(&caller.policy));
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
    }
}

/// What the audit log keeps of a key.
fn noted(name: &str, scopes: &[Scope], policy: &Policy, expires_at: Option<DateTime<Utc>>) -> Value {
    json!({ "name": name, "scopes": scopes, "policy": policy, "expires_at": expires_at })
}

/// Makes a key of the caller's tenant; the text is shown once and kept nowhere.
///
/// # Errors
/// [`Error::Invalid`] for what is wrong with it, or goes beyond what the caller may do.
pub async fn create_key(
    services: &Services,
    caller: &Caller,
    mut spec: KeySpec,
) -> Result<(ApiKey, SecretString)> {
    caller.permit(Action::CreateKey)?;
    let now = services.clock.now();
    spec.check(caller, now)?;
    let secrets = services.secrets.as_ref();
    let prefix = secrets.random_text(PREFIX_LENGTH).expose_secret().to_owned();
    let secret = secrets.random_text(SECRET_LENGTH);
    let text = SecretString::from(format!("{LEAD}_{prefix}_{}", secret.expose_secret()));
    let key = NewApiKey {
        id: KeyId(Uuid::now_v7()),
        name: spec.name,
        prefix,
        secret_hash: secrets.key_hash(&secret),
        scopes: spec.scopes,
        policy: spec.policy,
        expires_at: spec.expires_at,
    };
    let after = noted(&key.name, &key.scopes, &key.policy, key.expires_at);
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.add_key(&key).await?;
    let made = tx.lock_key(key.id).await?.ok_or_else(|| Error::internal("a new key is not there"))?;
    record(tx.as_mut(), caller, Action::CreateKey, key.id, (Value::Null, after), now).await?;
    tx.commit().await?;
    Ok((made, text))
}

/// The keys of the caller's tenant, newest first; for a caller limited to projects those whose limit lies within.
pub async fn list_keys(services: &Services, caller: &Caller) -> Result<Vec<ApiKey>> {
    caller.require(Scope::Admin)?;
    let mut keys = services.db.tenant(&caller.context()).await?.keys().await?;
    keys.retain(|key| is_within_reach(caller, key));
    Ok(keys)
}

/// One of [`list_keys`].
///
/// # Errors
/// [`Error::NotFound`] when there is no such key among them.
pub async fn key(services: &Services, caller: &Caller, id: KeyId) -> Result<ApiKey> {
    let keys = list_keys(services, caller).await?;
    keys.into_iter().find(|key| key.id == id).ok_or_else(|| Error::not_found("key", id.to_string()))
}

/// Changes a key; requests under way end with what it was, the next ones see what it is.
///
/// # Errors
/// [`Error::NotFound`] when the caller's tenant has no such key; [`Error::Conflict`] when it was revoked;
/// [`Error::Invalid`] for what is wrong with the change, or goes beyond what the caller may do.
pub async fn update_key(
    services: &Services,
    caller: &Caller,
    id: KeyId,
    change: KeyChange,
) -> Result<ApiKey> {
    caller.permit(Action::UpdateKey)?;
    let now = services.clock.now();
    let mut tx = services.db.tenant(&caller.context()).await?;
    let mut key = within_reach(caller, tx.lock_key(id).await?, id)?;
    if key.state(now) == KeyState::Revoked {
        return Err(Error::Conflict("the key was revoked, which is for good; make another one".into()));
    }
    let before = noted(&key.name, &key.scopes, &key.policy, key.expires_at);
    let mut spec = KeySpec {
        name: change.name.unwrap_or(key.name),
        scopes: change.scopes.unwrap_or(key.scopes),
        policy: change.policy.unwrap_or(key.policy),
        expires_at: change.expires_at.unwrap_or(key.expires_at),
    };
    spec.check(caller, now)?;
    let KeySpec { name, scopes, policy, expires_at } = spec;
    key = ApiKey { name, scopes, policy, expires_at, ..key };
    tx.update_key(&key).await?;
    let after = noted(&key.name, &key.scopes, &key.policy, key.expires_at);
    record(tx.as_mut(), caller, Action::UpdateKey, id, (before, after), now).await?;
    tx.commit().await?;
    Ok(key)
}

/// Revokes a key of the caller's tenant: it and the sessions begun with it end at once. `false` when it was revoked
/// already.
///
/// # Errors
/// [`Error::NotFound`] when the tenant has no such key.
pub async fn revoke_key(services: &Services, caller: &Caller, id: KeyId) -> Result<bool> {
    caller.permit(Action::RevokeKey)?;
    let now = services.clock.now();
    let mut tx = services.db.tenant(&caller.context()).await?;
    let key = within_reach(caller, tx.lock_key(id).await?, id)?;
    if !tx.revoke_key(id, now).await? {
        return Ok(false);
    }
    let before = noted(&key.name, &key.scopes, &key.policy, key.expires_at);
    record(tx.as_mut(), caller, Action::RevokeKey, id, (before, Value::Null), now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Policies name projects, so that they are shown only to whoever may know of these.
fn is_within_reach(caller: &Caller, key: &ApiKey) -> bool {
    caller.policy.projects.covers(&key.policy.projects)
}

fn within_reach(caller: &Caller, key: Option<ApiKey>, id: KeyId) -> Result<ApiKey> {
    key.filter(|key| is_within_reach(caller, key)).ok_or_else(|| Error::not_found("key", id.to_string()))
}

async fn record(
    tx: &mut dyn crate::ports::TenantTx,
    caller: &Caller,
    action: Action,
    id: KeyId,
    (before, after): (Value, Value),
    now: DateTime<Utc>,
) -> Result<()> {
    tx.record(NewAuditEntry::success(caller, None, action.as_str(), id.to_string(), before, after, now)).await
}
