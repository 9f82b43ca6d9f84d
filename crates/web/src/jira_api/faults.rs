//! A sandbox's faults, as far as they concern the transport: a layer around Jira's API that a sandbox's user can ask to do
//! wrong. What is decided, and what it does to data, is [`application::sandbox::faults`].
//!
//! A site without a plan costs nothing here: whoever asks and which instance is looked up once, and handed to the handler.

mod answers;
mod desk;
mod edits;
mod rewrite;
mod strict;

use std::{sync::Arc, time::Duration};

use application::{
    Scope,
    instances::{Instance, InstanceKind},
    lookups,
    sandbox::faults::{self, Asked, Endpoint, Fault, Lens, Met, Poison, plan::ErrorBody},
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

pub use desk::FaultDesk;

use self::{answers::Limit, desk::Served, rewrite::Question};
use super::{operations::at_site, refusal::Refusal};
use crate::{auth, state::WebState};

/// A client that waits longer is let go.
const LONGEST_HANG: Duration = Duration::from_secs(3_600);
/// What a 429 that no budget gives tells as the limit: requests a second, as at Cloud (jira-facts 4).
const USUAL_LIMIT: u32 = 100;

/// What the layer has found out for the handler.
#[derive(Clone)]
pub(super) struct Known {
    /// The instance of the path.
    pub(super) instance: Arc<Instance>,
    /// Through which it is to be seen.
    pub(super) lens: Option<Arc<Lens>>,
}

/// The layer.
pub(super) async fn serve(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some((instance, served)) = faulty(&state, &mut parts).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let Ok(body) = to_bytes(body, crate::LARGEST_BODY).await else {
        let message = "The request body is too large, or could not be read.";
        return Refusal::message(StatusCode::PAYLOAD_TOO_LARGE, message).into_response();
    };
    let (method, path) = (parts.method.clone(), at_site(parts.uri.path()).to_owned());
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let asked = Asked { method: method.as_str(), path: &path, query: &query, body: &body };
    let now = state.services.clock.now();
    let met = served.active.meet(&asked, now);
    let exchange = Exchange { state: &state, instance, served: &served, asked, now };
    let response = exchange.answer(&met, parts, body.clone(), next).await;
    if !met.is_empty() {
        served.write_soon(&state.services);
    }
    response
}

/// The sandbox that the request is for and its plan, if it has one. The instance is left for the handler.
async fn faulty(state: &WebState, parts: &mut Parts) -> Option<(Arc<Instance>, Arc<Served>)> {
    let name = parts.uri.path().split('/').nth(2)?.to_owned();
    // Whoever is not known, asks too often or may not read is refused by the handler, in its own words.
    let caller = auth::authenticate(parts, state).await.ok()?;
    parts.extensions.insert(auth::Identified(caller.clone()));
    let instance = lookups::instance(&state.services, &caller, &name).await.ok()?;
    parts.extensions.insert(Known { instance: instance.clone(), lens: None });
    caller.require(Scope::Read).ok()?;
    if instance.kind != InstanceKind::Sandbox {
        return None;
    }
    match state.faults.served(&state.services, &instance).await {
        Ok(served) => Some((instance, served?)),
        Err(error) => {
            tracing::warn!(
                error = error.with_causes(),
                "the fault plan could not be read; the answer is right"
            );
            None
        }
    }
}

/// A request at a faulty sandbox.
struct Exchange<'a> {
    state: &'a WebState,
    instance: Arc<Instance>,
    served: &'a Arc<Served>,
    asked: Asked<'a>,
    now: DateTime<Utc>,
}

impl Exchange<'_> {
    async fn answer(&self, met: &[Met<'_>], mut parts: Parts, mut body: Bytes, next: Next) -> Response {
        for met in met {
            if let Fault::Latency { ms, max_ms } = met.fault
                && self.injects(met)
            {
                tokio::time::sleep(Duration::from_millis(met.draw.between(*ms, max_ms.unwrap_or(*ms)))).await;
            }
        }
        let mut question = Question::of(&parts, &body);
        let token = question.text("nextPageToken");
        let mut limits = Vec::new();
        for met in met {
            if let Some(response) = self.instead(met, token.as_deref(), &mut limits).await {
                return response;
            }
        }
        let turned = met
            .iter()
            .filter(|met| question.turn(met, &self.asked).is_some_and(|()| self.injects(met)))
            .count();
        let start = question_start(&self.asked, turned);
        if turned > 0 {
            question.write(&mut parts, &mut body);
        }
        let lens = Lens::of(&self.served.active, met).map(Arc::new);
        parts.extensions.insert(Known { instance: self.instance.clone(), lens });
        let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
        for met in met {
            if let Some(response) = self.afterwards(met).await {
                return response;
            }
        }
        if response.status().is_success() {
            response = self.spoil(met, response, token.as_deref(), start).await;
        }
        for limit in limits {
            answers::show_limit(&mut response, limit, self.instance.dialect);
        }
        response
    }

    fn injects(&self, met: &Met<'_>) -> bool {
        let may = self.served.active.inject(met.rule);
        if may {
            // Now: a client that gives up takes the rest of this request with it.
            self.served.write_soon(&self.state.services);
        }
        may
    }

    /// An answer in the place of the handler's, which is not asked.
    async fn instead(&self, met: &Met<'_>, token: Option<&str>, limits: &mut Vec<Limit>) -> Option<Response> {
        let dialect = self.instance.dialect;
        match met.fault {
            Fault::Hang { ms, done: false } if self.injects(met) => Some(hang(*ms).await),
            Fault::Status { status, body, retry_after, done: false } if self.injects(met) => {
                Some(answers::status(StatusCode::from_u16(*status).ok()?, *body, *retry_after))
            }
            Fault::RateLimit { bare: true, .. } if self.injects(met) => {
                Some(StatusCode::TOO_MANY_REQUESTS.into_response())
            }
            Fault::RateLimit { retry_after, reason, .. } if self.injects(met) => {
                let wait = chrono::Duration::seconds(retry_after.unwrap_or(1).into());
                let limit =
                    Limit { requests: USUAL_LIMIT, per_seconds: 1, remaining: 0, reset: self.now + wait };
                Some(answers::too_many(limit, *reason, *retry_after, dialect))
            }
            Fault::Budget { requests, per_seconds, reason, retry_after } => {
                let spent = self.served.active.spend(met.rule, *requests, *per_seconds, self.now);
                let limit = Limit {
                    requests: *requests,
                    per_seconds: *per_seconds,
                    remaining: spent.remaining,
                    reset: spent.reset,
                };
                if !spent.refused || !self.injects(met) {
                    limits.push(limit);
                    return None;
                }
                let wait = (spent.reset - self.now).num_milliseconds().max(0).cast_unsigned().div_ceil(1_000);
                let wait = retry_after.then(|| u32::try_from(wait.max(1)).unwrap_or(u32::MAX));
                Some(answers::too_many(limit, *reason, wait, dialect))
            }
            Fault::Unauthorized {} if self.injects(met) => Some(answers::unauthorized(dialect)),
            Fault::Anonymous {} => {
                let mut response = answers::anonymous(&self.asked).filter(|_| self.injects(met))?;
                answers::mark_anonymous(&mut response);
                Some(response)
            }
            Fault::ExpiredPageToken {} if token.is_some() && self.injects(met) => {
                let message = "The provided next page token is invalid or has expired.";
                Some(Refusal::bad_request(message).into_response())
            }
            Fault::ForeignSearch {} => {
                answers::foreign_search(&self.asked, dialect).filter(|_| self.injects(met))
            }
            Fault::Strict {} => strict::refusal(&self.asked, dialect).filter(|_| self.injects(met)),
            _ => None,
        }
    }

    /// An answer in the place of the handler's, who has done what was asked.
    async fn afterwards(&self, met: &Met<'_>) -> Option<Response> {
        match met.fault {
            Fault::Hang { ms, done: true } if self.injects(met) => Some(hang(*ms).await),
            Fault::Status { status, body, retry_after, done: true } if self.injects(met) => {
                Some(answers::status(StatusCode::from_u16(*status).ok()?, *body, *retry_after))
            }
            _ => None,
        }
    }

    /// The handler's answer, spoilt.
    async fn spoil(
        &self,
        met: &[Met<'_>],
        response: Response,
        token: Option<&str>,
        start: Option<u64>,
    ) -> Response {
        let is_changing = |met: &Met<'_>| {
            edits::is_edit(met.fault)
                || matches!(
                    met.fault,
                    Fault::KeyMove { .. }
                        | Fault::PoisonedIssue { .. }
                        | Fault::CutBody { .. }
                        | Fault::InvalidJson {}
                        | Fault::LoginPage {}
                        | Fault::EmptyBody {}
                )
        };
        if start.is_none() && !met.iter().any(is_changing) {
            return response;
        }
        let (mut head, body) = response.into_parts();
        let Ok(mut bytes) = to_bytes(body, usize::MAX).await else {
            return Refusal::from(application::Error::internal("an answer's body could not be read"))
                .into_response();
        };
        if let Ok(mut answer) = serde_json::from_slice::<Value>(&bytes) {
            if self.edit(met, &mut answer, token, start) {
                bytes = Bytes::from(answer.to_string());
                head.headers.remove(header::CONTENT_LENGTH);
            }
            self.move_issues(met, &mut answer).await;
            let poisons = |met: &&Met<'_>| edits::is_broken(&answer, met, &self.served.active);
            if let Some(Fault::PoisonedIssue { how, .. }) =
                met.iter().find(|met| poisons(met) && self.injects(met)).map(|met| met.fault)
            {
                return match how {
                    Poison::Failure => {
                        answers::status(StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::Json, None)
                    }
                    Poison::Cut => {
                        with_body(Response::from_parts(head, Body::empty()), bytes.slice(..bytes.len() / 2))
                    }
                };
            }
        }
        let response = Response::from_parts(head, Body::from(bytes.clone()));
        for met in met {
            match met.fault {
                Fault::LoginPage {} if self.injects(met) => return answers::login_page(),
                Fault::EmptyBody {} if self.injects(met) => return with_body(response, Bytes::new()),
                Fault::InvalidJson {} if bytes.len() > 1 && self.injects(met) => {
                    return with_body(response, bytes.slice(..bytes.len() / 2));
                }
                Fault::CutBody { share } if self.injects(met) => {
                    return answers::cut_short(response, &bytes, *share);
                }
                _ => {}
            }
        }
        response
    }

    fn edit(&self, met: &[Met<'_>], answer: &mut Value, token: Option<&str>, start: Option<u64>) -> bool {
        let (active, endpoint) = (&self.served.active, self.asked.endpoint());
        let mut changed = false;
        for met in met.iter().filter(|met| edits::is_edit(met.fault)) {
            let mut edited = answer.clone();
            if edits::edit(&mut edited, met, endpoint, token, active) && self.injects(met) {
                *answer = edited;
                changed = true;
            }
        }
        // A list that moved does not know it: it says where it was asked to begin.
        if let Some(start) = start.filter(|_| answer["startAt"].is_number()) {
            answer["startAt"] = start.into();
            changed = true;
        }
        changed
    }

    /// Moves an issue that is being read. What cannot be moved, because somebody else changes it, stays.
    async fn move_issues(&self, met: &[Met<'_>], answer: &mut Value) {
        if !matches!(self.asked.endpoint(), Endpoint::Search | Endpoint::Issue) {
            return;
        }
        for met in met {
            let Fault::KeyMove { to } = met.fault else { continue };
            let issues = faults::issues::issues_of(answer);
            let Some(id) = issues.get(met.draw.pick(issues.len())).and_then(|issue| issue["id"].as_str())
            else {
                continue;
            };
            let (services, tenant) = (&self.state.services, self.instance.tenant);
            let choice = usize::try_from(met.draw.between(0, 1 << 20)).unwrap_or(0);
            match faults::move_issue(services, tenant, &self.instance, id, to.as_deref(), choice).await {
                Ok(Some(key)) => {
                    self.injects(met);
                    tracing::debug!(issue = id, key, "moved while it was read, as the sandbox was asked to");
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(error = error.with_causes(), issue = id, "the issue could not be moved")
                }
            }
        }
    }
}

/// Where the page was asked to begin, if it begins elsewhere.
fn question_start(asked: &Asked<'_>, turned: usize) -> Option<u64> {
    if turned == 0 {
        return None;
    }
    let body = serde_json::from_slice::<Value>(asked.body).unwrap_or_default();
    let in_query = url::form_urlencoded::parse(asked.query.as_bytes()).find(|(name, _)| name == "startAt");
    body["startAt"].as_u64().or_else(|| in_query?.1.parse().ok())
}

/// Nobody answers.
async fn hang(ms: Option<u64>) -> Response {
    tokio::time::sleep(ms.map_or(LONGEST_HANG, Duration::from_millis)).await;
    answers::nothing()
}

fn with_body(response: Response, bytes: Bytes) -> Response {
    let (mut head, _) = response.into_parts();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Response::from_parts(head, Body::from(bytes))
}
