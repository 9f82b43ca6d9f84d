//! Errors as pages, and the headers that every answer of the console carries.

use application::Error;
use askama::Template;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::shell::{self, Shell};
use crate::{
    context::RequestContext,
    rest::problem::{self, Refusal},
};

/// Only our own files, no inline script or style, nobody frames us, no form goes elsewhere.
const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// The page of an error.
#[derive(Template)]
#[template(path = "fault.html")]
pub(super) struct FaultPage {
    shell: Shell,
    status: u16,
    message: String,
    advice: &'static str,
    request_id: String,
}

impl FaultPage {
    pub(super) fn new(error: &Error, shell: Shell, request_id: &str) -> Self {
        let status = problem::status_of(error);
        let message = match error {
            // "internal error" says nothing to a reader.
            Error::Internal(_) => {
                "Something failed on our side. The fault is logged under the request id below.".into()
            }
            other => sentence(&other.to_string()),
        };
        Self::worded(status, message, shell, request_id)
    }

    fn worded(status: StatusCode, message: String, shell: Shell, request_id: &str) -> Self {
        let shell = Shell { title: title_of(status).to_owned(), ..shell };
        Self {
            shell,
            status: status.as_u16(),
            message,
            advice: advice(status),
            request_id: request_id.to_owned(),
        }
    }
}

fn title_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Nothing here",
        StatusCode::FORBIDDEN => "Not with this key",
        StatusCode::TOO_MANY_REQUESTS => "Too fast",
        StatusCode::BAD_GATEWAY => "The Jira site did not play along",
        StatusCode::SERVICE_UNAVAILABLE => "Not available just now",
        StatusCode::GATEWAY_TIMEOUT => "That took too long",
        StatusCode::INTERNAL_SERVER_ERROR => "That went wrong",
        status => status.canonical_reason().unwrap_or("Error"),
    }
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Check the address, or look for the issue by its key.",
        StatusCode::FORBIDDEN => "Sign in with a key that has the scope, or ask whoever manages the keys.",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => {
            "Trying again in a moment may help."
        }
        StatusCode::GATEWAY_TIMEOUT => "Narrow it down, or try again when less is going on.",
        StatusCode::INTERNAL_SERVER_ERROR => "Trying again may help; if it does not, pass the request id on.",
        _ => "Go back, correct it, and try again.",
    }
}

/// An error's text as a sentence of its own.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let mut sentence: String = match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => return String::new(),
    };
    if !sentence.ends_with(['.', '!', '?', ')']) {
        sentence.push('.');
    }
    sentence
}

/// The console's one conversion of the application's error.
pub(super) fn page(error: &Error, shell: Shell, request_id: &str) -> Response {
    problem::log(error);
    let mut response = shell::answer(problem::status_of(error), &FaultPage::new(error, shell, request_id));
    if let Some(wait) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    response
}

/// What no route serves: a page for browsers, problem+json for programs.
pub(super) async fn unknown_path(uri: Uri, headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        return StatusCode::NOT_FOUND.into_response();
    }
    Refusal::UnknownRoute(uri.path().to_owned()).into_response()
}

/// Sets the headers of every answer, and turns bare refusals (an unknown path, a wrong method, a form that cannot be
/// read) into pages.
pub(super) async fn dress(context: RequestContext, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if is_bare_refusal(&response) {
        let status = response.status();
        let message = match status {
            StatusCode::NOT_FOUND => "No page has this address.",
            StatusCode::METHOD_NOT_ALLOWED => "This address does not take such a request.",
            _ => "The request could not be read.",
        };
        let page = FaultPage::worded(status, message.into(), Shell::bare(""), &context.request_id);
        response = shell::answer(status, &page);
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_bare_refusal(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    response.status().is_client_error() && content_type.is_none_or(|value| value.starts_with("text/plain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_a_sentence() {
        assert_eq!(sentence("issue `A-1` does not exist"), "Issue `A-1` does not exist.");
        assert_eq!(sentence("Over (line 1)"), "Over (line 1)");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn internal_causes_are_not_shown() {
        let page = FaultPage::new(&Error::internal("password=hunter2"), Shell::bare(""), "req-1");
        let html = page.render().unwrap();
        assert!(!html.contains("hunter2") && html.contains("req-1"), "{html}");
    }

    #[tokio::test]
    async fn programs_get_a_problem_and_browsers_a_page() {
        let browser = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("text/html,*/*"))]);
        let page = unknown_path(Uri::from_static("/nowhere"), browser).await;
        assert!(is_bare_refusal(&page), "dress makes a page of it");
        let problem = unknown_path(Uri::from_static("/v1/nowhere"), HeaderMap::new()).await;
        assert_eq!(problem.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
