//! What ends a command: a message, and where there is one, a hint what to do.

use std::fmt;

use application::Error;

/// Why a command ended.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
    /// What programs match on: the application's codes, or `failed`.
    pub(crate) code: &'static str,
    /// What the process ends with.
    pub(crate) exit: u8,
    /// Whether the answer was printed already, so that `--json` must not print a second document.
    pub(crate) answered: bool,
}

/// The exit code of a command that did what it was asked to, and found or left something that is not well: lines that an import
/// rejected, mirrors that fail. 2 is a command line that cannot be read, 1 any other failure.
const IN_PART: u8 = 3;

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new(), code: "failed", exit: 1, answered: false }
    }

    /// The command has printed its answer, and not all of it is well.
    pub(crate) fn in_part(message: impl Into<String>) -> Self {
        Self { exit: IN_PART, code: "in_part", ..Self::new(message) }.answered()
    }

    /// The command has printed its answer on stdout already.
    pub(crate) fn answered(mut self) -> Self {
        self.answered = true;
        self
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
        let failure = Self { code: error.code(), ..Self::new(error.with_causes()) };
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
