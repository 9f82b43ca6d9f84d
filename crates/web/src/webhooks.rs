//! The door where sites deliver webhooks.

use application::{Error, webhooks};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use domain::ids::InstanceId;

use crate::{rest::problem::Problem, state::WebState};

pub(crate) fn routes() -> Router<WebState> {
    let deliver = post(deliver).layer(DefaultBodyLimit::max(crate::LARGEST_BODY));
    Router::new().route("/webhooks/jira/{instance}", deliver)
}

/// Stores the delivery and answers; the work is a job's. Jira tries again on 5xx, and never on another refusal.
async fn deliver(
    State(state): State<WebState>,
    Path(instance): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let instance: InstanceId =
        instance.parse().map_err(|_| Error::not_found("instance", instance.clone()))?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let delivery = webhooks::Delivery {
        identifier: header("x-atlassian-webhook-identifier"),
        signature: header("x-hub-signature"),
        body: &body,
    };
    let new = webhooks::receive(&state.services, instance, delivery).await?;
    metrics::counter!("forebay_webhooks_received_total", "new" => new.to_string()).increment(1);
    Ok(StatusCode::ACCEPTED)
}
