use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::*;

mod lookups;

/// A Redis of one test, on a port of its own.
pub(super) struct RedisServer {
    process: Child,
    pub(super) port: u16,
}

impl RedisServer {
    pub(super) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_on(port)
    }

    pub(super) fn start_on(port: u16) -> Self {
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .current_dir("/")
            .stdout(Stdio::null())
            .spawn()
            .expect("this test needs `redis-server` in PATH: install Redis (Debian: `apt-get install redis-server`)");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, port }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Waits are exact but for the time that passes between two calls.
fn about(wait: Duration, expected: u64) -> bool {
    wait <= ms(expected) && wait + ms(400) > ms(expected)
}

async fn a_limiter_lets_as_many_through_as_it_may(limiter: &dyn RateLimiter) {
    // One a second, two at once.
    let mut waits = Vec::new();
    for _ in 0..4 {
        waits.push(limiter.admit("spaced", 60, 2).await);
    }
    assert!(waits[0].is_zero() && waits[1].is_zero(), "{waits:?}");
    assert!(about(waits[2], 1000) && about(waits[3], 1000), "who is refused takes nothing: {waits:?}");
    assert!(limiter.admit("another", 60, 2).await.is_zero());

    // Tokens come back.
    assert!(limiter.admit("fast", 600, 1).await.is_zero());
    assert!(!limiter.admit("fast", 600, 1).await.is_zero());
    tokio::time::sleep(ms(110)).await;
    assert!(limiter.admit("fast", 600, 1).await.is_zero());
    // Nothing divides by zero.
    assert!(limiter.admit("never", 0, 0).await.is_zero());
    assert!(about(limiter.admit("never", 0, 0).await, 60_000));
}

async fn of_parallel_callers_no_more_than_the_burst_pass(limiter: Arc<dyn RateLimiter>) {
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let limiter = limiter.clone();
            tokio::spawn(async move { limiter.admit("crowd", 1, 5).await })
        })
        .collect();
    let waits = futures::future::join_all(tasks).await;
    assert_eq!(waits.into_iter().filter(|wait| wait.as_ref().unwrap().is_zero()).count(), 5);
}

async fn limiter(redis_url: Option<&str>) -> Arc<dyn RateLimiter> {
    connect(redis_url, CacheSettings::default()).await.1
}

#[tokio::test]
async fn in_process() {
    let limiter = limiter(None).await;
    a_limiter_lets_as_many_through_as_it_may(&*limiter).await;
    of_parallel_callers_no_more_than_the_burst_pass(limiter).await;
}

#[tokio::test]
async fn in_redis() {
    let server = RedisServer::start();
    let first = limiter(Some(&server.url())).await;
    a_limiter_lets_as_many_through_as_it_may(&*first).await;
    of_parallel_callers_no_more_than_the_burst_pass(first).await;

    // Another process sees the same.
    let other = limiter(Some(&server.url())).await;
    assert!(!other.admit("crowd", 1, 5).await.is_zero());
}

#[tokio::test]
async fn without_its_redis_everything_goes_on_and_with_it_again_too() {
    let server = RedisServer::start();
    let port = server.port;
    let limiter = limiter(Some(&server.url())).await;
    drop(server);

    let began = Instant::now();
    assert!(limiter.admit("spaced", 60, 1).await.is_zero());
    assert!(!limiter.admit("spaced", 60, 1).await.is_zero());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());

    let server = RedisServer::start_on(port);
    let began = Instant::now();
    while keys(&server).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "Redis is not used again");
        limiter.admit(&format!("bucket {:?}", began.elapsed()), 60, 1).await;
        tokio::time::sleep(ms(50)).await;
    }
}

#[tokio::test]
async fn a_redis_that_is_not_there_at_the_start_is_no_reason_not_to_start() {
    let free_port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let limiter = limiter(Some(&format!("redis://127.0.0.1:{free_port}"))).await;
    assert!(limiter.admit("bucket", 60, 1).await.is_zero());
}

#[tokio::test]
async fn whoever_asks_is_told_what_is_wrong_with_a_redis_without_its_password() {
    let server = RedisServer::start();
    ping(&server.url()).await.unwrap();
    let url = server.url();
    drop(server);
    assert_eq!(ping(&url).await.unwrap_err().code(), "unavailable");

    let wrong = "postgres://user:hunter2@host";
    let error = ping(wrong).await.unwrap_err();
    assert_eq!(error.code(), "invalid");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(limiter(Some(wrong)).await.admit("bucket", 60, 1).await.is_zero());
}

/// Everything that is in a Redis; all of it is ours by name, and goes by itself.
pub(super) async fn keys(server: &RedisServer) -> Vec<String> {
    let mut redis =
        ::redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    for key in &keys {
        let ttl: i64 = ::redis::cmd("PTTL").arg(key).query_async(&mut redis).await.unwrap();
        assert!(key.starts_with("forebay:") && ttl != -1, "{key} {ttl}");
    }
    keys
}

/// Whether a certificate is believed is for the system's store; here it is enough that TLS is spoken, and nothing in the clear.
#[tokio::test]
async fn a_redis_over_tls_is_spoken_to_in_tls_only() {
    crate::outbound::install_tls();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rediss://:hush-hush@localhost:{}", listener.local_addr().unwrap().port());
    let greeting = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = [0; 6];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
        first
    });
    let told = ping(&url).await.unwrap_err();
    assert!(matches!(told, application::Error::Unavailable(_)), "{told}");
    assert!(!told.to_string().contains("hush-hush"), "{told}");
    let [record, major, _, _, _, message] = greeting.await.unwrap();
    assert_eq!((record, major, message), (22, 3, 1), "a ClientHello");
}
