//! When to try again, and how long to wait before that (jira-facts 4).

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::manners::RateLimitHeaders;

/// How often and how patiently a request is repeated inside one operation.
///
/// The defaults are those that Atlassian asks of apps: first wait 2 s, doubled each time, spread by a factor
/// between 0.7 and 1.3, never above 30 s, four tries in all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Tries in all, the first included; 1 means no retry.
    pub max_tries: u32,
    /// Wait before the second try when Jira does not name one.
    pub base: Duration,
    /// Longest wait that is chosen here.
    pub cap: Duration,
    /// Lowest and highest factor by which a chosen wait is spread, so that callers do not return in step.
    pub jitter: (f64, f64),
    /// Longest `Retry-After` that is waited for inside an operation. Beyond it the operation fails at once with
    /// the wait in its error, so that the caller can free its worker and come back later.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_tries: 4,
            base: Duration::from_secs(2),
            cap: Duration::from_secs(30),
            jitter: (0.7, 1.3),
            longest_retry_after: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// The wait after the failed try number `tried` (from 1), or `None` to give up.
    pub(crate) fn wait_after(&self, tried: u32, retry_after: Option<Duration>) -> Option<Duration> {
        if tried >= self.max_tries {
            return None;
        }
        match retry_after.filter(|wait| !wait.is_zero()) {
            Some(wait) if wait > self.longest_retry_after => None,
            Some(wait) => Some(wait),
            None => Some(self.backoff(tried)),
        }
    }

    fn backoff(&self, tried: u32) -> Duration {
        let doublings = tried.saturating_sub(1).min(16);
        let (low, high) = self.jitter;
        let spread = if low < high { rand::random_range(low..=high) } else { low };
        let seconds = self.base.as_secs_f64() * f64::from(1_u32 << doublings) * spread.max(0.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(self.cap).min(self.cap)
    }
}

/// The wait that an answer asks for.
///
/// `Retry-After` is an integer on Cloud; gateways also send fractions and dates, and some 429 carry only
/// `X-RateLimit-Reset`. Points in time are measured against the answer's own `Date`, so the clock of this
/// machine does not matter.
pub(crate) fn retry_after(headers: &HeaderMap, limits: &RateLimitHeaders) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let now = site_time(headers);
    match text(RETRY_AFTER) {
        Some(wait) => match wait.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) => {
                let until = DateTime::parse_from_rfc2822(wait).ok()?;
                (until.to_utc() - now?).to_std().ok()
            }
        },
        None => (limits.reset? - now?).to_std().ok(),
    }
}

/// When an answer says that it was given: `Date`.
pub(crate) fn site_time(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date.trim()).ok().map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        retry_after(&headers, &RateLimitHeaders::read(&headers))
    }

    #[test]
    fn retry_after_as_seconds_and_as_date() {
        let seconds = Duration::from_secs;
        assert_eq!(asked(&[("retry-after", "17")]), Some(seconds(17)));
        assert_eq!(asked(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        let date = ("date", "Sun, 22 Nov 2026 10:00:00 GMT");
        assert_eq!(asked(&[date, ("retry-after", "Sun, 22 Nov 2026 10:00:20 GMT")]), Some(seconds(20)));
        assert_eq!(asked(&[date, ("x-ratelimit-reset", "2026-11-22T10:03Z")]), Some(seconds(180)));
    }

    #[test]
    fn nonsense_asks_for_nothing() {
        assert_eq!(asked(&[]), None);
        for wait in ["-5", "soon", "NaN", "1e400", "Sun, 22 Nov 2026 10:00:20 GMT"] {
            assert_eq!(asked(&[("retry-after", wait)]), None, "{wait}");
        }
    }

    #[test]
    fn waits_double_are_spread_and_stay_below_the_cap() {
        let policy = RetryPolicy { max_tries: 20, ..RetryPolicy::default() };
        for (tried, unspread) in [(1, 2.0), (2, 4.0), (3, 8.0)] {
            for _ in 0..100 {
                let wait = policy.wait_after(tried, None).unwrap().as_secs_f64();
                assert!((unspread * 0.7..=unspread * 1.3).contains(&wait), "try {tried}: {wait}");
            }
        }
        assert!(policy.wait_after(19, None).unwrap() <= policy.cap);
    }

    #[test]
    fn gives_up_after_the_last_try_or_when_the_wait_is_too_long() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait_after(1, Some(Duration::from_secs(5))), Some(Duration::from_secs(5)));
        assert_eq!(policy.wait_after(4, Some(Duration::from_secs(5))), None);
        assert_eq!(policy.wait_after(1, Some(Duration::from_secs(3_600))), None);
        assert!(
            policy.wait_after(1, Some(Duration::ZERO)).unwrap() > Duration::ZERO,
            "0 s would be a hot loop"
        );
    }
}
