//! The client's errors, as the application sees them.

use std::time::Duration;

use application::{Error, FieldProblem};
use chrono::{DateTime, TimeDelta, Utc};
use jira_client::JiraError;

/// What a site asks for when it limits without saying for how long (jira-facts 4).
const PAUSE: Duration = Duration::from_secs(30);

/// `now` is only for people: the shared state decides when something may be sent again.
pub(super) fn application_error(error: JiraError, now: DateTime<Utc>) -> Error {
    let message = error.to_string();
    let retryable = error.is_retryable();
    match error {
        JiraError::RateLimited { retry_after, .. } => paused(now, retry_after.unwrap_or(PAUSE), message),
        JiraError::Held { wait, reason } => paused(now, wait, reason),
        JiraError::Upstream { retry_after: Some(wait), .. } => paused(now, wait, message),
        JiraError::Unauthenticated { .. } | JiraError::LoginPage => Error::NotAuthenticated(message),
        JiraError::NoToken { .. } => Error::ConsentNeeded(message),
        JiraError::BadRequest { messages, field_errors } => {
            let whole = messages.into_iter().map(|message| FieldProblem { field: "jira".into(), message });
            let fields = field_errors.into_iter().map(|(field, message)| FieldProblem { field, message });
            let problems: Vec<_> = whole.chain(fields).collect();
            match problems.is_empty() {
                true => Error::invalid("jira", message),
                false => Error::Invalid(problems),
            }
        }
        JiraError::Conflict { .. } => Error::Conflict(message),
        JiraError::Indeterminate { .. } => Error::Indeterminate(message),
        _ => Error::Upstream { system: "Jira", message, retryable },
    }
}

fn paused(now: DateTime<Utc>, wait: Duration, reason: String) -> Error {
    let retry_after = wait.max(Duration::from_secs(1));
    let until = TimeDelta::from_std(retry_after).map_or(now, |wait| now + wait);
    Error::Paused { until, retry_after, reason }
}
