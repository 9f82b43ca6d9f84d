//! Signing in with an API key, or by a link; signing out.

use application::Error;
use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::{
    addresses, fault,
    shell::{self, Shell, see_other},
};
use crate::{auth, context::RequestContext, state::WebState};

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignInPage {
    shell: Shell,
    next: String,
    error: Option<String>,
}

impl SignInPage {
    pub(super) fn new(next: &str, error: Option<String>) -> Self {
        Self { shell: Shell::bare("Sign in"), next: addresses::local(next).to_owned(), error }
    }
}

/// Where to go afterwards.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct KeyForm {
    #[serde(deserialize_with = "secret")]
    key: SecretString,
    #[serde(default)]
    next: String,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// A sign-in link's token.
#[derive(Deserialize)]
pub(super) struct Link {
    token: String,
}

/// `GET /login`
pub(super) async fn form(Query(asked): Query<Asked>) -> Response {
    shell::answer(StatusCode::OK, &SignInPage::new(&asked.next, None))
}

/// `POST /login`
pub(super) async fn submit(
    State(state): State<WebState>,
    context: RequestContext,
    headers: HeaderMap,
    Form(sent): Form<KeyForm>,
) -> Response {
    // Another site must not be able to sign a visitor in as somebody else.
    if is_from_elsewhere(&headers) {
        return refuse(&context);
    }
    let signed_in = auth::sign_in(&state, &sent.key, &context.request_id).await;
    enter(signed_in, &sent.next, &context)
}

/// `GET /login/link`
pub(super) async fn by_link(
    State(state): State<WebState>,
    context: RequestContext,
    headers: HeaderMap,
    Query(link): Query<Link>,
) -> Response {
    // A browser that loads pages ahead must not use the link up; it throws such an answer away.
    if headers.get("sec-purpose").is_some_and(|purpose| purpose.as_bytes().starts_with(b"prefetch")) {
        return shell::answer(StatusCode::SERVICE_UNAVAILABLE, &SignInPage::new("", None));
    }
    // This browser has used it already, or does not need it.
    if auth::has_session(&headers, &state) {
        return see_other("/");
    }
    let signed_in = auth::sign_in_by_link(&state, &link.token, &context.request_id).await;
    enter(signed_in, "/", &context)
}

/// `POST /logout`; open to all, so that a session whose key may not read can be left too.
pub(super) async fn out(
    State(state): State<WebState>,
    context: RequestContext,
    headers: HeaderMap,
) -> Response {
    if is_from_elsewhere(&headers) {
        return refuse(&context);
    }
    with_cookie(see_other("/login"), &auth::sign_out(&state))
}

/// Whether the browser says that another site sent the form.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

fn refuse(context: &RequestContext) -> Response {
    let refused = Error::Forbidden("the request did not come from this site's own pages".into());
    fault::page(&refused, Shell::bare(""), &context.request_id)
}

fn enter(signed_in: Result<String, Error>, next: &str, context: &RequestContext) -> Response {
    match signed_in {
        Ok(cookie) => with_cookie(see_other(addresses::local(next)), &cookie),
        Err(Error::Unauthenticated(message)) => {
            shell::answer(StatusCode::UNAUTHORIZED, &SignInPage::new(next, Some(fault::sentence(&message))))
        }
        Err(error) => fault::page(&error, Shell::bare(""), &context.request_id),
    }
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
