//! The connection to Redis, and what happens when it fails: everybody leaves it alone until it answers again.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ::redis::{
    Client, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig, PubSub},
};
use application::error::{Error, Result};

/// Before every key and channel of ours.
pub(super) const PREFIX: &str = "forebay:";
/// Redis answers within a millisecond or is of no use. So long waits who is under way when it stops answering; nobody
/// after that.
const PATIENCE: Duration = Duration::from_millis(50);
/// A host that drops packets must not hold up those who look whether Redis is back.
const CONNECT_PATIENCE: Duration = Duration::from_millis(200);
/// How often somebody looks whether a Redis that failed is back.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const LOG_EVERY: Duration = Duration::from_secs(60);

/// A connection that everyone shares, and that comes back by itself.
#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    connection: ConnectionManager,
    health: Arc<Health>,
}

#[derive(Default)]
struct Health {
    failing: AtomicBool,
    logged: Mutex<Option<Instant>>,
}

impl Link {
    pub(super) fn open(url: &str) -> Result<Self> {
        // The address may hold a password: it is not repeated, nor is what the parser says of it.
        let refuse = |_| {
            Error::invalid("REDIS_URL", "is not an address like redis://host:6379/0, or rediss:// over TLS")
        };
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(0);
        let client = Client::open(url).map_err(refuse)?;
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(refuse)?;
        Ok(Self { client, connection, health: Arc::default() })
    }

    /// For one command; whoever asks passes it to [`Link::ask`].
    pub(super) fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// A connection of its own, for subscribing.
    pub(super) async fn subscriber(&self) -> Result<PubSub> {
        let connected = tokio::time::timeout(Duration::from_secs(1), self.client.get_async_pubsub()).await;
        connected
            .map_err(|_| Error::Unavailable("Redis does not answer".into()))?
            .map_err(|error| Error::Unavailable(format!("Redis does not answer: {error}")))
    }

    pub(super) async fn ping(&self) -> Result<()> {
        let mut connection = self.connection();
        let answer: RedisResult<String> = ::redis::cmd("PING").query_async(&mut connection).await;
        answer.map(drop).map_err(|error| Error::Unavailable(format!("Redis does not answer: {error}")))
    }

    /// Logs when Redis does not answer.
    pub(super) async fn check(&self) {
        let mut connection = self.connection();
        self.ask::<String>("ping", ::redis::cmd("PING").query_async(&mut connection)).await;
    }

    /// Whether Redis failed and has not answered since.
    pub(super) fn rests(&self) -> bool {
        self.health.failing.load(Ordering::Acquire)
    }

    /// The answer; `None` at once while Redis fails, and when it does now.
    pub(super) async fn ask<T>(
        &self,
        operation: &'static str,
        command: impl Future<Output = RedisResult<T>>,
    ) -> Option<T> {
        if self.rests() {
            return None;
        }
        match tokio::time::timeout(PATIENCE, command).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => self.failed(operation, &error.to_string()),
            Err(_) => self.failed(operation, "no answer in time"),
        }
        None
    }

    fn failed(&self, operation: &'static str, error: &str) {
        metrics::counter!("forebay_redis_errors_total", "operation" => operation).increment(1);
        let mut logged = self.health.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
            *logged = Some(Instant::now());
            tracing::warn!(
                error,
                "Redis fails: look-ups are cached per process, and rate limits hold per process"
            );
        }
        drop(logged);
        if !self.health.failing.swap(true, Ordering::AcqRel) {
            let link = self.clone();
            tokio::spawn(async move { link.until_it_answers().await });
        }
    }

    /// Nobody's request is spent on finding out.
    async fn until_it_answers(self) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if self.ping().await.is_ok() {
                self.health.failing.store(false, Ordering::Release);
                return;
            }
        }
    }
}
