//! The clock on the wall.

use std::time::Duration;

use application::ports::Clock;
use chrono::{DateTime, Utc};
use futures::{FutureExt as _, future::BoxFuture};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time comes in")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(time).boxed()
    }
}
