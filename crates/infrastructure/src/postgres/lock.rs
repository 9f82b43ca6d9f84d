//! Advisory locks of a session, taken without standing in PostgreSQL's own queue for them.

use std::time::Duration;

use application::Result;
use sqlx::PgConnection;

use super::errors::convert;

/// How often to look whether a lock is free.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes the lock, however long that takes. It looks again and again: a session that waits inside
/// `SELECT pg_advisory_lock()` holds a snapshot all the while, and a CREATE INDEX CONCURRENTLY of the lock's holder waits for that
/// snapshot: for ever.
pub(super) async fn take(connection: &mut PgConnection, key: i64) -> Result<()> {
    loop {
        let taken = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "taken!""#, key);
        if taken.fetch_one(&mut *connection).await.map_err(convert)? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Gives it back.
pub(super) async fn give(connection: &mut PgConnection, key: i64) -> Result<()> {
    sqlx::query!("SELECT pg_advisory_unlock($1)", key).fetch_one(connection).await.map_err(convert)?;
    Ok(())
}
