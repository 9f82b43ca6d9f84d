//! Rate limits: of this process alone, or in Redis.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ::redis::Script;
use application::ports::RateLimiter;
use async_trait::async_trait;

use super::{
    bucket::{Bucket, interval, micros},
    link::{Link, PREFIX},
};

/// When there are so many buckets, those that are full are forgotten.
const MANY_BUCKETS: usize = 10_000;

/// `bucket.rs`, on Redis's own clock: those of the processes differ.
static BUCKET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000000 + time[2]
         local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
         local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
         local wait = math.max(full_at - interval * (burst - 1) - now, 0)
         if wait == 0 then
             full_at = full_at + interval
             redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000) + 1000)
         end
         return wait",
    )
});

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
    async fn admit(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration {
        Duration::from_micros(self.with_bucket(bucket, |bucket, now| bucket.admit(now, per_minute, burst)))
    }
}

/// Rate limits in Redis, or of this process alone while Redis fails.
pub struct RedisLimiter {
    link: Link,
    fallback: MemoryLimiter,
}

impl RedisLimiter {
    pub(super) fn new(link: Link) -> Self {
        Self { link, fallback: MemoryLimiter::default() }
    }

    async fn run(&self, bucket: &str, per_minute: u32, burst: u32) -> Option<u64> {
        // Named otherwise than the buckets of earlier versions, which were hashes.
        let mut script = BUCKET.key(format!("{PREFIX}bucket:{bucket}"));
        script.arg(interval(per_minute)).arg(burst.max(1));
        let mut connection = self.link.connection();
        self.link.ask("limit", script.invoke_async(&mut connection)).await
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn admit(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration {
        match self.run(bucket, per_minute, burst).await {
            Some(wait) => Duration::from_micros(wait),
            None => self.fallback.admit(bucket, per_minute, burst).await,
        }
    }
}
