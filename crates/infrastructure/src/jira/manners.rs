//! Manners towards a site: one rate limit for all workers, obedience to 429, and counts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use application::ports::{RateLimiter, SiteUsage};
use async_trait::async_trait;
use jira_client::{Manners, RequestKind, ResponseFacts};

/// A tenth of a minute's allowance may be used at once.
const BURST_SHARE: u32 = 10;
/// Nobody sleeps longer than this for a pause: the request goes out, is refused again, and its job gives its slot back.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// A 429 without `Retry-After` pauses everyone for so long.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct SharedManners {
    limiter: Arc<dyn RateLimiter>,
    bucket: String,
    per_minute: u32,
    requests: AtomicU64,
    retries: AtomicU64,
    throttled_ms: AtomicU64,
}

impl SharedManners {
    pub(super) fn new(limiter: Arc<dyn RateLimiter>, bucket: String, per_minute: u32) -> Self {
        Self {
            limiter,
            bucket,
            per_minute,
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            throttled_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn usage(&self) -> SiteUsage {
        SiteUsage {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            throttled_ms: self.throttled_ms.load(Ordering::Relaxed),
        }
    }
}

#[async_trait]
impl Manners for SharedManners {
    async fn before_request(&self, _cost: RequestKind) {
        let burst = (self.per_minute / BURST_SHARE).max(1);
        let wait = self.limiter.reserve(&self.bucket, self.per_minute, burst).await;
        if !wait.is_zero() {
            let wait = wait.min(LONGEST_SLEEP);
            self.throttled_ms
                .fetch_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            tokio::time::sleep(wait).await;
        }
    }

    fn after_response(&self, seen: &ResponseFacts) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if seen.attempt > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        let status = seen.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let labels = [("operation", seen.request.operation.to_owned()), ("status", status)];
        metrics::counter!("forebay_jira_requests_total", &labels).increment(1);
        metrics::histogram!("forebay_jira_request_seconds", &labels).record(seen.duration.as_secs_f64());
        if seen.status == Some(429) || (seen.status == Some(503) && seen.retry_after.is_some()) {
            let (limiter, bucket) = (self.limiter.clone(), self.bucket.clone());
            let pause = seen.retry_after.unwrap_or(PAUSE).min(LONGEST_SLEEP);
            tokio::spawn(async move { limiter.pause(&bucket, pause).await });
        }
    }
}
