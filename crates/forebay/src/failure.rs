//! What ends a command: a message, and where there is one, a hint what to do.

use std::fmt;

use application::Error;

/// Why a command ended.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // On the operator's own terminal the causes help, and there is nobody else to hide them from.
        let failure = Self::new(error.with_causes());
        match error {
            Error::NotFound { what: "instance", .. } => {
                failure.hint("`forebay instance list` shows what there is")
            }
            Error::NotFound { what: "tenant", .. } => failure
                .hint("`forebay tenant list` shows what there is; `forebay tenant create NAME` makes one"),
            Error::Busy { .. } => failure.hint(
                "more connections: FOREBAY_POOL_SIZE, FOREBAY_READ_POOL_SIZE, FOREBAY_PLATFORM_POOL_SIZE",
            ),
            Error::Unavailable(_) | Error::TimedOut(_) => {
                failure.hint("`forebay doctor` checks the database, the roles, Redis and the sites")
            }
            Error::Unauthenticated(_) => {
                failure.hint("`forebay key create --tenant T --scopes read` makes a key")
            }
            _ => failure,
        }
    }
}

macro_rules! from_display {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })*
    };
}

from_display!(std::io::Error, serde_json::Error, sqlx::Error);
