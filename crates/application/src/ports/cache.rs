//! What may be lost: cached answers and rate limits. Redis when several processes share them, in-process otherwise.

use std::time::Duration;

use async_trait::async_trait;

/// A cache of serialised answers. A failing cache answers as an empty one: it slows things down and breaks nothing.
/// Keys must carry the tenant.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The cached bytes, unless expired or absent.
    async fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Caches bytes for some time.
    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration);

    /// Forgets a key, in every process.
    async fn forget(&self, key: &str);
}

/// Token buckets by name, shared by everyone who uses the same name.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one token from a bucket that refills at `per_minute` and holds at most `burst`. Zero: go on now.
    /// Otherwise the token is reserved, and the caller must wait that long first.
    async fn reserve(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration;

    /// Takes a token if one is free: zero. Otherwise takes none, and answers how long until one is.
    async fn admit(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration;

    /// Lets nobody through for that long: what a 429 with `Retry-After` asks for.
    async fn pause(&self, bucket: &str, pause: Duration);
}
