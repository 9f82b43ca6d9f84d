//! REST, `/v1`: Forebay's own resources, with an OpenAPI document made from the same code, at `/openapi.json` and, for
//! people, at `/docs/api`.
//!
//! A handler reads the request, asks one use case or port, and turns the answer into a type of this module: what the
//! application calls its things may change, what REST answers may not.

mod agile;
mod audit;
mod census;
mod changelog;
mod comments;
mod document;
mod erasure;
mod extract;
mod fields;
mod freshness;
mod health;
mod history;
mod instances;
mod issues;
mod jobs;
mod keys;
mod paging;
pub(crate) mod problem;
mod projects;
mod pulse;
mod queued_jobs;
mod reference_page;
mod sandbox;
mod search;
mod sql;
mod sync;
mod sync_control;
mod sync_failing;
#[cfg(test)]
mod tests;
mod transitions;
mod users;

use axum::{
    Router,
    extract::{DefaultBodyLimit, OriginalUri},
    http::Method,
    middleware,
    routing::any,
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{idempotency, state::WebState};
use problem::Refusal;

/// Every route of REST, its document and its reference page.
pub(crate) fn routes(state: WebState) -> Router<WebState> {
    let (routes, document) = api().split_for_parts();
    let routes = routes.merge(sandbox::unversioned());
    let routes = routes.route_layer(middleware::from_fn_with_state(state, idempotency::for_rest));
    // Without a validator the page asks nobody else's server.
    let page = Config::from("/openapi.json")
        .validator_url("none")
        .display_operation_id(true)
        .persist_authorization(true);
    let reference: Router<WebState> =
        SwaggerUi::new("/docs/api").url("/openapi.json", document).config(page).into();
    routes.merge(reference.layer(middleware::map_response(reference_page::fit_to_phones)))
}

/// Health and metrics alone.
pub(crate) fn health_routes() -> Router<WebState> {
    Router::from(health::routes())
}

/// The OpenAPI 3.1 document of REST.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

fn api() -> OpenApiRouter<WebState> {
    let resources = OpenApiRouter::new()
        .merge(instances::routes())
        .merge(sync::routes())
        .merge(sync_control::routes())
        .merge(census::routes())
        .merge(freshness::routes())
        .merge(search::routes())
        .merge(issues::routes())
        .merge(comments::routes())
        .merge(transitions::routes())
        .merge(changelog::routes())
        .merge(history::routes())
        .merge(projects::routes())
        .merge(users::routes())
        .merge(erasure::routes())
        .merge(agile::routes())
        .merge(fields::routes())
        .merge(jobs::routes())
        .merge(queued_jobs::routes())
        .merge(pulse::routes())
        .merge(audit::routes())
        .merge(sql::routes())
        .merge(keys::routes())
        .merge(sandbox::routes())
        .layer(DefaultBodyLimit::max(problem::LARGEST_JSON));
    let (resources, paths) = resources.split_for_parts();
    let refusing = resources.method_not_allowed_fallback(method_not_allowed).fallback(unknown_route);
    let mut below = OpenApiRouter::from(refusing);
    *below.get_openapi_mut() = paths;
    OpenApiRouter::with_openapi(document::ApiDocument::openapi())
        .merge(health::routes())
        .nest("/v1", below)
        // Nesting covers `/v1` and what is below, but not this.
        .route("/v1/", any(unknown_route))
}

async fn unknown_route(OriginalUri(uri): OriginalUri) -> Refusal {
    Refusal::UnknownRoute(uri.path().to_owned())
}

async fn method_not_allowed(method: Method) -> Refusal {
    Refusal::MethodNotAllowed(method.to_string())
}
