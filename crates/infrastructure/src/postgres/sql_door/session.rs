//! A connection while a question runs on it. A question that is not over when its time is, or when nobody waits for it any more, is
//! ended by another connection: its own settings, which it might have changed, have no say in it.

use application::Result;
use sqlx::{PgConnection, Postgres, pool::PoolConnection};

use super::super::{errors::convert, pool::RolePool};

/// A connection of `forebay_read` in a READ ONLY transaction. Dropped before [`Session::give_back`], its server process is ended with
/// whatever it does, and the pool gets another connection.
pub(super) struct Session {
    connection: Option<PoolConnection<Postgres>>,
    process: i32,
    platform: RolePool,
}

impl Session {
    /// Takes a connection of the SQL door's role; `platform` is who may end it.
    pub(super) async fn open(read: &RolePool, platform: &RolePool) -> Result<Self> {
        let mut connection = read.acquire().await?;
        let process = sqlx::query_scalar!(r#"SELECT pg_backend_pid() AS "process!""#)
            .fetch_one(&mut *connection)
            .await
            .map_err(convert)?;
        let mut session = Self { connection: Some(connection), process, platform: platform.clone() };
        run(session.connection()?, "BEGIN READ ONLY").await?;
        Ok(session)
    }

    pub(super) fn connection(&mut self) -> Result<&mut PgConnection> {
        self.connection
            .as_deref_mut()
            .ok_or_else(|| application::Error::internal("a session of the SQL door was used after its end"))
    }

    /// Ends the transaction; then the connection may be another question's.
    pub(super) async fn give_back(mut self) -> Result<()> {
        run(self.connection()?, "ROLLBACK").await?;
        // Into the pool, which looks at it before anybody else does.
        drop(self.connection.take());
        Ok(())
    }
}

async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map(drop).map_err(convert)
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // Out of the pool, and held until its process has been told: the number cannot be another process's before.
        let connection = connection.detach();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (platform, process) = (self.platform.clone(), self.process);
        runtime.spawn(async move {
            match end(&platform, process).await {
                Ok(found) => tracing::debug!(process, found, "ended a session of the SQL door"),
                Err(error) => tracing::warn!(
                    error = application::Error::with_causes(&error),
                    process,
                    "a session of the SQL door could not be ended; its question may run on in PostgreSQL"
                ),
            }
            drop(connection);
        });
    }
}

/// Whether there was such a session.
async fn end(platform: &RolePool, process: i32) -> Result<bool> {
    let mut connection = platform.acquire().await?;
    sqlx::query_scalar!(r#"SELECT forebay.end_question($1) AS "found!""#, process)
        .fetch_one(&mut *connection)
        .await
        .map_err(convert)
}
