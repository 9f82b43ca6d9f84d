//! Mirrors whose site cannot be read, as REST tells them.

use application::sync::SyncTrouble;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// How a mirror fails: every run since the last one that succeeded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SyncFailing {
    /// When the first of them failed.
    since: DateTime<Utc>,
    /// Why the latest failed; null for keys that are limited to projects.
    last_error: Option<String>,
    /// When the site is tried again at the latest, while a worker runs; null where nothing is tried until a person mends it.
    next_try: Option<DateTime<Utc>>,
}

impl From<SyncTrouble> for SyncFailing {
    fn from(trouble: SyncTrouble) -> Self {
        Self { since: trouble.failing_since, last_error: trouble.last_error, next_try: trouble.next_try }
    }
}
