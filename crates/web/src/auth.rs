//! Who calls: an API key as Bearer, as Basic (any user name, the key as password: what Jira's clients send), or the
//! console's session cookie.

use application::{Caller, Error, keys};
use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::{self, Next},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{context::RequestContext, rest::problem::Problem, state::WebState};

const COOKIE: &str = "forebay_session";
const SESSION: Duration = Duration::hours(12);

/// Closes routes to everyone without a key; what stands behind finds the [`Caller`] in the request's extensions, and counts
/// requests against the key's rate itself. For doors that are mounted from elsewhere.
pub fn with_key(state: WebState, routes: Router) -> Router {
    routes.layer(middleware::from_fn_with_state(state, admit))
}

async fn admit(State(state): State<WebState>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = identify(&mut parts, &state).await?;
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Finds the caller of a request, and counts it against the rate of their key.
///
/// # Errors
/// [`Error::Unauthenticated`]; [`Error::RateLimited`].
pub(crate) async fn authenticate(parts: &mut Parts, state: &WebState) -> Result<Caller, Error> {
    if let Some(Identified(caller)) = parts.extensions.get::<Identified>() {
        return Ok(caller.clone());
    }
    let caller = identify(parts, state).await?;
    keys::charge(&state.services, &caller).await?;
    Ok(caller)
}

/// The caller of a request, found and counted by a layer in front of its handler.
#[derive(Clone)]
pub(crate) struct Identified(pub(crate) Caller);

/// Finds the caller of a request without counting it.
pub(crate) async fn identify(parts: &mut Parts, state: &WebState) -> Result<Caller, Error> {
    let Ok(context) = RequestContext::from_request_parts(parts, state).await;
    let caller = match key_of(&parts.headers)? {
        Some(key) => keys::authenticate(&state.services, &key, &context.request_id).await?,
        None => {
            let session = session_of(&parts.headers, state).ok_or_else(no_key)?;
            // A cookie travels by itself, so what it may change must come from our own pages.
            if !matches!(parts.method, Method::GET | Method::HEAD) && !same_origin(&parts.headers) {
                return Err(Error::Forbidden("the request did not come from this site's own pages".into()));
            }
            keys::resume(&state.services, &session.prefix, &context.request_id).await?
        }
    };
    let span = tracing::Span::current();
    span.record("tenant", tracing::field::display(caller.tenant));
    Ok(caller)
}

fn no_key() -> Error {
    Error::Unauthenticated("an API key is needed: send it as `Authorization: Bearer fb_…`".into())
}

/// What lets the sender of a request in, to be asked again while an answer goes on: a key is revoked, comes to its end or is
/// changed, and a session ends, without a new request.
pub(crate) struct Admission {
    prefix: String,
    until: Option<DateTime<Utc>>,
    request_id: String,
}

impl Admission {
    /// Of a request that [`authenticate`] let in.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when neither a key nor a session came with it.
    pub(crate) async fn of(parts: &mut Parts, state: &WebState) -> Result<Self, Error> {
        let Ok(context) = RequestContext::from_request_parts(parts, state).await;
        let request_id = context.request_id;
        if let Some(key) = key_of(&parts.headers)? {
            let prefix = keys::prefix_of(&key).ok_or_else(no_key)?.to_owned();
            return Ok(Self { prefix, until: None, request_id });
        }
        let session = session_of(&parts.headers, state).ok_or_else(no_key)?;
        Ok(Self { prefix: session.prefix, until: Some(session.until), request_id })
    }

    /// The caller as they are now. Not counted against the key's rate: it is the same request.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the key or the session has come to its end.
    pub(crate) async fn renewed(&self, state: &WebState) -> Result<Caller, Error> {
        if self.until.is_some_and(|end| end <= state.services.clock.now()) {
            return Err(Error::Unauthenticated("the session has ended; sign in again".into()));
        }
        keys::resume(&state.services, &self.prefix, &self.request_id).await
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<SecretString>, Error> {
    let mut sent = headers.get_all(header::AUTHORIZATION).into_iter();
    let Some(value) = sent.next() else { return Ok(None) };
    // Whatever stands between might have looked at the other one.
    if sent.next().is_some() {
        return Err(Error::Unauthenticated("two Authorization headers were sent; send one".into()));
    }
    let refused =
        || Error::Unauthenticated("the Authorization header is neither Bearer nor Basic with a key".into());
    let value = value.to_str().map_err(|_| refused())?;
    let (scheme, rest) = value.split_once(' ').ok_or_else(refused)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(rest.trim().into()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(refused());
    }
    let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = SecretString::from(decoded.ok_or_else(refused)?);
    let (_, key) = decoded.expose_secret().split_once(':').ok_or_else(refused)?;
    Ok(Some(key.into()))
}

/// A link cannot serve as a cookie, nor a cookie as a link that begins another session.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum TokenKind {
    Cookie,
    Link,
}

/// What the session cookie holds, sealed: the key's public half. Whether the key is still good is asked each time, so
/// that a revoked key ends its sessions at once.
#[derive(Serialize, Deserialize)]
struct Session {
    kind: TokenKind,
    prefix: String,
    until: DateTime<Utc>,
    /// Of a link, which is used once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
}

fn session_of(headers: &HeaderMap, state: &WebState) -> Option<Session> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let token = cookies.flat_map(|value| value.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })?;
    open(state, token, TokenKind::Cookie)
}

fn open(state: &WebState, token: &str, kind: TokenKind) -> Option<Session> {
    let session: Session = serde_json::from_str(&state.services.secrets.open_token(token)?).ok()?;
    (session.kind == kind && session.until > state.services.clock.now()).then_some(session)
}

fn seal(state: &WebState, prefix: &str, kind: TokenKind) -> Result<String, Error> {
    let id = (kind == TokenKind::Link).then(Uuid::now_v7);
    let session =
        Session { kind, prefix: prefix.to_owned(), until: state.services.clock.now() + SESSION, id };
    state.services.secrets.seal_token(&serde_json::to_string(&session).map_err(Error::internal)?)
}

/// The `Set-Cookie` value of a new session for whoever presents this key.
pub(crate) async fn sign_in(state: &WebState, key: &SecretString, request_id: &str) -> Result<String, Error> {
    let key = SecretString::from(key.expose_secret().trim());
    keys::authenticate(&state.services, &key, request_id).await?;
    let prefix = keys::prefix_of(&key).ok_or_else(|| Error::Unauthenticated("that is no API key".into()))?;
    Ok(cookie(state, &seal(state, prefix, TokenKind::Cookie)?, SESSION))
}

/// Whether the browser that asks has a session already.
pub(crate) fn has_session(headers: &HeaderMap, state: &WebState) -> bool {
    session_of(headers, state).is_some()
}

/// The `Set-Cookie` value of a session begun by a link of [`login_link`], which is used up by it.
pub(crate) async fn sign_in_by_link(
    state: &WebState,
    token: &str,
    request_id: &str,
) -> Result<String, Error> {
    let refused = || Error::Unauthenticated("the sign-in link has expired; sign in with an API key".into());
    let session = open(state, token, TokenKind::Link).ok_or_else(refused)?;
    let id = session.id.ok_or_else(refused)?;
    let caller = keys::resume(&state.services, &session.prefix, request_id).await?;
    keys::use_sign_in_link(&state.services, &caller, id, session.until).await?;
    Ok(cookie(state, &seal(state, &session.prefix, TokenKind::Cookie)?, SESSION))
}

/// The `Set-Cookie` value that ends the session.
pub(crate) fn sign_out(state: &WebState) -> String {
    cookie(state, "", Duration::zero())
}

fn cookie(state: &WebState, value: &str, age: Duration) -> String {
    let secure = if state.secure_cookies { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", age.num_seconds())
}

/// A link that signs in to the console as the holder of a key, good for twelve hours and for one browser. For the demo, which shows
/// it on the terminal of whoever started it.
pub fn login_link(state: &WebState, key: &SecretString) -> Result<String, Error> {
    let prefix = keys::prefix_of(key).ok_or_else(|| Error::Unauthenticated("that is no API key".into()))?;
    Ok(format!("{}/login/link?token={}", state.services.public_url, seal(state, prefix, TokenKind::Link)?))
}

fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_key_comes_as_bearer_or_as_the_password_of_basic() {
        let key = |value: &str| {
            key_of(&headers(&[("authorization", value)]))
                .map(|key| key.map(|key| key.expose_secret().to_owned()))
        };
        assert_eq!(key("Bearer fb_a_b").unwrap().as_deref(), Some("fb_a_b"));
        assert_eq!(
            key(&format!("Basic {}", STANDARD.encode("me@x.org:fb_a_b"))).unwrap().as_deref(),
            Some("fb_a_b")
        );
        assert!(key("Digest x").is_err());
        assert!(key("Basic ???").is_err());
        assert!(key_of(&HeaderMap::new()).unwrap().is_none());
        let two = headers(&[("authorization", "Bearer fb_a_b"), ("authorization", "Bearer fb_c_d")]);
        assert_eq!(two.get_all("authorization").iter().count(), 2);
        assert!(key_of(&two).is_err());
    }

    #[test]
    fn only_our_own_pages_may_change_things_by_cookie() {
        assert!(same_origin(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(!same_origin(&headers(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://a"),
            ("host", "a")
        ])));
        assert!(same_origin(&headers(&[("origin", "http://a:1"), ("host", "a:1")])));
        assert!(!same_origin(&headers(&[("origin", "http://evil"), ("host", "a:1")])));
        assert!(!same_origin(&headers(&[("host", "a:1")])));
    }
}
