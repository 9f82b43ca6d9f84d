//! What may be lost: cached look-ups and rate limits. Redis when several processes share them, in-process otherwise.

use std::{any::Any, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::ids::{InstanceId, TenantId};
use futures::future::{BoxFuture, FutureExt};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, Result},
    events::Announcement,
};

/// What is cached, which decides what makes it old (see [`crate::events::Event`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An instance by name or id.
    Instance,
    /// An issue by key or id.
    Issue,
    /// A project by key or id.
    Project,
    /// A user by account.
    User,
    /// A roster of a site.
    Roster,
    /// Work Pulse.
    Pulse,
}

impl Kind {
    /// Its name, in keys and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Issue => "issue",
            Self::Project => "project",
            Self::User => "user",
            Self::Roster => "roster",
            Self::Pulse => "pulse",
        }
    }
}

/// The name of something cached. It carries the tenant, so that no name of one tenant finds what is another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// Whose.
    pub tenant: TenantId,
    /// At which instance; `None` for what is looked for at all of the tenant's.
    pub instance: Option<InstanceId>,
    /// What.
    pub kind: Kind,
    /// Which.
    pub name: String,
}

/// A value in memory, of the type that its [`CacheKey::kind`] says.
pub type Value = Arc<dyn Any + Send + Sync>;

/// What a load found.
pub enum Loaded<T> {
    /// Nothing, which is not kept: what is created next must be found at once.
    Absent,
    /// A value for whoever waits for it, and not to be kept.
    Once(T),
    /// A value to keep.
    Keep(T),
}

/// A value and its bytes, which are written once.
#[derive(Clone)]
pub struct Stored {
    /// The value.
    pub value: Value,
    /// It as JSON; `None` for what is not to be kept.
    pub bytes: Option<Arc<[u8]>>,
}

/// How a value is had when it is not cached.
pub struct Load {
    /// Asks for the value. Runs to its end even if nobody waits for it any more.
    pub run: BoxFuture<'static, Result<Option<Stored>>>,
    /// Reads a value that another process wrote; `None` when it cannot be read.
    pub decode: fn(&[u8]) -> Option<Value>,
    /// Kept no longer than that, if that is shorter than usual.
    pub at_most: Option<Duration>,
}

/// What a look-up answers.
pub type Answer = Result<Option<Value>>;

/// Look-ups in memory and, where there is one, in Redis. It is never the reason for a failure: one that cannot be asked
/// slows things down and breaks nothing.
///
/// Promised: a look-up that begins after [`Cache::announced`] has returned for a transaction answers nothing older than
/// that transaction; and at most one caller of a process loads a key at a time, while the others wait for it.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The cached value, or the loaded one. Errors are not cached. Prefer [`cached`], which knows the type.
    async fn look_up(&self, key: CacheKey, load: Load) -> Answer;

    /// Forgets what a committed transaction made old, here and wherever it is shared, before it returns.
    async fn announced(&self, announcement: &Announcement);
}

/// A typed look-up.
///
/// # Errors
/// Those of `load`.
pub async fn cached<T>(
    cache: &dyn Cache,
    key: CacheKey,
    at_most: Option<Duration>,
    load: impl Future<Output = Result<Loaded<T>>> + Send + 'static,
) -> Result<Option<Arc<T>>>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let run = async move {
        let (value, keep) = match load.await? {
            Loaded::Absent => return Ok(None),
            Loaded::Once(value) => (value, false),
            Loaded::Keep(value) => (value, true),
        };
        let bytes =
            if keep { Some(serde_json::to_vec(&value).map_err(Error::internal)?.into()) } else { None };
        Ok(Some(Stored { value: Arc::new(value), bytes }))
    };
    let load = Load { run: run.boxed(), decode: decode::<T>, at_most };
    let Some(value) = cache.look_up(key, load).await? else { return Ok(None) };
    let typed = value.downcast::<T>().map_err(|_| Error::internal("a cached value has another type"))?;
    Ok(Some(typed))
}

fn decode<T: DeserializeOwned + Send + Sync + 'static>(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice::<T>(bytes).ok().map(|value| Arc::new(value) as Value)
}

/// Token buckets by name, shared by everyone who uses the same name.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes a token from a bucket that refills at `per_minute` and holds at most `burst`: zero. If none is free it takes none, and
    /// answers how long until one is.
    async fn admit(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration;
}
