//! Answers. Jira names the charset in the content type, and some clients compare the whole header (jira-facts 11.2).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

/// Put into the extensions of answers whose JSON this door has written: their links are to lead to it. A file that somebody
/// attached is passed on as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Composed;

/// 200 with a body.
pub(super) fn ok(body: &Value) -> Response {
    json(StatusCode::OK, body)
}

/// A body with Jira's content type.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    text(status, body.to_string())
}

/// JSON that has been written already.
pub(super) fn text(status: StatusCode, body: String) -> Response {
    text_as("application/json;charset=UTF-8", status, body)
}

/// A body with another content type.
pub(super) fn json_as(content_type: &'static str, status: StatusCode, body: &Value) -> Response {
    text_as(content_type, status, body.to_string())
}

fn text_as(content_type: &'static str, status: StatusCode, body: String) -> Response {
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    let mut response = (status, content_type, body).into_response();
    response.extensions_mut().insert(Composed);
    response
}
