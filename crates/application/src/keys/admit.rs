//! Who presents a key.

use std::time::Duration as Wait;

use chrono::Duration;
use secrecy::{ExposeSecret, SecretString};

use super::{ApiKey, KeyState};
use crate::{
    caller::{Actor, Caller},
    error::{Error, Result},
    services::Services,
};

pub(super) const LEAD: &str = "fb";
pub(super) const PREFIX_LENGTH: usize = 10;
pub(super) const SECRET_LENGTH: usize = 40;

/// What the secret of a key that does not exist is compared with, so that it takes as long as one that does.
const NO_HASH: [u8; 32] = [0; 32];

fn refused() -> Error {
    Error::Unauthenticated("the API key is missing, wrong, expired or revoked".into())
}

/// Who presents this key text. The same answer, after the same work, for an unknown, wrong, expired and revoked key.
pub async fn authenticate(services: &Services, key: &SecretString, request_id: &str) -> Result<Caller> {
    let (prefix, secret) = split(key.expose_secret()).ok_or_else(refused)?;
    let (key, stored) = match services.db.key_by_prefix(prefix).await? {
        Some((key, hash)) => (Some(key), hash),
        None => (None, NO_HASH.to_vec()),
    };
    let hash = services.secrets.key_hash(&SecretString::from(secret.to_owned()));
    let is_right = services.secrets.equal(&hash, &stored);
    let key = key.filter(|_| is_right).ok_or_else(refused)?;
    let (id, last_used) = (key.id, key.last_used_at);
    let caller = admit(services, key, request_id)?;
    // To the minute: a read must not cost a write.
    let now = services.clock.now();
    if last_used.is_none_or(|at| now - at >= Duration::minutes(1)) {
        let mut tx = services.db.platform().await?;
        tx.touch_key(id, now).await?;
        tx.commit().await?;
    }
    Ok(caller)
}

/// The caller behind a key's prefix that was authenticated before (a session): still there, not expired, not revoked.
pub async fn resume(services: &Services, prefix: &str, request_id: &str) -> Result<Caller> {
    let (key, _) = services
        .db
        .key_by_prefix(prefix)
        .await?
        .ok_or_else(|| Error::Unauthenticated("the session's key is gone; sign in again".into()))?;
    admit(services, key, request_id)
}

fn admit(services: &Services, key: ApiKey, request_id: &str) -> Result<Caller> {
    if key.state(services.clock.now()) != KeyState::Active {
        return Err(refused());
    }
    Ok(Caller {
        tenant: key.tenant,
        actor: Actor::Key { id: key.id, name: key.name },
        scopes: key.scopes,
        policy: key.policy,
        expires_at: key.expires_at,
        request_id: request_id.to_owned(),
        in_bulk: false,
    })
}

/// Counts a request against the rate of the caller's key, which is the same for all doors and processes.
///
/// # Errors
/// [`Error::RateLimited`], with the time after which a request passes again. A refused request does not count.
pub async fn charge(services: &Services, caller: &Caller) -> Result<()> {
    let (Some(rate), Actor::Key { id, .. }) = (caller.policy.rate, &caller.actor) else { return Ok(()) };
    let wait = services.limiter.admit(&format!("key:{id}"), rate, rate).await;
    if wait.is_zero() {
        return Ok(());
    }
    // Whole seconds, upwards: whoever waits that long is let in.
    Err(Error::RateLimited { retry_after: Wait::from_secs(wait.as_millis().div_ceil(1000) as u64) })
}

/// The public half of a well-formed key text.
pub fn prefix_of(key: &SecretString) -> Option<&str> {
    split(key.expose_secret()).map(|(prefix, _)| prefix)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix(LEAD)?.strip_prefix('_')?;
    let (prefix, secret) = rest.split_once('_')?;
    (prefix.len() == PREFIX_LENGTH && secret.len() == SECRET_LENGTH).then_some((prefix, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_texts_are_looked_up() {
        let text = format!("fb_{}_{}", "a".repeat(10), "b".repeat(40));
        assert_eq!(prefix_of(&text.as_str().into()), Some("aaaaaaaaaa"));
        for wrong in ["", "fb_", "fb_x_y", "xx_aaaaaaaaaa_b", &text[1..], &text[..50]] {
            assert_eq!(prefix_of(&wrong.into()), None, "{wrong}");
        }
    }
}
