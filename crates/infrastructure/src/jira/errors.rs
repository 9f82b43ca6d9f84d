//! The client's errors, as the application sees them.

use std::time::Duration;

use application::{Error, FieldProblem};
use jira_client::JiraError;

/// What a site asks for when it limits without saying for how long (jira-facts 4).
const PAUSE: Duration = Duration::from_secs(30);

pub(super) fn application_error(error: JiraError) -> Error {
    let message = error.to_string();
    let retryable = error.is_retryable();
    match error {
        JiraError::RateLimited { retry_after, .. } => {
            Error::RateLimited { retry_after: retry_after.unwrap_or(PAUSE) }
        }
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
