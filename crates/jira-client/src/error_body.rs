//! The bodies of failed requests: four families of JSON, and whatever proxies send (jira-facts 10.1).

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Map, Value};

use crate::JiraError;
use crate::redaction::{excerpt, mask_addresses};

/// Most messages of one answer that an error repeats.
const MAX_MESSAGES: usize = 20;

/// What Jira answers, with 403, to a bearer token it cannot read (jira-facts 5.4).
const UNREADABLE_BEARER: &str = "Failed to parse Connect Session Auth Token";

/// What Data Center answers, with 500, when asked beyond its result window (jira-facts 1.3).
const BEYOND_RESULT_WINDOW: &str = "Search limit exceeded";

/// What a failed request's body says.
#[derive(Debug, Default, PartialEq, Eq)]
struct ErrorBody {
    messages: Vec<String>,
    field_errors: BTreeMap<String, String>,
}

/// Reads a body whose secrets are already redacted.
fn parse(text: &str) -> ErrorBody {
    let mut body = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => parse_object(&object),
        _ => ErrorBody::default(),
    };
    if body.messages.is_empty() && body.field_errors.is_empty() && !text.trim().is_empty() {
        body.messages.push(excerpt(text));
    }
    body
}

/// Whether a 404 is Jira's own: the shape of the platform, of Service Management, or of its older resources.
fn is_of_jira(text: &str) -> bool {
    let Ok(Value::Object(body)) = serde_json::from_str::<Value>(text) else { return false };
    let says = |key: &str| body.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let lists = |key: &str| body.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let names = |key: &str| body.get(key).and_then(Value::as_object).is_some_and(|map| !map.is_empty());
    lists("errorMessages") || names("errors") || says("errorMessage") || lists("messages")
}

fn parse_object(object: &Map<String, Value>) -> ErrorBody {
    let mut body = ErrorBody::default();
    // Platform and Agile: {"errorMessages": [...], "errors": {...}}.
    push_all(&mut body.messages, object.get("errorMessages"));
    match object.get("errors") {
        Some(Value::Object(fields)) => {
            let readable =
                fields.iter().take(MAX_MESSAGES).map(|(field, error)| (excerpt(field), readable(error)));
            body.field_errors.extend(readable);
        }
        other => push_all(&mut body.messages, other),
    }
    if body.messages.is_empty() && body.field_errors.is_empty() {
        // JSM; OAuth gateway; session errors; problem+json, where the title says less than the detail.
        let keys = ["errorMessage", "message", "error", "detail", "title"];
        let first = keys.iter().filter_map(|key| object.get(*key)).find(|value| value.is_string());
        push_all(&mut body.messages, first);
    }
    body
}

fn push_all(messages: &mut Vec<String>, value: Option<&Value>) {
    match value {
        Some(Value::Array(values)) => messages.extend(values.iter().take(MAX_MESSAGES).map(readable)),
        Some(text @ Value::String(_)) => messages.push(readable(text)),
        _ => {}
    }
}

fn readable(value: &Value) -> String {
    // Masked once more, because the at sign may have been hidden behind a JSON escape.
    match value {
        Value::String(text) => excerpt(&mask_addresses(text)),
        other => excerpt(&mask_addresses(&other.to_string())),
    }
}

/// The error for an unsuccessful status. `text` is the body with its secrets redacted.
pub(crate) fn error_for(
    status: StatusCode,
    text: &str,
    retry_after: Option<Duration>,
    reason: Option<String>,
) -> JiraError {
    let ErrorBody { messages, field_errors } = parse(text);
    if status == StatusCode::NOT_FOUND && !is_of_jira(text) {
        // A gateway, a proxy or another application: it knows no issues, so it cannot say that one is gone.
        return JiraError::ForeignPage { status: 404, excerpt: excerpt(&messages.join("; ")) };
    }
    match status.as_u16() {
        401 => JiraError::Unauthenticated { messages },
        403 if messages.iter().any(|message| message.contains(UNREADABLE_BEARER)) => {
            JiraError::Unauthenticated { messages }
        }
        403 => JiraError::Forbidden { messages },
        404 => JiraError::NotFound { messages },
        409 => JiraError::Conflict { messages },
        410 => JiraError::Gone { messages },
        400 | 412 | 413 | 414 | 415 | 422 => JiraError::BadRequest { messages, field_errors },
        429 => JiraError::RateLimited { retry_after, reason },
        500 if text.contains(BEYOND_RESULT_WINDOW) => JiraError::BadRequest { messages, field_errors },
        status => JiraError::Upstream { status, excerpt: excerpt(&messages.join("; ")), retry_after },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        parse(text).messages
    }

    #[test]
    fn error_collection_of_platform_and_agile() {
        let body = parse(r#"{"errorMessages":["a","b"],"errors":{"summary":"required","x":{"deep":1}}}"#);
        assert_eq!(body.messages, ["a", "b"]);
        assert_eq!(body.field_errors["summary"], "required");
        assert_eq!(body.field_errors["x"], r#"{"deep":1}"#, "values that are not texts are kept readable");
        assert_eq!(messages(r#"{"errorMessages":["only"]}"#), ["only"], "`errors` may be missing");
    }

    #[test]
    fn problem_json_prefers_the_detail() {
        let text =
            r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"Failed to convert"}"#;
        assert_eq!(messages(text), ["Failed to convert"]);
        assert_eq!(messages(r#"{"type":"about:blank","title":"Not Found"}"#), ["Not Found"]);
    }

    #[test]
    fn service_management_and_gateway() {
        assert_eq!(messages(r#"{"errorMessage":"No desk","i18nErrorMessage":{"i18nKey":"k"}}"#), ["No desk"]);
        let gateway = r#"{"code":401,"message":"Unauthorized; scope does not match"}"#;
        assert_eq!(messages(gateway), ["Unauthorized; scope does not match"]);
    }

    #[test]
    fn an_address_behind_a_json_escape_is_masked() {
        assert_eq!(messages(r#"{"errorMessages":["no user ann\u0040example.com"]}"#), ["no user [e-mail]"]);
    }

    #[test]
    fn html_and_empty_bodies() {
        assert_eq!(messages("<html>\n502</html>"), ["<html> 502</html>"]);
        assert_eq!(messages("  "), Vec::<String>::new());
        assert_eq!(messages(&"x".repeat(10_000))[0].len(), 500);
        assert_eq!(messages("[1,2]"), ["[1,2]"]);
    }

    #[test]
    fn an_unreadable_bearer_token_is_a_matter_of_credentials() {
        let text = r#"{"error": "Failed to parse Connect Session Auth Token"}"#;
        let error = error_for(StatusCode::FORBIDDEN, text, None, None);
        assert!(matches!(error, JiraError::Unauthenticated { .. }), "{error:?}");
    }

    #[test]
    fn asking_beyond_the_result_window_is_not_worth_a_retry() {
        let text =
            r#"{"errorMessages":["Search limit exceeded: exceeded the search platform limit of 10,000"]}"#;
        let error = error_for(StatusCode::INTERNAL_SERVER_ERROR, text, None, None);
        assert!(!error.is_retryable(), "{error:?}");
    }
}
