//! The one conversion of the application's error for MCP: a result that says it is an error, for the model to read and mend.
//! Errors of the protocol are for faults of the protocol; clients show those to nobody.

use std::fmt::Write;

use application::{Error, FieldProblem};
use rmcp::{
    ErrorData,
    model::{CallToolResult, ContentBlock},
};
use serde_json::{Value, json};

/// The error as a tool's result. A fault is logged here, once, with its causes; they are shown to nobody.
pub(crate) fn tool_result(error: &Error) -> CallToolResult {
    log(error);
    let content = content(error);
    let mut result = CallToolResult::error(vec![ContentBlock::text(content.to_string())]);
    result.structured_content = Some(content);
    result
}

/// The error of a resource that could not be read: those have no results that say so.
pub(crate) fn resource_error(error: &Error) -> ErrorData {
    log(error);
    let data = Some(content(error));
    match error {
        Error::NotFound { .. } => ErrorData::resource_not_found(error.to_string(), data),
        Error::Internal(_) | Error::Unavailable(_) | Error::Busy { .. } | Error::TimedOut(_) => {
            ErrorData::internal_error(error.to_string(), data)
        }
        _ => ErrorData::invalid_params(error.to_string(), data),
    }
}

/// The error of a request that is no call: listing what there is.
pub(crate) fn protocol_error(error: &Error) -> ErrorData {
    log(error);
    let data = Some(content(error));
    match error {
        Error::Internal(_) | Error::Unavailable(_) => ErrorData::internal_error(error.to_string(), data),
        _ => ErrorData::invalid_request(error.to_string(), data),
    }
}

fn content(error: &Error) -> Value {
    let mut content = json!({ "code": error.code(), "message": error.to_string() });
    let fields = match error {
        Error::Invalid(problems) => problems.clone(),
        Error::InvalidJql(message) => vec![FieldProblem { field: "jql".into(), message: message.clone() }],
        _ => Vec::new(),
    };
    if !fields.is_empty() {
        content["fields"] = json!(fields);
    }
    if error.is_retryable() {
        content["retryable"] = json!(true);
    }
    if let Some(wait) = error.retry_after() {
        content["retry_after_seconds"] = json!(wait.as_secs());
    }
    content
}

fn log(error: &Error) {
    if !error.is_fault() {
        return;
    }
    let mut causes = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        // Writing to a String cannot fail.
        let _ = write!(causes, ": {inner}");
        cause = inner.source();
    }
    tracing::error!(code = error.code(), "{error}{causes}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rmcp::model::ErrorCode;

    use super::*;

    fn shown(error: &Error) -> Value {
        let result = tool_result(error);
        assert_eq!(result.is_error, Some(true));
        let content = result.structured_content.unwrap();
        assert_eq!(result.content[0].as_text().unwrap().text, content.to_string());
        content
    }

    #[test]
    fn an_error_has_its_code_its_message_and_its_fields() {
        assert_eq!(
            shown(&Error::invalid("limit", "must be 1 to 100")),
            json!({
                "code": "invalid",
                "message": "limit: must be 1 to 100",
                "fields": [{ "field": "limit", "message": "must be 1 to 100" }],
            })
        );
        let jql = shown(&Error::InvalidJql("Error in the JQL Query: ...".into()));
        assert_eq!(jql["fields"][0]["field"], "jql");
        let limited = shown(&Error::RateLimited { retry_after: Duration::from_secs(7) });
        assert_eq!((&limited["retryable"], &limited["retry_after_seconds"]), (&json!(true), &json!(7)));
    }

    #[test]
    fn the_cause_of_a_fault_is_shown_to_nobody() {
        let fault = Error::internal("password authentication failed for user forebay_app");
        assert_eq!(
            shown(&fault),
            json!({ "code": "internal", "message": "internal error", "retryable": true })
        );
        assert!(!format!("{:?}", resource_error(&fault)).contains("password"));
    }

    #[test]
    fn a_resource_that_is_not_there_has_the_protocols_own_code() {
        assert_eq!(resource_error(&Error::not_found("issue", "PAY-1")).code, ErrorCode::RESOURCE_NOT_FOUND);
        assert_eq!(resource_error(&Error::Forbidden("no".into())).code, ErrorCode::INVALID_PARAMS);
    }
}
