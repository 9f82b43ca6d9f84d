//! Cache and limits of one process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use application::ports::{Cache, RateLimiter};
use async_trait::async_trait;
use moka::Expiry;

use super::bucket::{Bucket, micros};

const CAPACITY_BYTES: u64 = 64 << 20;
/// What an entry costs beside its bytes, about.
const ENTRY_BYTES: usize = 128;
/// When there are so many buckets, those that are full are forgotten.
const MANY_BUCKETS: usize = 10_000;

/// A cache in this process, bounded in bytes: what is used rarely goes first.
pub struct MemoryCache {
    entries: moka::future::Cache<String, Entry>,
}

#[derive(Clone)]
struct Entry {
    value: Vec<u8>,
    ttl: Duration,
}

struct EntryTtl;

impl Expiry<String, Entry> for EntryTtl {
    fn expire_after_create(&self, _key: &String, entry: &Entry, _now: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl MemoryCache {
    /// A cache of at most that many bytes.
    pub fn new(capacity_bytes: u64) -> Self {
        let entries = moka::future::Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(|key: &String, entry: &Entry| {
                u32::try_from(key.len() + entry.value.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
            })
            .expire_after(EntryTtl)
            .build();
        Self { entries }
    }
}

impl Default for MemoryCache {
    /// 64 MiB.
    fn default() -> Self {
        Self::new(CAPACITY_BYTES)
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.entries.get(key).await.map(|entry| entry.value)
    }

    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) {
        self.entries.insert(key.to_owned(), Entry { value, ttl }).await;
    }

    async fn forget(&self, key: &str) {
        self.entries.invalidate(key).await;
    }
}

/// Rate limits of this process alone.
pub struct MemoryLimiter {
    epoch: Instant,
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Default for MemoryLimiter {
    fn default() -> Self {
        Self { epoch: Instant::now(), buckets: Mutex::default() }
    }
}

impl MemoryLimiter {
    fn with_bucket<T>(&self, name: &str, act: impl FnOnce(&mut Bucket, u64) -> T) -> T {
        // The arithmetic cannot panic, so a poisoned lock still guards whole buckets.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = micros(self.epoch.elapsed());
        if let Some(bucket) = buckets.get_mut(name) {
            return act(bucket, now);
        }
        if buckets.len() >= MANY_BUCKETS {
            buckets.retain(|_, bucket| !bucket.is_idle(now));
        }
        act(buckets.entry(name.to_owned()).or_default(), now)
    }
}

#[async_trait]
impl RateLimiter for MemoryLimiter {
    async fn reserve(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration {
        Duration::from_micros(self.with_bucket(bucket, |bucket, now| bucket.reserve(now, per_minute, burst)))
    }

    async fn admit(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration {
        Duration::from_micros(self.with_bucket(bucket, |bucket, now| bucket.admit(now, per_minute, burst)))
    }

    async fn pause(&self, bucket: &str, pause: Duration) {
        self.with_bucket(bucket, |bucket, now| bucket.pause(now, pause));
    }
}
