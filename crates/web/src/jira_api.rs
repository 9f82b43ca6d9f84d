//! Jira's own REST API, over mirrors and sandboxes alike: `/jira/{instance}/rest/…`, so that programs written for Jira
//! work against the copy when given another address. Served in both dialects: `api/3` as Cloud speaks, `api/2` and
//! `api/latest` as Server does (jira-facts 11).
//!
//! An operation that is not served says so with 501 and its name. Expansions and issue properties that are not kept are
//! passed over, as Jira passes over those that it does not know.

mod agile;
mod answer;
mod assemble;
mod body;
mod changelog;
mod comments;
mod edits;
pub(crate) mod faults;
mod fields;
mod issues;
mod links;
mod lookup;
mod page;
mod params;
pub(crate) mod refusal;
mod rich_text;
mod rosters;
mod search;
mod server;
mod site;
mod transitions;
mod webhooks;
mod worklogs;

use axum::{
    Router,
    extract::OriginalUri,
    http::Method,
    middleware,
    routing::{any, get, post, put},
};

use crate::{idempotency, state::WebState};
use refusal::Refusal;

pub(crate) fn routes(state: WebState) -> Router<WebState> {
    api()
        .merge(admin_webhooks())
        .merge(agile::routes())
        .route_layer(middleware::from_fn_with_state(state.clone(), idempotency::for_jira))
        .route_layer(middleware::from_fn_with_state(state, faults::serve))
        .method_not_allowed_fallback(method_not_allowed)
        .route("/jira/{instance}/rest", any(not_served))
        .route("/jira/{instance}/rest/{*path}", any(not_served))
}

/// The platform API, in each of its versions.
fn api() -> Router<WebState> {
    let api = |path: &str| format!("/jira/{{instance}}/rest/api/{{version}}/{path}");
    Router::new()
        .route(&api("serverInfo"), get(server::server_info))
        .route(&api("myself"), get(server::myself))
        .route(&api("field"), get(rosters::fields))
        .route(&api("status"), get(rosters::statuses))
        .route(&api("priority"), get(rosters::priorities))
        .route(&api("resolution"), get(rosters::resolutions))
        .route(&api("issuetype"), get(rosters::issue_types))
        .route(&api("issueLinkType"), get(rosters::issue_link_types))
        .route(&api("project"), get(rosters::projects))
        .route(&api("project/search"), get(rosters::project_search))
        .route(&api("project/{project}"), get(rosters::project))
        .route(&api("search"), get(search::by_offset).post(search::by_offset_post))
        .route(&api("search/jql"), get(search::by_token).post(search::by_token_post))
        .route(&api("search/approximate-count"), post(search::approximate_count))
        .route(&api("issue"), post(edits::create))
        .route(&api("issue/bulkfetch"), post(issues::bulk_fetch))
        .route(&api("bulk/issues/move"), post(edits::relocate))
        .route(&api("issue/{issue}"), get(issues::issue).put(edits::edit).delete(edits::delete))
        .route(&api("issue/{issue}/assignee"), put(edits::assign))
        .route(&api("issue/{issue}/changelog"), get(changelog::of_issue))
        .route(&api("issue/{issue}/comment"), get(comments::list).post(comments::add))
        .route(
            &api("issue/{issue}/comment/{comment}"),
            get(comments::one).put(comments::edit).delete(comments::remove),
        )
        .route(&api("issue/{issue}/worklog"), get(worklogs::list).post(worklogs::add))
        .route(
            &api("issue/{issue}/worklog/{worklog}"),
            get(worklogs::one).put(worklogs::edit).delete(worklogs::remove),
        )
        .route(&api("issueLink"), post(links::create))
        .route(&api("issueLink/{link}"), get(links::one).delete(links::remove))
        .route(&api("issue/{issue}/transitions"), get(transitions::list).post(transitions::perform))
        .route(&api("changelog/bulkfetch"), post(changelog::bulk_fetch))
}

/// Admin webhooks have an API and a version of their own (jira-facts 3.1).
fn admin_webhooks() -> Router<WebState> {
    Router::new()
        .route("/jira/{instance}/rest/webhooks/1.0/webhook", get(webhooks::list).post(webhooks::register))
        .route(
            "/jira/{instance}/rest/webhooks/1.0/webhook/{webhook}",
            get(webhooks::one).delete(webhooks::remove),
        )
}

async fn not_served(method: Method, OriginalUri(uri): OriginalUri) -> Refusal {
    Refusal::not_served(&method, uri.path())
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Refusal {
    Refusal::method_not_allowed(&method, uri.path())
}

#[cfg(test)]
mod tests;
