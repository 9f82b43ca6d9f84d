//! The one error of the application: free of any transport, with a stable code and a source.
//!
//! Each interface converts it once: RFC 9457 for REST, `{errorMessages, errors}` for Jira's API, tool errors for MCP,
//! `hint:` lines on the terminal. Internal causes are logged where they are converted, and shown to nobody.

use std::{error::Error as StdError, time::Duration};

use chrono::{DateTime, Utc};

/// What a use case answers when it does not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of that name within the caller's reach: missing and hidden look the same.
    #[error("{what} `{id}` does not exist, or you may not see it")]
    NotFound {
        /// What was looked for: "issue", "instance" ...
        what: &'static str,
        /// The name that was asked for.
        id: String,
    },
    /// The state of things forbids it; the message says what to do.
    #[error("{0}")]
    Conflict(String),
    /// The input is wrong: each problem names its field and the remedy.
    #[error("{}", describe(.0))]
    Invalid(Vec<FieldProblem>),
    /// The JQL is wrong; the text is Jira's, with the position.
    #[error("{0}")]
    InvalidJql(String),
    /// Understood, but not served; the text names the operation or construct.
    #[error("{0}")]
    Unsupported(String),
    /// The caller is known and may not.
    #[error("{0}")]
    Forbidden(String),
    /// The caller is not known.
    #[error("{0}")]
    Unauthenticated(String),
    /// Too many requests, here or at the site.
    #[error("too many requests; try again in {} s", retry_after.as_secs().max(1))]
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// A Jira site asked to be left alone, or is: nothing was sent. Come back later instead of waiting.
    #[error("the Jira site is left alone until {until}: {reason}")]
    Paused {
        /// Until when, by the database's clock.
        until: DateTime<Utc>,
        /// How long that is.
        retry_after: Duration,
        /// Why.
        reason: String,
    },
    /// A Jira site does not accept the credentials, or answers as to an anonymous caller: nothing it said may be believed.
    #[error("the Jira site does not accept the credentials{}", reason(.0))]
    NotAuthenticated(String),
    /// A Jira site answers as another account than the one whose copy this is.
    #[error(
        "the site `{instance}` answers as account `{found}`, but `{expected}` was expected; give its credential again with \
             `forebay instance credential`, or remove the instance and add it again if that is right"
    )]
    WrongAccount {
        /// The instance's name.
        instance: String,
        /// The account that signed in first.
        expected: String,
        /// The account now.
        found: String,
    },
    /// No access token can be had until a person gives consent again.
    #[error("{0}")]
    ConsentNeeded(String),
    /// The Jira site, or another outside system, refused or failed.
    #[error("{}", named(system, message))]
    Upstream {
        /// Which system.
        system: &'static str,
        /// What it said, without secrets.
        message: String,
        /// Whether the same call may succeed later.
        retryable: bool,
    },
    /// A write was sent and its outcome is not known.
    #[error("{0}")]
    Indeterminate(String),
    /// A part of Forebay cannot be reached in time.
    #[error("{0}")]
    Unavailable(String),
    /// Every database connection is in use, and the line for one is full or did not move in time.
    #[error("Forebay is busy: every database connection is in use; try again in {} s", retry_after.as_secs().max(1))]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// It took longer than it may and was stopped; nothing of it was stored.
    #[error("{0}")]
    TimedOut(String),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

/// One wrong field of the input.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldProblem {
    /// The field as the caller named it.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// What a site said of credentials, where it says more than that they are not accepted.
fn reason(message: &str) -> String {
    match message.strip_prefix("Jira does not accept the credentials") {
        Some(rest) => rest.to_owned(),
        None => format!(": {message}"),
    }
}

/// Most messages name their system themselves.
fn named(system: &str, message: &str) -> String {
    if message.contains(system) { message.to_owned() } else { format!("{system}: {message}") }
}

fn describe(problems: &[FieldProblem]) -> String {
    problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect::<Vec<_>>().join("; ")
}

/// The application's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// One wrong field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem { field: field.into(), message: message.into() }])
    }

    /// Nothing of that name.
    pub fn not_found(what: &'static str, id: impl Into<String>) -> Self {
        Self::NotFound { what, id: id.into() }
    }

    /// A fault of ours, with its cause.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The same error for another one who waited for the same thing; causes become text.
    #[must_use]
    pub fn repeated(&self) -> Self {
        match self {
            Self::NotFound { what, id } => Self::NotFound { what, id: id.clone() },
            Self::Conflict(text) => Self::Conflict(text.clone()),
            Self::Invalid(problems) => Self::Invalid(problems.clone()),
            Self::InvalidJql(text) => Self::InvalidJql(text.clone()),
            Self::Unsupported(text) => Self::Unsupported(text.clone()),
            Self::Forbidden(text) => Self::Forbidden(text.clone()),
            Self::Unauthenticated(text) => Self::Unauthenticated(text.clone()),
            Self::RateLimited { retry_after } => Self::RateLimited { retry_after: *retry_after },
            Self::Paused { until, retry_after, reason } => {
                Self::Paused { until: *until, retry_after: *retry_after, reason: reason.clone() }
            }
            Self::NotAuthenticated(text) => Self::NotAuthenticated(text.clone()),
            Self::WrongAccount { instance, expected, found } => Self::WrongAccount {
                instance: instance.clone(),
                expected: expected.clone(),
                found: found.clone(),
            },
            Self::ConsentNeeded(text) => Self::ConsentNeeded(text.clone()),
            Self::Upstream { system, message, retryable } => {
                Self::Upstream { system, message: message.clone(), retryable: *retryable }
            }
            Self::Indeterminate(text) => Self::Indeterminate(text.clone()),
            Self::Unavailable(text) => Self::Unavailable(text.clone()),
            Self::Busy { retry_after } => Self::Busy { retry_after: *retry_after },
            Self::TimedOut(text) => Self::TimedOut(text.clone()),
            Self::Internal(cause) => Self::internal(cause.to_string()),
        }
    }

    /// The stable code that programs match on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Conflict(_) => "conflict",
            Self::Invalid(_) => "invalid",
            Self::InvalidJql(_) => "invalid_jql",
            Self::Unsupported(_) => "unsupported",
            Self::Forbidden(_) => "forbidden",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::RateLimited { .. } => "rate_limited",
            Self::Paused { .. } => "site_paused",
            Self::NotAuthenticated(_) => "site_not_authenticated",
            Self::WrongAccount { .. } => "wrong_account",
            Self::ConsentNeeded(_) => "consent_needed",
            Self::Upstream { .. } => "upstream",
            Self::Indeterminate(_) => "indeterminate",
            Self::Unavailable(_) => "unavailable",
            Self::Busy { .. } => "busy",
            Self::TimedOut(_) => "timed_out",
            Self::Internal(_) => "internal",
        }
    }

    /// The message with every cause, for logs and the operator's own terminal; never for callers.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }

    /// Whether the fault is ours or an outside system's, so that it belongs in the error log. Being busy is not one: a
    /// line of log for each request that is turned away would be the next thing to run out.
    pub fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::Internal(_)
                | Self::Upstream { .. }
                | Self::Unavailable(_)
                | Self::TimedOut(_)
                | Self::Indeterminate(_)
        )
    }

    /// How long whoever asked should wait before asking again, where that is known: `Retry-After`.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after }
            | Self::Busy { retry_after }
            | Self::Paused { retry_after, .. } => Some((*retry_after).max(Duration::from_secs(1))),
            Self::Unavailable(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Paused { .. }
            | Self::Unavailable(_)
            | Self::Busy { .. }
            | Self::TimedOut(_)
            | Self::Internal(_) => true,
            Self::Upstream { retryable, .. } => *retryable,
            _ => false,
        }
    }
}
