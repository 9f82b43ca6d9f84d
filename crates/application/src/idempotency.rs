//! Answers to writes that carried an `Idempotency-Key`: the same request under the same key happens once.
//!
//! A key is claimed by itself, in a transaction of its own, before the write begins; so of two equal requests at the same time
//! one executes. What cannot be told (the answer was lost, the process died) stays claimed: a write is never done twice.

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    caller::{Actor, Caller},
    error::{Error, Result},
    jobs::{Job, JobError},
    services::Services,
    tenant_context::TenantContext,
};

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::hours(24);
/// Longer than any request lasts: one that did not end by then never will.
const ABANDONED_AFTER: Duration = Duration::minutes(10);
const LONGEST_KEY: usize = 200;

/// A request as far as it is compared: who sent it under which key, and what it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The key, with whose it is: two callers may choose the same one.
    pub key: String,
    /// The hash of method, path and body.
    pub hash: Vec<u8>,
}

impl IdempotentRequest {
    /// # Errors
    /// [`Error::Invalid`] unless the key is 1 to 200 visible ASCII characters.
    pub fn new(caller: &Caller, key: &str, hash: Vec<u8>) -> Result<Self> {
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid(
                "Idempotency-Key",
                format!("must be 1 to {LONGEST_KEY} visible ASCII characters, such as a UUID"),
            ));
        }
        let who = match &caller.actor {
            Actor::Key { id, .. } => id.to_string(),
            Actor::Operator { .. } | Actor::System => "system".into(),
        };
        Ok(Self { key: format!("{who}:{key}"), hash })
    }
}

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// The body; `None` where it is not kept, because a secret is in it or it is too large.
    pub body: Option<String>,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: the caller has it now, and goes on.
    Won,
    /// This request was answered already.
    Answered(KeptAnswer),
    /// This request began at that moment and has no answer yet.
    Begun(DateTime<Utc>),
    /// The key belongs to another request.
    Taken,
}

/// Storage of keys and answers.
#[async_trait]
pub trait IdempotencyStore: Send {
    /// Claims a key, unless it is known; one that is older than [`KEPT_FOR`] is not.
    async fn claim(&mut self, request: &IdempotentRequest, now: DateTime<Utc>) -> Result<Claim>;

    /// Keeps the answer of a claimed key.
    async fn keep_answer(&mut self, request: &IdempotentRequest, answer: &KeptAnswer) -> Result<()>;

    /// Gives a claimed key back: nothing happened under it.
    async fn give_back(&mut self, request: &IdempotentRequest) -> Result<()>;

    /// Forgets keys from before that moment; answers how many.
    async fn prune_answers(&mut self, before: DateTime<Utc>) -> Result<u64>;
}

/// How a request with a key goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It is done for the first time.
    Execute,
    /// It was done; this was the answer.
    Replay(KeptAnswer),
    /// The key was used for another request.
    Mismatch,
}

/// Claims the key of a request.
///
/// # Errors
/// [`Error::Conflict`] while the same request is under way, and when what came of it cannot be told or shown again.
pub async fn begin(services: &Services, caller: &Caller, request: &IdempotentRequest) -> Result<Begin> {
    let now = services.clock.now();
    let mut tx = services.db.tenant(&caller.context()).await?;
    let claim = tx.claim(request, now).await?;
    tx.commit().await?;
    match claim {
        Claim::Won => Ok(Begin::Execute),
        Claim::Taken => Ok(Begin::Mismatch),
        Claim::Answered(KeptAnswer { body: None, status, .. }) => Err(Error::Conflict(format!(
            "this request was answered with {status} already; its answer is not kept, because it is secret or too large"
        ))),
        Claim::Answered(answer) => Ok(Begin::Replay(answer)),
        Claim::Begun(at) if now - at > ABANDONED_AFTER => Err(Error::Conflict(
            "the first request under this key never ended; see what came of it, and go on under another key"
                .into(),
        )),
        Claim::Begun(_) => Err(Error::Conflict(
            "a request under this key is under way; ask again in a moment for its answer".into(),
        )),
    }
}

/// Keeps the answer, or gives the key back where nothing happened.
///
/// # Errors
/// [`Error::Unavailable`]. The key stays claimed then.
pub async fn end(
    services: &Services,
    caller: &Caller,
    request: &IdempotentRequest,
    answer: Option<&KeptAnswer>,
) -> Result<()> {
    let mut tx = services.db.tenant(&caller.context()).await?;
    match answer {
        Some(answer) => tx.keep_answer(request, answer).await?,
        None => tx.give_back(request).await?,
    }
    tx.commit().await
}

/// Forgets answers that are old enough, of every tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PruneAnswers {}

#[async_trait]
impl Job for PruneAnswers {
    const NAME: &'static str = "prune_answers";
    const PRIORITY: i32 = 40;

    fn key(&self) -> Option<String> {
        Some(Self::NAME.into())
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let before = services.clock.now() - KEPT_FOR;
        let tenants = services.db.platform().await?.tenants().await?;
        for tenant in tenants {
            let mut tx = services.db.tenant(&TenantContext::whole(tenant.id)).await?;
            let pruned = tx.prune_answers(before).await?;
            tx.commit().await?;
            if pruned > 0 {
                tracing::debug!(tenant = %tenant.id, pruned, "old answers forgotten");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::TenantId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_is_its_callers_own_and_visible() {
        let caller = Caller::system(TenantId(Uuid::nil()));
        let request = |key: &str| IdempotentRequest::new(&caller, key, vec![1]);
        assert_eq!(request("order-7").unwrap().key, "system:order-7");
        for wrong in ["", "a b", "ü", "a\n", &"x".repeat(201)] {
            assert!(request(wrong).is_err(), "{wrong:?}");
        }
    }
}
