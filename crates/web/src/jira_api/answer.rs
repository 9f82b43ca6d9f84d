//! Answers. Jira names the charset in the content type, and some clients compare the whole header (jira-facts 11.2).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

/// 200 with a body.
pub(super) fn ok(body: &Value) -> Response {
    json(StatusCode::OK, body)
}

/// A body with Jira's content type.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    json_as("application/json;charset=UTF-8", status, body)
}

/// A body with another content type.
pub(super) fn json_as(content_type: &'static str, status: StatusCode, body: &Value) -> Response {
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    (status, content_type, body.to_string()).into_response()
}
