//! `Idempotency-Key`: a write that is sent again, because its answer was lost, happens once.
//!
//! One layer around the routes of REST and of Jira's API; handlers know nothing of it. Requests without the header pass
//! through untouched.

use application::{
    Caller, Error,
    idempotency::{self, Begin, IdempotentRequest, KeptAnswer},
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::{
    auth,
    jira_api::refusal::Refusal as JiraRefusal,
    rest::problem::{Problem, Refusal},
    state::WebState,
};

/// The request's header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How the routes end that are sent a body and only read: they do nothing that could happen twice, and what they answered is not for
/// later, when its reader may see less and somebody in it may be gone.
const READS: [&str; 11] = [
    "/sql",
    "/search",
    "/search/jql",
    "/search/approximate-count",
    "/bulkfetch",
    "/worklog/list",
    "/jql/parse",
    "/jql/match",
    "/jql/sanitize",
    "/jql/autocompletedata",
    "/permissions/check",
];
/// Answers beyond are not kept.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Put into an answer's extensions where it is not known whether the write happened: it must not be done again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutcomeUnknown;

/// How a door words its refusals.
#[derive(Clone, Copy)]
enum Door {
    Rest,
    Jira,
}

impl Door {
    fn refuse(self, error: Error) -> Response {
        match self {
            Self::Rest => Problem(error).into_response(),
            Self::Jira => JiraRefusal::from(error).into_response(),
        }
    }

    fn mismatch(self) -> Response {
        let message = "this Idempotency-Key was used for another request, or before the rights of this API key changed; see what came \
                       of it, and use a new one";
        match self {
            Self::Rest => Refusal::KeyReused(message).into_response(),
            Self::Jira => JiraRefusal::message(StatusCode::UNPROCESSABLE_ENTITY, message).into_response(),
        }
    }
}

/// The layer for REST.
pub(crate) async fn for_rest(State(state): State<WebState>, request: Request, next: Next) -> Response {
    once(state, request, next, Door::Rest).await
}

/// The layer for Jira's API.
pub(crate) async fn for_jira(State(state): State<WebState>, request: Request, next: Next) -> Response {
    once(state, request, next, Door::Jira).await
}

async fn once(state: WebState, request: Request, next: Next, door: Door) -> Response {
    if !request.headers().contains_key(KEY) || !writes(&request) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // Counted here, because a repeated request does not reach its handler; which finds the caller and does not count again.
    let caller = match auth::authenticate(&mut parts, &state).await {
        Ok(caller) => caller,
        // Whoever is not known is refused by the handler, in its own words.
        Err(Error::Unauthenticated(_)) => return next.run(Request::from_parts(parts, body)).await,
        // Not left to the handler: a moment later it might let them through, past this layer.
        Err(error) => return door.refuse(error),
    };
    let Ok(body) = to_bytes(body, crate::LARGEST_BODY).await else {
        return door.refuse(Error::invalid("body", "could not be read to its end, or is too large"));
    };
    let known = match identified(&caller, &parts, &body) {
        Ok(known) => known,
        Err(error) => return door.refuse(error),
    };
    match idempotency::begin(&state.services, &caller, &known).await {
        Ok(Begin::Execute) => {}
        Ok(Begin::Replay(answer)) => return replay(answer),
        Ok(Begin::Mismatch) => return door.mismatch(),
        Err(error) => return door.refuse(error),
    }
    // Who asked already need not be asked for again.
    parts.extensions.insert(auth::Identified(caller.clone()));
    let request = Request::from_parts(parts, Body::from(body));
    // A task of its own: a client that hangs up must not leave a write half done and its key without an answer.
    let span = tracing::Span::current();
    let execution = tokio::spawn(tracing::Instrument::instrument(
        async move { settle(state, caller, known, next.run(request).await).await },
        span,
    ));
    match execution.await {
        Ok(response) => response,
        Err(error) => door.refuse(Error::internal(error)),
    }
}

fn writes(request: &Request) -> bool {
    let only_reads = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|route| READS.iter().any(|end| route.as_str().ends_with(end)));
    !only_reads && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

/// What the caller may see and do: an answer is not repeated to whoever may less than when it was given.
fn rights(caller: &Caller) -> String {
    let mut rights: Vec<String> = caller.scopes.iter().map(ToString::to_string).collect();
    rights.sort();
    rights.extend(caller.policy.actions.iter().map(ToString::to_string));
    rights.extend(caller.policy.projects.names().iter().cloned());
    rights.join(" ")
}

/// The request as far as it is compared.
fn identified(caller: &Caller, parts: &Parts, body: &Bytes) -> Result<IdempotentRequest, Error> {
    let mut keys = parts.headers.get_all(KEY).into_iter();
    let key = keys.next().and_then(|key| key.to_str().ok()).unwrap_or_default();
    let key = if keys.next().is_some() { "" } else { key };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut hash = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), path.as_bytes(), body, rights(caller).as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    IdempotentRequest::new(caller, key, hash.finalize().to_vec())
}

/// Keeps the answer where it is definite; gives the key back where nothing happened.
async fn settle(state: WebState, caller: Caller, known: IdempotentRequest, response: Response) -> Response {
    let is_unknown = response.extensions().get::<OutcomeUnknown>().is_some();
    let is_kept = response.status().is_success() || is_unknown || is_definite(response.status());
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return Problem(Error::internal(error)).into_response(),
    };
    let answer = is_kept.then(|| kept(parts.status, &parts.headers, &body));
    if let Err(error) = idempotency::end(&state.services, &caller, &known, answer.as_ref()).await {
        // The answer is right all the same; the key stays claimed, so that nothing happens twice.
        tracing::error!(error = error.with_causes(), "an answer could not be kept under its Idempotency-Key");
    }
    Response::from_parts(parts, Body::from(body))
}

/// Refusals of the request itself, which would be the same again. Others depend on the moment.
fn is_definite(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::NOT_IMPLEMENTED
    )
}

fn kept(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> KeptAnswer {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let is_secret = text(header::CACHE_CONTROL).is_some_and(|value| value.contains("no-store"));
    let body =
        (!is_secret && body.len() <= LARGEST_ANSWER).then(|| String::from_utf8(body.to_vec()).ok()).flatten();
    KeptAnswer {
        status: status.as_u16(),
        content_type: text(header::CONTENT_TYPE),
        location: text(header::LOCATION),
        body,
    }
}

fn replay(answer: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body.unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in [(header::CONTENT_TYPE, answer.content_type), (header::LOCATION, answer.location)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
