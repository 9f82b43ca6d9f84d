//! The hook for a caller's rate limiter, circuit breaker and counters.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::HeaderMap;

/// What a caller wants to know and decide about every single request, retries included.
///
/// For each [`before_request`](Manners::before_request) that lets a request go there is exactly one
/// [`after_response`](Manners::after_response), also when the operation is dropped half-way
/// ([`Outcome::Abandoned`]); so the pair can count requests in flight.
#[async_trait]
pub trait Manners: Send + Sync {
    /// Called before each request; returns when the request may be sent.
    ///
    /// # Errors
    /// [`Hold`] when it may not be sent and waiting for it here would take too long: the operation fails with
    /// [`JiraError::Held`](crate::JiraError::Held), and nothing is sent.
    async fn before_request(&self, cost: &RequestKind) -> Result<(), Hold>;

    /// Called after each request.
    fn after_response(&self, seen: &ResponseFacts);
}

/// Why and for how long nothing may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// For how long.
    pub wait: Duration,
    /// Why, for people.
    pub reason: String,
}

/// Sends everything at once and remembers nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoManners;

#[async_trait]
impl Manners for NoManners {
    async fn before_request(&self, _cost: &RequestKind) -> Result<(), Hold> {
        Ok(())
    }

    fn after_response(&self, _seen: &ResponseFacts) {}
}

/// Whether a request can change something in Jira.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// It only reads, whatever its HTTP method.
    Read,
    /// It may change something.
    Write,
}

/// What a request is, as far as limits are concerned: Jira limits by site, by endpoint and, for writes, by issue
/// (jira-facts 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKind {
    /// The endpoint, as a fixed name such as `search` or `add_comment`.
    pub operation: &'static str,
    /// Whether it reads or writes.
    pub access: Access,
    /// The issue it is about, by id or key as the caller named it, if it is about exactly one.
    pub issue: Option<String>,
    /// The most objects its answer may hold. On Cloud a read costs one point and one more per object.
    pub objects: u32,
}

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole answer was read, whatever its status.
    Answered,
    /// A success status, but the body is cut, not JSON, not of the promised shape or too large.
    BodyUnusable,
    /// Not Jira but a proxy or a log-in page answered.
    Foreign,
    /// The HTTP client's time-out passed.
    TimedOut,
    /// The connection could not be made or broke.
    NotConnected,
    /// The caller dropped the operation before its end.
    Abandoned,
}

/// What was seen of one request and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseFacts {
    /// The request.
    pub request: RequestKind,
    /// Number of this try within its operation, from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, if one arrived.
    pub status: Option<u16>,
    /// How long the answer asks to wait.
    pub retry_after: Option<Duration>,
    /// What the answer says about limits.
    pub rate_limit: RateLimitHeaders,
    /// When the site says that it answered, to the second: `Date`.
    pub site_time: Option<DateTime<Utc>>,
    /// From sending the request to the end of the answer.
    pub duration: Duration,
    /// Size of the body after decompression, in bytes.
    pub bytes: u64,
    /// Objects in the answer: what a quota of points counts beside the request itself (jira-facts 4).
    pub objects: u32,
}

/// The rate-limit headers of an answer (jira-facts 4). None of them is promised; always obey a 429.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RateLimitHeaders {
    /// `X-RateLimit-Limit`.
    pub limit: Option<u64>,
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<u64>,
    /// `X-RateLimit-Reset`; Cloud gives it to the minute.
    pub reset: Option<DateTime<Utc>>,
    /// `X-RateLimit-NearLimit`: less than a fifth of the allowance is left.
    pub near_limit: bool,
    /// `RateLimit-Reason`, such as `jira-burst-based` or `jira-quota-tenant-based`.
    pub reason: Option<String>,
    /// `X-RateLimit-Interval-Seconds` of Data Center: how often its token bucket is filled.
    pub interval_seconds: Option<u64>,
    /// `X-RateLimit-FillRate` of Data Center: how many tokens each filling adds.
    pub fill_rate: Option<u64>,
    /// `RateLimit`, the structured field, as sent.
    pub structured: Option<String>,
    /// `RateLimit-Policy`, the structured field, as sent.
    pub policy: Option<String>,
}

impl RateLimitHeaders {
    /// Reads what is there; what cannot be read counts as absent.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let number = |name: &str| text(name).and_then(|value| value.parse().ok());
        Self {
            limit: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            reset: text("x-ratelimit-reset").and_then(parse_reset),
            near_limit: text("x-ratelimit-nearlimit").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            reason: text("ratelimit-reason").map(str::to_owned),
            interval_seconds: number("x-ratelimit-interval-seconds"),
            fill_rate: number("x-ratelimit-fillrate"),
            structured: text("ratelimit").map(str::to_owned),
            policy: text("ratelimit-policy").map(str::to_owned),
        }
    }
}

fn parse_reset(text: &str) -> Option<DateTime<Utc>> {
    let to_the_minute = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%MZ").map(|time| time.and_utc());
    to_the_minute.or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc())).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn reads_the_headers_of_cloud_and_data_center() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-ratelimit-limit", "350"),
            ("x-ratelimit-remaining", "12"),
            ("x-ratelimit-reset", "2026-11-22T11:00Z"),
            ("x-ratelimit-nearlimit", "true"),
            ("ratelimit-reason", "jira-quota-tenant-based"),
            ("x-ratelimit-interval-seconds", "60"),
            ("x-ratelimit-fillrate", "many"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let limits = RateLimitHeaders::read(&headers);
        assert_eq!((limits.limit, limits.remaining), (Some(350), Some(12)));
        assert_eq!(limits.reset.unwrap().to_rfc3339(), "2026-11-22T11:00:00+00:00");
        assert!(limits.near_limit);
        assert_eq!(limits.reason.as_deref(), Some("jira-quota-tenant-based"));
        assert_eq!((limits.interval_seconds, limits.fill_rate), (Some(60), None));
        assert_eq!(RateLimitHeaders::read(&HeaderMap::new()), RateLimitHeaders::default());
    }
}
