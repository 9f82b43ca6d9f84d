//! Time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{FutureExt as _, future::BoxFuture};

/// The time of day, which tests can move.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> DateTime<Utc>;

    /// Ends after that long; never where the clock does not go on by itself.
    fn sleep(&self, _time: Duration) -> BoxFuture<'static, ()> {
        futures::future::pending().boxed()
    }
}
