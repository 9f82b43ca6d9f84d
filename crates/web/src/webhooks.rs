//! The door where sites deliver webhooks.

use application::{Error, webhooks};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use domain::ids::InstanceId;
use serde::Deserialize;

use crate::{rest::problem::Problem, state::WebState};

pub(crate) fn routes() -> Router<WebState> {
    let limit = DefaultBodyLimit::max(crate::LARGEST_BODY);
    Router::new()
        .route("/webhooks/jira/{instance}", post(deliver).layer(limit))
        .route("/webhooks/jira/{instance}/{secret}", post(deliver).layer(limit))
}

/// Where a delivery is addressed to.
#[derive(Deserialize)]
struct Place {
    instance: String,
    /// What makes a delivery believed that nobody signed.
    secret: Option<String>,
}

/// What the address names. Sites append names of their own to it, which are passed over.
#[derive(Default, Deserialize)]
struct NamedByAddress {
    issue: Option<String>,
    project: Option<String>,
    board: Option<String>,
}

/// Stores the delivery and answers; the work is a job's. Jira tries again on 5xx, and never on another refusal.
async fn deliver(
    State(state): State<WebState>,
    Path(place): Path<Place>,
    named: Result<Query<NamedByAddress>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let instance: InstanceId =
        place.instance.parse().map_err(|_| Error::not_found("instance", place.instance.clone()))?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let named = named.map_or_else(|_| NamedByAddress::default(), |Query(named)| named);
    let delivery = webhooks::Delivery {
        identifier: header("x-atlassian-webhook-identifier"),
        signature: header("x-hub-signature"),
        token: header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::trim),
        path: place.secret.as_deref(),
        named: webhooks::NamedByAddress { issue: named.issue, project: named.project, board: named.board },
        body: &body,
    };
    let new = webhooks::receive(&state.services, instance, delivery).await?;
    metrics::counter!("forebay_webhooks_received_total", "new" => new.to_string()).increment(1);
    Ok(StatusCode::ACCEPTED)
}
