//! Cache and limits that processes share, in Redis.

use std::{
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ::redis::{
    Client, Cmd, FromRedisValue, RedisResult, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use application::{
    error::{Error, Result},
    ports::{Cache, RateLimiter},
};
use async_trait::async_trait;

use super::{
    bucket::{interval, micros},
    memory::MemoryLimiter,
};

const PREFIX: &str = "forebay:";
/// Redis answers within a millisecond or is of no use.
const PATIENCE: Duration = Duration::from_millis(200);
/// After a failure Redis is left alone for so long, so that not every request waits for nothing.
const REST: Duration = Duration::from_secs(1);
const LOG_EVERY: Duration = Duration::from_secs(60);

/// `bucket.rs`, on Redis's own clock: those of the processes differ. A pause of zero reserves.
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
             full_at = full_at + interval
         end
         redis.call('HSET', KEYS[1], 'full_at', full_at, 'paused_until', paused_until)
         redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(full_at, paused_until) - now) / 1000) + 1000)
         return wait",
    )
});

/// A connection that everyone shares, and that comes back by itself.
#[derive(Clone)]
pub(super) struct Link {
    connection: ConnectionManager,
    health: Arc<Mutex<Health>>,
}

#[derive(Default)]
struct Health {
    failed: Option<Instant>,
    logged: Option<Instant>,
}

impl Link {
    pub(super) fn open(url: &str) -> Result<Self> {
        // The address may hold a password: it is not repeated, nor is what the parser says of it.
        let refuse = |_| {
            Error::invalid("REDIS_URL", "is not an address like redis://host:6379/0, or rediss:// over TLS")
        };
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(0);
        let connection = Client::open(url)
            .and_then(|client| ConnectionManager::new_lazy_with_config(client, config))
            .map_err(refuse)?;
        Ok(Self { connection, health: Arc::default() })
    }

    pub(super) async fn ping(&self) -> Result<()> {
        let mut connection = self.connection.clone();
        let answer: RedisResult<String> = ::redis::cmd("PING").query_async(&mut connection).await;
        answer.map(drop).map_err(|error| Error::Unavailable(format!("Redis does not answer: {error}")))
    }

    /// Logs when Redis does not answer.
    pub(super) async fn check(&self) {
        self.ask::<String>(&::redis::cmd("PING")).await;
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        if self.rests() {
            return None;
        }
        let mut connection = self.connection.clone();
        self.answer(command.query_async(&mut connection).await)
    }

    fn rests(&self) -> bool {
        self.health().failed.is_some_and(|failed| failed.elapsed() < REST)
    }

    /// The answer; `None` when there was none, which is logged now and then.
    fn answer<T>(&self, result: RedisResult<T>) -> Option<T> {
        let error = match result {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        let mut health = self.health();
        health.failed = Some(Instant::now());
        if health.logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
            health.logged = health.failed;
            drop(health);
            tracing::warn!(%error, "Redis fails: nothing is cached, and rate limits hold per process");
        }
        None
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cache in Redis.
pub struct RedisCache {
    link: Link,
}

impl RedisCache {
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }
}

fn cache_key(key: &str) -> String {
    format!("{PREFIX}cache:{key}")
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.link.ask::<Option<Vec<u8>>>(&Cmd::get(cache_key(key))).await.flatten()
    }

    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) {
        // Redis refuses a time to live of zero.
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        self.link.ask::<()>(&Cmd::pset_ex(cache_key(key), value, ttl)).await;
    }

    async fn forget(&self, key: &str) {
        self.link.ask::<()>(&Cmd::del(cache_key(key))).await;
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

    async fn run(&self, bucket: &str, interval: u64, burst: u32, pause: u64) -> Option<u64> {
        if self.link.rests() {
            return None;
        }
        let mut connection = self.link.connection.clone();
        let mut script = BUCKET.key(format!("{PREFIX}limit:{bucket}"));
        script.arg(interval).arg(burst.max(1)).arg(pause);
        self.link.answer(script.invoke_async(&mut connection).await)
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

    async fn pause(&self, bucket: &str, pause: Duration) {
        // Here as well: Redis may fail before the pause is over.
        self.fallback.pause(bucket, pause).await;
        if !pause.is_zero() {
            self.run(bucket, 0, 1, micros(pause)).await;
        }
    }
}
