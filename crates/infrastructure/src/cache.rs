//! What may be lost: cached answers and rate limits. In Redis when several processes share them, in-process otherwise.
//!
//! A Redis that fails slows nothing down for long and breaks nothing: the cache answers as an empty one, the limiter
//! goes on with limits of this process alone, and the log says so once a minute.

mod bucket;
mod memory;
mod redis;

use std::sync::Arc;

use application::{
    error::Result,
    ports::{Cache, RateLimiter},
};

pub use memory::{MemoryCache, MemoryLimiter};
pub use redis::{RedisCache, RedisLimiter};

/// The cache and the limiter: in Redis at this address (`redis://[user:password@]host:port[/database]`, or `rediss://` over TLS), or in-process
/// without one. A Redis that does not answer yet is used when it does; an address that cannot be used is logged as an
/// error. Neither is a reason not to start: [`ping`] is for whoever wants to know.
pub async fn connect(redis_url: Option<&str>) -> (Arc<dyn Cache>, Arc<dyn RateLimiter>) {
    match redis_url.map(redis::Link::open) {
        Some(Ok(link)) => {
            link.check().await;
            (Arc::new(RedisCache::new(link.clone())), Arc::new(RedisLimiter::new(link)))
        }
        Some(Err(error)) => {
            tracing::error!(%error, "cache and limits are in-process");
            in_process()
        }
        None => in_process(),
    }
}

fn in_process() -> (Arc<dyn Cache>, Arc<dyn RateLimiter>) {
    (Arc::new(MemoryCache::default()), Arc::new(MemoryLimiter::default()))
}

/// Whether the Redis at this address answers.
///
/// # Errors
/// [`application::error::Error::Invalid`] when the text is not an address of Redis;
/// [`application::error::Error::Unavailable`] when nothing answers there.
pub async fn ping(redis_url: &str) -> Result<()> {
    redis::Link::open(redis_url)?.ping().await
}

#[cfg(test)]
mod tests;
