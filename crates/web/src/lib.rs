//! What calls the use cases over HTTP: REST (`/v1`), Jira's own REST (`/jira/{instance}/rest`), pages, and the door
//! where sites deliver webhooks.

mod auth;
mod context;
mod etag;
mod idempotency;
mod jira_api;
mod pages;
mod rest;
mod size;
mod state;
mod webhooks;

use axum::{Router, middleware};
use tower_http::{
    CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer,
    limit::RequestBodyLimitLayer,
};

pub use auth::{login_link, with_key};
pub use context::RequestContext;
pub use jira_api::faults::FaultDesk;
pub use rest::openapi;
pub use state::WebState;

/// Bodies beyond are refused: the largest webhook Jira sends (jira-facts 3.2).
const LARGEST_BODY: usize = 25 * 1024 * 1024;

/// Health and metrics alone: for a process that serves nothing else.
pub fn health_router(state: WebState) -> Router {
    rest::health_routes().with_state(state)
}

/// Every route, over one state. `more` is mounted beside them (the MCP door), under the same middleware.
pub fn router(state: WebState, more: Router) -> Router {
    Router::new()
        .merge(rest::routes(state.clone()))
        .merge(jira_api::routes(state.clone()))
        .merge(pages::routes())
        .merge(webhooks::routes())
        .with_state(state.clone())
        .merge(more)
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY))
        .layer(middleware::from_fn(size::refuse_large))
        // An answer is read once: a fifth more bytes for half of the work.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(CatchPanicLayer::custom(rest::problem::panicked))
        .layer(middleware::from_fn_with_state(state, context::observe))
}
