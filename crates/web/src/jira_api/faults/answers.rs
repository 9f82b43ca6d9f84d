//! Answers that a site, or what stands in front of it, gives instead of the right one (jira-facts 4, 5.4, 10.1).

use std::{io, time::Duration};

use application::{
    instances::Dialect,
    sandbox::faults::{
        Asked, Endpoint,
        plan::{ErrorBody, LimitReason},
    },
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::super::{answer, refusal::Refusal};

/// So long the part of a body that shall arrive has time to leave, before the connection is cut.
const TO_LEAVE: Duration = Duration::from_millis(50);

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const NEAR_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-nearlimit");
const INTERVAL: HeaderName = HeaderName::from_static("x-ratelimit-interval-seconds");
const FILL_RATE: HeaderName = HeaderName::from_static("x-ratelimit-fillrate");
const REASON: HeaderName = HeaderName::from_static("ratelimit-reason");
const LOGIN_REASON: HeaderName = HeaderName::from_static("x-seraph-loginreason");
const USER_NAME: HeaderName = HeaderName::from_static("x-ausername");

/// No answer: the connection ends before its first byte.
pub(super) fn nothing() -> Response {
    Body::from_stream(stream::once(async { Err::<Bytes, _>(cut()) })).into_response()
}

/// An answer whose connection ends within the body.
pub(super) fn cut_short(response: Response, bytes: &Bytes, share: f64) -> Response {
    let (mut parts, _) = response.into_parts();
    let arriving = bytes.slice(..((bytes.len() as f64 * share) as usize).min(bytes.len()));
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let rest = stream::once(async {
        tokio::time::sleep(TO_LEAVE).await;
        Err(cut())
    });
    Response::from_parts(parts, Body::from_stream(stream::once(async { Ok(arriving) }).chain(rest)))
}

fn cut() -> io::Error {
    io::Error::other("a fault that the sandbox was asked for: the connection is cut")
}

/// An error status.
pub(super) fn status(status: StatusCode, body: ErrorBody, retry_after: Option<u32>) -> Response {
    let reason = status.canonical_reason().unwrap_or("Error");
    let mut response = match body {
        ErrorBody::Html => html(status, &format!("{} {reason}", status.as_u16())),
        ErrorBody::Json => {
            answer::json(status, &json!({ "errorMessages": [format!("{reason}.")], "errors": {} }))
        }
        ErrorBody::Empty => status.into_response(),
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A page as a proxy in front of the site writes it.
fn html(status: StatusCode, title: &str) -> Response {
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
    );
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], page)
        .into_response()
}

/// 200 with the form that a browser is sent to.
pub(super) fn login_page() -> Response {
    let page = "<!DOCTYPE html>\n<html><head><title>Log in - Jira</title></head>\n<body id=\"jira\" class=\"aui-page-focused\">\n\
                <form action=\"/login.jsp\" method=\"post\" id=\"login-form\"><input name=\"os_username\">\
                <input type=\"password\" name=\"os_password\"><input type=\"submit\" value=\"Log In\"></form>\n</body></html>\n";
    let html = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html;charset=UTF-8"))];
    (StatusCode::OK, html, page).into_response()
}

/// 401 for a credential that was good once.
pub(super) fn unauthorized(dialect: Dialect) -> Response {
    match dialect {
        Dialect::V3 => {
            answer::json(StatusCode::UNAUTHORIZED, &json!({ "code": 401, "message": "Unauthorized" }))
        }
        Dialect::V2 => {
            let mut response = html(StatusCode::UNAUTHORIZED, "Unauthorized (401)");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("OAuth realm=\"forebay\""));
            headers.insert(LOGIN_REASON, HeaderValue::from_static("AUTHENTICATED_FAILED"));
            response
        }
    }
}

/// What somebody without a credential sees; `None` where that is what everybody sees.
pub(super) fn anonymous(asked: &Asked<'_>) -> Option<Response> {
    let list = |body: Value| answer::ok(&body);
    Some(match (asked.endpoint(), asked.method) {
        (Endpoint::Search, "GET" | "POST") if asked.path.ends_with("/jql") => {
            list(json!({ "issues": [], "isLast": true }))
        }
        (Endpoint::Search, "GET" | "POST") => list(
            json!({ "expand": "names,schema", "startAt": 0, "maxResults": 50, "total": 0, "issues": [] }),
        ),
        (Endpoint::Count, _) => list(json!({ "count": 0 })),
        (Endpoint::Issue, "POST") if asked.path.ends_with("/bulkfetch") => {
            list(json!({ "expand": "names,schema", "issues": [], "issueErrors": [] }))
        }
        (Endpoint::Changelog, "POST") => list(json!({ "issueChangeLogs": [] })),
        (
            Endpoint::Issue
            | Endpoint::Changelog
            | Endpoint::Comments
            | Endpoint::Worklogs
            | Endpoint::Transitions,
            "GET",
        ) => Refusal::from(application::Error::not_found("issue", "")).into_response(),
        (Endpoint::Projects, "GET") if asked.path.ends_with("/project") => list(json!([])),
        (Endpoint::Projects, "GET") if asked.path.ends_with("/project/search") => list(json!({
            "maxResults": 50, "startAt": 0, "total": 0, "isLast": true, "values": [],
        })),
        (Endpoint::Projects, "GET") => {
            let key = asked.path.rsplit('/').next().unwrap_or_default();
            Refusal::from(application::Error::not_found("project", key)).into_response()
        }
        (Endpoint::Rosters, "GET") => return None,
        (Endpoint::Identity, _) if asked.path.ends_with("/serverInfo") => return None,
        _ => Refusal::message(
            StatusCode::UNAUTHORIZED,
            "Client must be authenticated to access this resource.",
        )
        .into_response(),
    })
}

/// By which a client that looks can tell that its credential was not taken.
pub(super) fn mark_anonymous(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(LOGIN_REASON, HeaderValue::from_static("AUTHENTICATED_FAILED"));
    headers.insert(USER_NAME, HeaderValue::from_static("anonymous"));
}

/// 410 or 404: what a site says of the search that only the other kind of site has; `None` for any other request.
pub(super) fn foreign_search(asked: &Asked<'_>, dialect: Dialect) -> Option<Response> {
    let path = asked.path;
    match dialect {
        Dialect::V3 if path.ends_with("/search") && asked.endpoint() == Endpoint::Search => {
            let text = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration \
                        guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046";
            Some(Refusal::message(StatusCode::GONE, text).into_response())
        }
        Dialect::V2 if path.ends_with("/search/jql") || asked.endpoint() == Endpoint::Count => {
            Some(html(StatusCode::NOT_FOUND, "Oops, you've found a dead link."))
        }
        _ => None,
    }
}

/// A limit, as its headers tell it.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    /// Requests in a window.
    pub(super) requests: u32,
    /// How long a window is.
    pub(super) per_seconds: u32,
    /// How many are left.
    pub(super) remaining: u32,
    /// When the next window begins.
    pub(super) reset: DateTime<Utc>,
}

/// 429.
pub(super) fn too_many(
    limit: Limit,
    reason: LimitReason,
    retry_after: Option<u32>,
    dialect: Dialect,
) -> Response {
    let body = json!({ "errorMessages": ["Rate limit exceeded."], "errors": {} });
    let mut response = answer::json(StatusCode::TOO_MANY_REQUESTS, &body);
    show_limit(&mut response, limit, dialect);
    let headers = response.headers_mut();
    if dialect == Dialect::V3 {
        headers.insert(REASON, HeaderValue::from_static(reason.as_str()));
        // To the minute, and never before the limit is lifted.
        let minute = DateTime::from_timestamp((limit.reset.timestamp() + 59).div_euclid(60) * 60, 0);
        let reset = minute.unwrap_or(limit.reset).format("%Y-%m-%dT%H:%MZ").to_string();
        if let Ok(reset) = HeaderValue::from_str(&reset) {
            headers.insert(RESET, reset);
        }
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The headers with which a site tells how much is left.
pub(super) fn show_limit(response: &mut Response, limit: Limit, dialect: Dialect) {
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(limit.requests));
    headers.insert(REMAINING, HeaderValue::from(limit.remaining));
    match dialect {
        Dialect::V3 if u64::from(limit.remaining) * 5 < u64::from(limit.requests) => {
            headers.insert(NEAR_LIMIT, HeaderValue::from_static("true"));
        }
        Dialect::V3 => {}
        Dialect::V2 => {
            headers.insert(INTERVAL, HeaderValue::from(limit.per_seconds));
            headers.insert(FILL_RATE, HeaderValue::from(limit.requests));
        }
    }
}
