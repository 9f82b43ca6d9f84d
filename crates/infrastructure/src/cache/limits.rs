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

/// `bucket.rs`, on Redis's own clock: those of the processes differ. A pause of zero reserves; a negative one
/// takes a token only if it is free.
static BUCKET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000000 + time[2]
         local interval, burst, pause = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
         local full_at = math.max(tonumber(redis.call('HGET', KEYS[1], 'full_at') or 0), now)
         local paused_until = tonumber(redis.call('HGET', KEYS[1], 'paused_until') or 0)
         local wait = 0
         if pause > 0 then
             paused_until = math.max(paused_until, now + pause)
         else
             local ahead = interval * (burst - 1)
             if paused_until > now then
                 full_at = math.max(full_at, paused_until + ahead)
             end
             wait = math.max(full_at - ahead - now, 0)
             if pause == 0 or wait == 0 then
                 full_at = full_at + interval
             end
         end
         redis.call('HSET', KEYS[1], 'full_at', full_at, 'paused_until', paused_until)
         redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(full_at, paused_until) - now) / 1000) + 1000)
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

/// Rate limits in Redis, or of this process alone while Redis fails.
pub struct RedisLimiter {
    link: Link,
    fallback: MemoryLimiter,
}

impl RedisLimiter {
    pub(super) fn new(link: Link) -> Self {
        Self { link, fallback: MemoryLimiter::default() }
    }

    async fn run(&self, bucket: &str, interval: u64, burst: u32, pause: i64) -> Option<u64> {
        let mut script = BUCKET.key(format!("{PREFIX}limit:{bucket}"));
        script.arg(interval).arg(burst.max(1)).arg(pause);
        let mut connection = self.link.connection();
        self.link.ask("limit", script.invoke_async(&mut connection)).await
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn reserve(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration {
        match self.run(bucket, interval(per_minute), burst, 0).await {
            Some(wait) => Duration::from_micros(wait),
            None => self.fallback.reserve(bucket, per_minute, burst).await,
        }
    }

    async fn admit(&self, bucket: &str, per_minute: u32, burst: u32) -> Duration {
        match self.run(bucket, interval(per_minute), burst, -1).await {
            Some(wait) => Duration::from_micros(wait),
            None => self.fallback.admit(bucket, per_minute, burst).await,
        }
    }

    async fn pause(&self, bucket: &str, pause: Duration) {
        // Here as well: Redis may fail before the pause is over.
        self.fallback.pause(bucket, pause).await;
        if !pause.is_zero() {
            self.run(bucket, 0, 1, i64::try_from(micros(pause)).unwrap_or(i64::MAX)).await;
        }
    }
}
