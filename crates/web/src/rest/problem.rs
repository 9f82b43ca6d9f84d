//! The one conversion of the application's error for REST: RFC 9457 problem+json.

use std::any::Any;

use application::{Error, FieldProblem};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::idempotency::OutcomeUnknown;

/// An error as REST shows it.
#[derive(Debug)]
pub struct Problem(pub Error);

impl<E: Into<Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The body of an error: RFC 9457, with a stable `code` and the wrong fields.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: the code tells problems apart.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Bad Request")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What is wrong, and what to do about it.
    #[schema(example = "limit: must be 1 to 200")]
    detail: String,
    /// The stable code, for programs.
    #[schema(example = "invalid")]
    code: &'static str,
    /// The wrong fields, where it is the input's fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FieldProblemBody>)]
    errors: Vec<FieldProblem>,
}

/// One wrong field. Only its schema is used: what is sent is the application's own [`FieldProblem`].
#[derive(ToSchema)]
#[schema(as = FieldProblem)]
#[expect(dead_code, reason = "describes application::FieldProblem, which knows no OpenAPI")]
pub(crate) struct FieldProblemBody {
    /// The field as the caller named it.
    #[schema(example = "limit")]
    field: String,
    /// What is wrong and what would be right.
    #[schema(example = "must be 1 to 200")]
    message: String,
}

/// The media type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A problem that HTTP itself has, before any use case is asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The input cannot be read; the error names field and remedy.
    Unreadable(Error),
    /// No such route.
    UnknownRoute(String),
    /// The route has no such method. The router adds `Allow`.
    MethodNotAllowed(String),
    /// The body is not said to be JSON.
    NotJson,
    /// The body has more than so many bytes.
    TooLarge(usize),
    /// An `Idempotency-Key` of another request, with what to do.
    KeyReused(&'static str),
    /// The process must not be sent requests now, with the reason.
    NotReady(&'static str),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, detail) = match self {
            Self::Unreadable(error) => return Problem(error).into_response(),
            Self::UnknownRoute(path) => (
                StatusCode::NOT_FOUND,
                "unknown_route",
                format!("there is nothing at `{path}`; see /docs/api"),
            ),
            Self::MethodNotAllowed(method) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                format!("`{method}` is not served here; the Allow header names what is"),
            ),
            Self::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the body as JSON, with `Content-Type: application/json`".into(),
            ),
            Self::TooLarge(most) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("a body may have at most {most} bytes"))
            }
            Self::KeyReused(message) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", message.into())
            }
            Self::NotReady(reason) => (StatusCode::SERVICE_UNAVAILABLE, "not_ready", reason.into()),
        };
        respond(status, code, detail, Vec::new())
    }
}

/// The largest JSON body that REST reads, in bytes.
pub(crate) const LARGEST_JSON: usize = 1024 * 1024;

/// The HTTP status of an error.
pub(crate) fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Conflict(_) | Error::WrongAccount { .. } | Error::ConsentNeeded(_) => StatusCode::CONFLICT,
        Error::Invalid(_) | Error::InvalidJql(_) => StatusCode::BAD_REQUEST,
        Error::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Upstream { .. } | Error::Indeterminate(_) | Error::NotAuthenticated(_) => {
            StatusCode::BAD_GATEWAY
        }
        Error::Unavailable(_) | Error::Busy { .. } | Error::Paused { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Logs a fault once, with all its causes; shows them to nobody.
pub(crate) fn log(error: &Error) {
    if error.is_fault() {
        tracing::error!(code = error.code(), "{}", error.with_causes());
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = self.0;
        log(&error);
        let status = status_of(&error);
        let errors = match &error {
            Error::Invalid(problems) => problems.clone(),
            Error::InvalidJql(message) => {
                vec![FieldProblem { field: "jql".into(), message: message.clone() }]
            }
            _ => Vec::new(),
        };
        let mut response = respond(status, error.code(), error.to_string(), errors);
        if matches!(error, Error::Indeterminate(_)) {
            response.extensions_mut().insert(OutcomeUnknown);
        }
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"forebay\""));
        }
        if let Some(wait) = error.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}

fn respond(status: StatusCode, code: &'static str, detail: String, errors: Vec<FieldProblem>) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = ProblemBody { kind: "about:blank", title, status: status.as_u16(), detail, code, errors };
    let mut response = (status, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(1_u64));
    }
    response
}

/// A panic is a fault of ours: 500, logged, and the process goes on.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "panic".into());
    Problem(Error::internal(message)).into_response()
}
