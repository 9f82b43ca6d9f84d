//! Mirrors whose site cannot be read: since when, why, and when it is tried again.
//!
//! A run is one attempt, and the next one begins as if nothing had happened; so what tells that a mirror fails is all runs since the
//! last one that succeeded.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use domain::ids::InstanceId;
use serde::Serialize;

use crate::error::Result;

/// How a mirror fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncTrouble {
    /// The instance's name.
    pub instance: String,
    /// When the first attempt after the last success failed.
    pub failing_since: DateTime<Utc>,
    /// Why the latest attempt failed, without secrets; `None` for callers who are limited to projects.
    pub last_error: Option<String>,
    /// When the site is tried again at the latest, while a worker runs; `None` where nothing is tried until a person mends it.
    pub next_try: Option<DateTime<Utc>>,
    /// When the copy was last proved to reach the source's present.
    pub last_proof: Option<DateTime<Utc>>,
}

/// Storage, as far as it tells of failures.
#[async_trait]
pub trait TroubleStore: Send {
    /// The mirrors whose latest ended run failed: of the tenant, or one of them.
    async fn sync_troubles(
        &mut self,
        instance: Option<InstanceId>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<InstanceId, SyncTrouble>>;
}

/// When a mirror is looked at next: with the next minute, but not before its turn, nor while its site is left alone.
pub fn next_poll(now: DateTime<Utc>, not_before: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let minute = TimeDelta::minutes(1);
    let after = |at: DateTime<Utc>| at.duration_trunc(minute).unwrap_or(at) + minute;
    after(not_before.map_or(now, |at| at.max(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-23T{text}Z").parse().unwrap()
    }

    #[test]
    fn a_site_is_tried_with_the_next_minute_that_is_no_pause() {
        assert_eq!(next_poll(at("08:00:20"), None), at("08:01:00"));
        assert_eq!(next_poll(at("08:00:20"), Some(at("07:59:00"))), at("08:01:00"));
        assert_eq!(next_poll(at("08:00:20"), Some(at("08:12:30"))), at("08:13:00"));
    }
}
