//! What an operation fails with.

use std::collections::BTreeMap;
use std::time::Duration;

/// Why an operation on Jira failed.
///
/// Messages and excerpts come from Jira's answer, at most 500 characters each, with e-mail addresses and the
/// caller's own credentials masked. They never hold headers or URLs. Excerpts are no part of the error's text, which goes into
/// logs and histories: an answer that is cut off begins with somebody's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JiraError {
    /// Jira does not accept the credentials: 401, or any answer that says it was given to an anonymous caller
    /// although credentials were sent (`X-Seraph-LoginReason`, jira-facts 5.4). A result that Jira gave as to
    /// an anonymous caller is never passed on, since it would look like an empty site.
    #[error("Jira does not accept the credentials{}", listed(messages))]
    Unauthenticated {
        /// What Jira said.
        messages: Vec<String>,
    },
    /// The account may not do this (403).
    #[error("Jira forbids this to the account{}", listed(messages))]
    Forbidden {
        /// What Jira said.
        messages: Vec<String>,
    },
    /// The thing does not exist or is hidden from the account (404); Jira does not tell which (jira-facts 10.2).
    #[error("not found, or not visible to the account{}", listed(messages))]
    NotFound {
        /// What Jira said.
        messages: Vec<String>,
    },
    /// The request is wrong as it stands and will fail again (400, 412, 413, 414, 415, 422, or an argument that
    /// this client refuses to send).
    #[error("Jira refuses the request{}{}", listed(messages), listed_fields(field_errors))]
    BadRequest {
        /// Errors that concern the request as a whole.
        messages: Vec<String>,
        /// Errors by field id.
        field_errors: BTreeMap<String, String>,
    },
    /// The resource was removed (410), as `/search` was on Cloud (jira-facts 1.3).
    #[error("Jira has removed this resource{}", listed(messages))]
    Gone {
        /// What Jira said.
        messages: Vec<String>,
    },
    /// Somebody else changed the same thing at the same time (409).
    #[error("conflicting change{}", listed(messages))]
    Conflict {
        /// What Jira said.
        messages: Vec<String>,
    },
    /// Too many requests (429), and the retries are used up or the wait is longer than the policy allows.
    #[error("Jira limits the rate of requests{}", wait_and_reason(*retry_after, reason.as_deref()))]
    RateLimited {
        /// How long Jira asks to wait.
        retry_after: Option<Duration>,
        /// `RateLimit-Reason`, which says what the limit applies to (jira-facts 4).
        reason: Option<String>,
    },
    /// The caller's own manners let nothing through just now, so nothing was sent: see
    /// [`Manners::before_request`](crate::Manners::before_request).
    #[error("requests are held back for {} s: {reason}", wait.as_secs())]
    Held {
        /// For how long.
        wait: Duration,
        /// Why, for people.
        reason: String,
    },
    /// No access token can be had: the one that renews it is spent, revoked or too old, and the account has to give its
    /// consent again (jira-facts 5, `invalid_grant`).
    #[error("no access token can be had: {message}")]
    NoToken {
        /// What the token server said.
        message: String,
    },
    /// A log-in page came instead of an answer: a redirect to one, or HTML with a form for a password. Nothing that was
    /// asked has been answered, least of all with "nothing there".
    #[error(
        "a log-in page answers instead of Jira: the credentials are not accepted, or a single sign-on stands before it"
    )]
    LoginPage,
    /// Something other than Jira answered: a page of a proxy, or a "not found" that is not of Jira's shape. It says nothing
    /// about what was asked for; a 404 of this kind never means that an issue is gone (jira-facts 10.1).
    #[error("not Jira but something before it answered with status {status}")]
    ForeignPage {
        /// The HTTP status.
        status: u16,
        /// Its beginning.
        excerpt: String,
    },
    /// The answer broke off before its end.
    #[error("the answer of Jira was cut after {received} bytes")]
    CutBody {
        /// Bytes that arrived, after decompression.
        received: u64,
    },
    /// A success status with a body that is not JSON, and neither cut nor a page.
    #[error("the answer of Jira is not JSON ({what})")]
    NotJson {
        /// What is wrong with it.
        what: String,
        /// Its beginning.
        excerpt: String,
    },
    /// Another failure status, mostly 5xx from Jira or a proxy before it.
    #[error("Jira answered with status {status}")]
    Upstream {
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer, or the messages in it.
        excerpt: String,
        /// How long the answer asks to wait, as some 503 do.
        retry_after: Option<Duration>,
    },
    /// No complete answer within the time-out of the HTTP client.
    #[error("Jira did not answer in time")]
    Timeout,
    /// The connection could not be made or broke.
    #[error("no connection to Jira: {message}")]
    Transport {
        /// What happened, without the URL.
        message: String,
    },
    /// JSON, but not of the shape that the operation promises.
    #[error("unusable answer from Jira ({what})")]
    InvalidBody {
        /// What is wrong with it.
        what: String,
        /// Its beginning.
        excerpt: String,
    },
    /// The body is larger than this client reads; ask for smaller pages or fewer fields.
    #[error("answer from Jira is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A write may or may not have been carried out. Jira has no idempotency keys, so it was not repeated:
    /// read the state back to find out (jira-facts 4).
    #[error("unknown whether Jira carried out {operation}: {cause}")]
    Indeterminate {
        /// The operation, such as `add_comment`.
        operation: &'static str,
        /// Why the outcome is unknown.
        cause: String,
    },
}

impl JiraError {
    /// Whether the same call may succeed later without anybody changing anything, and may safely be repeated.
    ///
    /// [`JiraError::Indeterminate`] is not retryable: repeating it could carry out the write twice.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Held { .. }
            | Self::Timeout
            | Self::Transport { .. }
            | Self::ForeignPage { .. }
            | Self::CutBody { .. }
            | Self::NotJson { .. }
            | Self::InvalidBody { .. } => true,
            Self::Upstream { status, .. } => is_transient_status(*status),
            Self::Unauthenticated { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::BadRequest { .. }
            | Self::Gone { .. }
            | Self::Conflict { .. }
            | Self::TooLarge { .. }
            | Self::NoToken { .. }
            | Self::LoginPage
            | Self::Indeterminate { .. } => false,
        }
    }

    /// How long Jira asked to wait before the next try, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Upstream { retry_after, .. } => *retry_after,
            Self::Held { wait, .. } => Some(*wait),
            _ => None,
        }
    }

    /// A request that this client does not send because Jira could only refuse it.
    pub(crate) fn bad_argument(message: impl Into<String>) -> Self {
        Self::BadRequest { messages: vec![message.into()], field_errors: BTreeMap::new() }
    }
}

/// Statuses after which the same request may succeed. 501 is a decision, not an accident.
pub(crate) fn is_transient_status(status: u16) -> bool {
    status == 408 || (status >= 500 && status != 501)
}

fn listed(messages: &[String]) -> String {
    if messages.is_empty() { String::new() } else { format!(": {}", messages.join("; ")) }
}

fn listed_fields(errors: &BTreeMap<String, String>) -> String {
    errors.iter().map(|(field, message)| format!("; {field}: {message}")).collect()
}

fn wait_and_reason(retry_after: Option<Duration>, reason: Option<&str>) -> String {
    let wait = retry_after.map(|wait| format!(", retry after {} s", wait.as_secs())).unwrap_or_default();
    let reason = reason.map(|reason| format!(", reason {reason}")).unwrap_or_default();
    format!("{wait}{reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_repeated() {
        let upstream = |status| JiraError::Upstream { status, excerpt: String::new(), retry_after: None };
        for status in [408, 500, 502, 503, 504] {
            assert!(upstream(status).is_retryable(), "{status}");
        }
        for status in [302, 405, 501] {
            assert!(!upstream(status).is_retryable(), "{status}");
        }
        assert!(JiraError::Timeout.is_retryable());
        assert!(
            !JiraError::Indeterminate { operation: "add_comment", cause: "timed out".into() }.is_retryable()
        );
        assert!(!JiraError::NotFound { messages: vec![] }.is_retryable());
    }

    #[test]
    fn the_text_names_messages_and_fields() {
        let error = JiraError::BadRequest {
            messages: vec!["one".into(), "two".into()],
            field_errors: [("summary".to_owned(), "is required".to_owned())].into(),
        };
        assert_eq!(error.to_string(), "Jira refuses the request: one; two; summary: is required");
        let limited = JiraError::RateLimited {
            retry_after: Some(Duration::from_secs(7)),
            reason: Some("jira-burst-based".into()),
        };
        assert_eq!(
            limited.to_string(),
            "Jira limits the rate of requests, retry after 7 s, reason jira-burst-based"
        );
    }
}
