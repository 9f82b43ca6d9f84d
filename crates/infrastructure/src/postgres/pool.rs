//! One role's connections: how many, who may wait for one and how long, and what a connection must be like to come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use application::{Error, Result};
use sqlx::{
    Connection, Executor, PgConnection, PgPool, Postgres, Row, SqlSafeStr, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    errors::{busy, convert},
    roles,
};

/// Sizes and times of the pools.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Connections for requests and jobs.
    pub app: u32,
    /// Connections for the SQL door: few, because its questions may be heavy.
    pub read: u32,
    /// Connections for tenants and keys.
    pub platform: u32,
    /// How long to wait for a free connection before answering "busy".
    pub acquire_timeout: Duration,
    /// How many may wait for a connection of one pool; whoever comes then is answered "busy" at once.
    pub waiting: u32,
    /// Connections that have not been used for so long are closed.
    pub idle_timeout: Duration,
    /// A statement of the application or the platform is cancelled after that. The SQL door's questions bring their own
    /// time ([`application::ports::SqlLimits`]) and are cut off by [`PoolSettings::READ_TIMEOUT`] if they shed it.
    pub statement_timeout: Duration,
    /// A transaction that does nothing for so long is ended, and its connection with it.
    pub idle_in_transaction_timeout: Duration,
}

impl PoolSettings {
    /// No statement of the SQL door's role runs longer.
    pub const READ_TIMEOUT: Duration = Duration::from_secs(15);
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            app: 20,
            read: 4,
            platform: 4,
            acquire_timeout: Duration::from_secs(5),
            waiting: 200,
            idle_timeout: Duration::from_mins(10),
            statement_timeout: Duration::from_secs(30),
            idle_in_transaction_timeout: Duration::from_mins(1),
        }
    }
}

/// What a returned connection is checked with: it must be outside of any transaction (there `now()` stands still), and
/// hold no tenant. One simple statement, so that both clocks are of the same message.
const IS_CLEAN: &str = "SELECT now() = statement_timestamp() \
     AND coalesce(current_setting('app.current_tenant_id', true), '') = '' AS clean";

/// A connection that was used so lately is not asked whether it lives before it is used again: it answered when it came back, and the
/// question would cost as much as a statement. One that has died since shows when the transaction begins ([`RolePool::begin_with`]).
const LATELY: Duration = Duration::from_secs(1);

/// A pool of one role and the line in front of it.
#[derive(Clone, Debug)]
pub(super) struct RolePool {
    role: &'static str,
    pool: PgPool,
    size: u32,
    line: Arc<Line>,
}

impl RolePool {
    /// A pool of the role's connections; none is opened yet.
    pub(super) fn new(
        role: &'static str,
        options: PgConnectOptions,
        size: u32,
        settings: PoolSettings,
    ) -> Self {
        let statements =
            if role == roles::READ { PoolSettings::READ_TIMEOUT } else { settings.statement_timeout };
        let milliseconds = |time: Duration| time.as_millis().min(i32::MAX as u128).to_string();
        // Sent as the session begins: what RESET and DISCARD come back to.
        let options = options.application_name("forebay").options([
            ("statement_timeout", milliseconds(statements)),
            ("idle_in_transaction_session_timeout", milliseconds(settings.idle_in_transaction_timeout)),
        ]);
        // Every question of the SQL door is another text: caching its plan would only cost memory.
        let options = if role == roles::READ { options.statement_cache_capacity(0) } else { options };
        let pool = PgPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(settings.acquire_timeout)
            .idle_timeout(settings.idle_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, about| Box::pin(lives(connection, about.idle_for)))
            .after_release(move |connection, _| Box::pin(come_back(role, connection)))
            .connect_lazy_with(options);
        let places = size.saturating_add(settings.waiting);
        let line = Line { places: usize::try_from(places).unwrap_or(usize::MAX), taken: AtomicUsize::new(0) };
        Self { role, pool, size, line: Arc::new(line) }
    }

    /// Opens a transaction by this statement. On a connection that has died nothing has begun, so that the next one is tried; the
    /// server may have closed all of them.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one way to a transaction, for the doors of PgDatabase"
    )]
    pub(super) async fn begin_with(
        &self,
        begin: impl SqlSafeStr + Send,
    ) -> Result<Transaction<'static, Postgres>> {
        let _place = self.stand_in_line()?;
        let begin = begin.into_sql_str();
        let mut tries = self.tries();
        loop {
            match self.pool.begin_with(begin.clone()).await {
                Err(error) if tries.again(&error) => {}
                begun => return begun.map_err(|error| self.refuse(error)),
            }
        }
    }

    /// As many tries as there are connections that may have died.
    pub(super) fn tries(&self) -> Tries {
        Tries(self.size)
    }

    /// A connection outside of any transaction: to ask about the role itself, and for the SQL door, which must be able to keep its
    /// connections from coming back.
    #[expect(
        clippy::disallowed_methods,
        reason = "for what reads no table, and for the SQL door, which shows a ticket"
    )]
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>> {
        let _place = self.stand_in_line()?;
        self.pool.acquire().await.map_err(|error| self.refuse(error))
    }

    /// Whether this role, and nobody else, is signed in.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is somebody else.
    pub(super) async fn check_identity(&self) -> Result<()> {
        let row =
            sqlx::query!(r#"SELECT session_user::text AS "session!", current_user::text AS "current!""#)
                .fetch_one(&mut *self.acquire().await?)
                .await
                .map_err(convert)?;
        if row.session == self.role && row.current == self.role {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "the database's border is open: `{}` is signed in where `{}` belongs",
            row.current, self.role
        )))
    }

    /// Closes every connection, after the transactions that are open have ended.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    fn stand_in_line(&self) -> Result<Place> {
        Line::enter(&self.line).ok_or_else(|| {
            metrics::counter!("forebay_pool_refused_total", "role" => self.role, "cause" => "line")
                .increment(1);
            busy()
        })
    }

    fn refuse(&self, error: sqlx::Error) -> Error {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            metrics::counter!("forebay_pool_refused_total", "role" => self.role, "cause" => "time")
                .increment(1);
        }
        convert(error)
    }
}

/// Whether a connection still lives that has been in its pool for so long.
async fn lives(connection: &mut PgConnection, idle: Duration) -> sqlx::Result<bool> {
    Ok(idle < LATELY || connection.ping().await.is_ok())
}

/// How often something is tried again that has done nothing because its connection had died.
pub(super) struct Tries(u32);

impl Tries {
    /// Whether to try again after this error: the other side was gone, or said that it is going.
    pub(super) fn again(&mut self, error: &sqlx::Error) -> bool {
        const GOING: [&str; 2] = ["57P01", "57P02"];
        let is_dead = match error {
            sqlx::Error::Io(_) => true,
            sqlx::Error::Database(cause) => cause.code().is_some_and(|code| GOING.contains(&code.as_ref())),
            _ => false,
        };
        let again = is_dead && self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        again
    }
}

/// Whether a connection may go back to its pool. Runs after the rollback of an abandoned transaction, while nobody waits.
///
/// It catches what a drop alone leaves behind: a future that was dropped while BEGIN was on its way has opened a
/// transaction that no `Transaction` knows of. And a question at the SQL door may have changed its session, if it got past
/// the guard: DISCARD takes back settings, locks, listeners and temporary tables, and refuses inside a transaction.
async fn come_back(role: &'static str, connection: &mut PgConnection) -> sqlx::Result<bool> {
    if role == roles::READ {
        return Ok(connection.execute(sqlx::raw_sql("DISCARD ALL")).await.is_ok());
    }
    let row = connection.fetch_one(sqlx::raw_sql(IS_CLEAN)).await?;
    let clean: bool = row.try_get(0)?;
    if !clean {
        tracing::warn!(role, "closed a connection that came back inside a transaction");
    }
    Ok(clean)
}

/// The line in front of a pool. Whoever opens a transaction stands in it for that moment, so its length is the pool's
/// size and how many may wait.
#[derive(Debug)]
struct Line {
    places: usize,
    taken: AtomicUsize,
}

impl Line {
    fn enter(line: &Arc<Self>) -> Option<Place> {
        let entered = line.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
            (taken < line.places).then_some(taken + 1)
        });
        entered.ok().map(|_| Place(line.clone()))
    }
}

/// A place in the line; dropped, it is free again.
#[derive(Debug)]
struct Place(Arc<Line>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_so_many_places_and_each_is_free_again() {
        let line = Arc::new(Line { places: 2, taken: AtomicUsize::new(0) });
        let first = Line::enter(&line).unwrap();
        let _second = Line::enter(&line).unwrap();
        assert!(Line::enter(&line).is_none());
        drop(first);
        assert!(Line::enter(&line).is_some());
    }
}
