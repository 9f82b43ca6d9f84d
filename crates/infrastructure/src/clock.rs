//! The clock on the wall, and the one by which all processes go.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use application::{Result, ports::Clock};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt as _, future::BoxFuture};

use crate::postgres::PgDatabase;

/// How often the database's clock is asked.
const EVERY: Duration = Duration::from_secs(60);
/// Times that it is asked in a row: the quickest answer counts.
const ASKED: usize = 3;
/// A machine that is further off is told of.
const MOST: TimeDelta = TimeDelta::seconds(30);

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

/// The database's clock: the system's, set right by what the database said. When an issue was read, by whichever process, is compared
/// with when it was found missing, which the database notes: so all of them go by one clock. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct DatabaseClock {
    /// Microseconds that the database is ahead of this machine.
    ahead: Arc<AtomicI64>,
}

impl Clock for DatabaseClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.ahead()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(time)
    }
}

impl DatabaseClock {
    /// How far the database is ahead of this machine, as far as is known.
    pub fn ahead(&self) -> TimeDelta {
        TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed))
    }

    /// Asks the database what time it is; answers how far it is ahead of this machine.
    ///
    /// # Errors
    /// [`application::Error::Unavailable`] when it does not answer.
    pub async fn compare(&self, database: &PgDatabase) -> Result<TimeDelta> {
        let mut best: Option<(TimeDelta, TimeDelta)> = None;
        for time in database.times(ASKED, || SystemClock.now()).await? {
            let took = time.after - time.before;
            if best.is_none_or(|(quickest, _)| took < quickest) {
                best = Some((took, time.there - (time.before + took / 2)));
            }
        }
        let Some((took, ahead)) = best else { return Ok(self.ahead()) };
        // What may be an error of measuring moves nothing.
        if (ahead - self.ahead()).abs() > took {
            self.ahead.store(ahead.num_microseconds().unwrap_or(0), Ordering::Relaxed);
        }
        if ahead.abs() > MOST {
            tracing::warn!(
                seconds_ahead = ahead.num_seconds(),
                "the clock of the database is not this machine's: the database's is gone by; both should follow NTP"
            );
        }
        Ok(ahead)
    }

    /// Compares now, and from then on every minute for as long as the database is used.
    pub async fn follow(&self, database: &Arc<PgDatabase>) {
        self.note(database).await;
        let (clock, database) = (self.clone(), Arc::downgrade(database));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let Some(database) = Weak::upgrade(&database) else { return };
                clock.note(&database).await;
            }
        });
    }

    async fn note(&self, database: &PgDatabase) {
        match self.compare(database).await {
            Ok(ahead) => metrics::gauge!("forebay_database_clock_ahead_seconds").set(ahead.as_seconds_f64()),
            Err(error) => tracing::debug!(%error, "the database was not asked for its time"),
        }
    }
}
