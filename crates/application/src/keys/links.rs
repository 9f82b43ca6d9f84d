//! Sign-in links: each opens the console once, in whichever process it is used.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    caller::Caller,
    error::{Error, Result},
    services::Services,
};

/// Storage of the links that were used.
#[async_trait]
pub trait SignInLinkStore: Send {
    /// Uses a link that ends at `until`; `false` when it was used before. Forgets those that have ended.
    async fn use_sign_in_link(&mut self, id: Uuid, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool>;
}

/// Uses a sign-in link of a caller.
///
/// # Errors
/// [`Error::Unauthenticated`] when it was used before.
pub async fn use_sign_in_link(
    services: &Services,
    caller: &Caller,
    id: Uuid,
    until: DateTime<Utc>,
) -> Result<()> {
    let mut tx = services.db.tenant(&caller.context()).await?;
    if !tx.use_sign_in_link(id, until, services.clock.now()).await? {
        return Err(Error::Unauthenticated(
            "this sign-in link was used already, and opens the console once; sign in with an API key".into(),
        ));
    }
    tx.commit().await
}
