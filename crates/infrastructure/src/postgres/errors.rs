//! From what PostgreSQL says to what the application understands.
//!
//! A constraint becomes a client's error only at the query that may break it ([`on_constraint`]); everywhere else it is
//! a fault of ours.

use application::Error;
use sqlx::error::DatabaseError;

/// `query_canceled`: here always the statement's own time-out.
pub(super) const CANCELED: &str = "57014";

/// Codes after which the same transaction may succeed when it is tried again: serialization failure, deadlock, lock not
/// available, too many connections, and the server going down or coming up.
const PASSING: [&str; 8] = ["40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03", CANCELED];

/// The application's error for one of the database's.
pub(super) fn convert(error: sqlx::Error) -> Error {
    let passing = match &error {
        sqlx::Error::PoolTimedOut => Some("no database connection is free; try again"),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Some("the database connections are closed"),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Some("the database cannot be reached"),
        sqlx::Error::Database(cause) => passing(cause.as_ref()),
        _ => None,
    };
    match passing {
        Some(message) => {
            // The answer says nothing of the cause, so this is the last place that knows it.
            tracing::warn!(%error, "the database did not answer");
            Error::Unavailable(message.into())
        }
        None => Error::internal(error),
    }
}

fn passing(cause: &dyn DatabaseError) -> Option<&'static str> {
    let code = cause.code()?;
    if code == CANCELED {
        return Some("the database took too long");
    }
    PASSING.contains(&code.as_ref()).then_some("the database asked to try again")
}

/// The client's error when this constraint was broken; otherwise as [`convert`].
pub(super) fn on_constraint(error: sqlx::Error, constraint: &str, refusal: impl FnOnce() -> Error) -> Error {
    match &error {
        sqlx::Error::Database(cause) if cause.constraint() == Some(constraint) => refusal(),
        _ => convert(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_and_a_lost_connection_may_be_tried_again_and_the_rest_is_ours() {
        assert!(matches!(convert(sqlx::Error::PoolTimedOut), Error::Unavailable(_)));
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(convert(lost), Error::Unavailable(_)));
        assert!(matches!(convert(sqlx::Error::RowNotFound), Error::Internal(_)));
    }
}
