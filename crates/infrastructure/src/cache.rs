//! What may be lost: cached look-ups and rate limits. Redis when several processes share them, in-process otherwise.
//!
//! A Redis that fails slows things down and breaks nothing: look-ups are answered from memory or the database, the limiter
//! goes on with limits of this process alone, and the log says so once a minute. docs/cache.md says what is promised.

mod bucket;
mod limits;
mod link;
mod lookups;
mod memory;
mod scope;
mod shared;

use std::sync::Arc;

use application::{error::Result, ports::RateLimiter};

pub use limits::{MemoryLimiter, RedisLimiter};
pub use lookups::{CacheSettings, LookupCache};

/// The cache and the limiter: with Redis at this address (`redis://[user:password@]host:port[/database]`, or `rediss://` over
/// TLS), or in-process without one. A Redis that does not answer yet is used when it does; an address that cannot be used is
/// logged as an error. Neither is a reason not to start: [`ping`] is for whoever wants to know.
pub async fn connect(
    redis_url: Option<&str>,
    settings: CacheSettings,
) -> (Arc<LookupCache>, Arc<dyn RateLimiter>) {
    let link = match redis_url.map(link::Link::open) {
        Some(Ok(link)) => {
            link.check().await;
            Some(link)
        }
        Some(Err(error)) => {
            tracing::error!(%error, "cache and limits are in-process");
            None
        }
        None => None,
    };
    let limiter: Arc<dyn RateLimiter> = match link.clone() {
        Some(link) => Arc::new(RedisLimiter::new(link)),
        None => Arc::new(MemoryLimiter::default()),
    };
    (Arc::new(LookupCache::new(link, settings)), limiter)
}

/// Whether the Redis at this address answers.
///
/// # Errors
/// [`application::error::Error::Invalid`] when the text is not an address of Redis;
/// [`application::error::Error::Unavailable`] when nothing answers there.
pub async fn ping(redis_url: &str) -> Result<()> {
    link::Link::open(redis_url)?.ping().await
}

#[cfg(test)]
mod tests;
