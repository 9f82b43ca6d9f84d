//! From what PostgreSQL says to what the application understands.
//!
//! A constraint becomes a client's error only at the query that may break it ([`on_constraint`]); everywhere else it is
//! a fault of ours.

use std::time::Duration;

use application::Error;
use sqlx::error::DatabaseError;

/// `query_canceled`: here always the statement's own time-out.
pub(super) const CANCELED: &str = "57014";
/// The server has no connection left for us.
const TOO_MANY_CONNECTIONS: &str = "53300";

/// Codes after which the same transaction may succeed when it is tried again: serialization failure, deadlock, lock not
/// available, transaction left idle, and the server going down or coming up.
const PASSING: [&str; 7] = ["40001", "40P01", "55P03", "25P03", "57P01", "57P02", "57P03"];

/// Two transactions gave one key to two issues, and neither saw the other: whoever comes second reads, and makes room.
const ONE_HOLDER_OF_A_KEY: &str = "issues_present_key";

/// How long whoever finds every connection in use is asked to wait.
const BUSY: Duration = Duration::from_secs(2);

/// Every connection is in use.
pub(super) fn busy() -> Error {
    Error::Busy { retry_after: BUSY }
}

/// The application's error for one of the database's.
pub(super) fn convert(error: sqlx::Error) -> Error {
    let passing = match &error {
        sqlx::Error::PoolTimedOut => Some(busy()),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            Some(Error::Unavailable("the database connections are closed".into()))
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => {
            Some(Error::Unavailable("the database cannot be reached".into()))
        }
        sqlx::Error::Database(cause) => passing(cause.as_ref()),
        _ => None,
    };
    match passing {
        Some(answer) => {
            // The answer says nothing of the cause, so this is the last place that knows it.
            tracing::warn!(%error, "the database did not answer");
            answer
        }
        None => Error::internal(error),
    }
}

fn passing(cause: &dyn DatabaseError) -> Option<Error> {
    if cause.constraint() == Some(ONE_HOLDER_OF_A_KEY) {
        return Some(Error::Unavailable("another issue got the same key just now; try again".into()));
    }
    match cause.code()?.as_ref() {
        CANCELED => {
            Some(Error::TimedOut("the database took too long, and the statement was cancelled".into()))
        }
        TOO_MANY_CONNECTIONS => Some(busy()),
        code if PASSING.contains(&code) => Some(Error::Unavailable("the database asked to try again".into())),
        _ => None,
    }
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
        assert!(matches!(convert(sqlx::Error::PoolTimedOut), Error::Busy { .. }));
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(convert(lost), Error::Unavailable(_)));
        assert!(matches!(convert(sqlx::Error::RowNotFound), Error::Internal(_)));
    }
}
