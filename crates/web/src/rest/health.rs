//! For those who run Forebay: is it alive, may it be sent requests, what does it count. Needs no key.

use axum::{
    extract::{Json, State},
    http::{HeaderName, header},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{self, ProblemBody, Refusal};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(check_live)).routes(routes!(check_ready)).routes(routes!(get_metrics))
}

/// How the process is.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`: anything else is a problem.
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// Whether the process runs.
#[utoipa::path(
    get, path = "/health/live", tag = "operation", security(()),
    responses((status = 200, description = "It runs.", body = Health)),
)]
async fn check_live() -> Json<Health> {
    OK
}

/// Whether the process may be sent requests: it is not draining, and the database answers with its border closed.
#[utoipa::path(
    get, path = "/health/ready", tag = "operation", security(()),
    responses(
        (status = 200, description = "It may.", body = Health),
        (status = 503, description = "It may not: it is draining, or the database cannot be reached.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn check_ready(State(state): State<WebState>) -> Result<Json<Health>, Refusal> {
    if state.is_draining() {
        return Err(Refusal::NotReady("this process is shutting down; ask another"));
    }
    state.services.db.check().await.map(|()| OK).map_err(|error| {
        problem::log(&error);
        Refusal::NotReady("the database cannot be used now; the log says why")
    })
}

/// What the process counts, in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", security(()),
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain")),
)]
async fn get_metrics(State(state): State<WebState>) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (state.metrics)())
}
