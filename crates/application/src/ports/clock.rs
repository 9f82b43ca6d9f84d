//! Time.

use chrono::{DateTime, Utc};

/// The time of day, which tests can move.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}
