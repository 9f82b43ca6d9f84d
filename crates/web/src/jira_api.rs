//! Jira's own REST API, over mirrors and sandboxes alike: `/jira/{instance}/rest/…`, so that programs written for Jira
//! work against the copy when given another address. Served in both dialects: `api/3` as Cloud speaks, `api/2` and
//! `api/latest` as Server does (jira-facts 11).
//!
//! An operation of Jira's that is not served says so with 501 and its name; what Jira does not have is answered as Jira does.
//! Expansions and issue properties that are not kept are passed over, as Jira passes over those that it does not know.

mod agile;
mod answer;
mod assemble;
mod attachments;
mod beside;
mod body;
mod bulk;
mod changelog;
mod comments;
mod dashboards;
mod dynamic_webhooks;
mod edits;
mod expansions;
pub(crate) mod faults;
mod field_options;
mod fields;
mod filters;
mod followers;
mod forms;
mod groups;
mod issues;
mod jql;
mod links;
mod lookup;
mod operations;
mod page;
mod params;
mod parts;
mod people;
mod permissions;
mod picker;
mod projects;
mod properties;
pub(crate) mod refusal;
mod remote_links;
mod rich_text;
mod roles;
mod rosters;
mod search;
mod self_links;
mod server;
mod service_desk;
mod site;
mod site_lists;
mod transitions;
mod webhooks;
mod worklog_feed;
mod worklogs;

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, OriginalUri, Request},
    http::Method,
    middleware,
    response::{IntoResponse, Response},
    routing::{any, get, post, put},
};
use serde_json::Value;
use tower::ServiceExt;

use crate::{idempotency, state::WebState};
use operations::Resource;
use refusal::Refusal;

pub(crate) fn routes(state: WebState) -> Router<WebState> {
    let served = api()
        .merge(reference())
        .merge(admin_webhooks())
        .merge(beside_issues())
        .merge(agile::routes())
        .merge(service_desk::routes())
        .route_layer(middleware::from_fn_with_state(state.clone(), self_links::lead_here))
        .route_layer(middleware::from_fn_with_state(state.clone(), idempotency::for_jira))
        .route_layer(middleware::from_fn_with_state(state.clone(), faults::serve))
        .route_layer(middleware::from_fn(operations::own_paths))
        .method_not_allowed_fallback(method_not_allowed);
    let again = served.clone().fallback(not_served).with_state(state);
    served.route("/jira/{instance}/rest", any(not_served)).route(
        "/jira/{instance}/rest/{*path}",
        any(move |request: Request| unmatched(again.clone(), request)),
    )
}

/// What no route has. Jira takes a path with a slash behind it for the same path, and some clients write it so.
async fn unmatched(again: Router, mut request: Request) -> Response {
    let Some(path) = request.uri().path().strip_suffix('/').map(str::to_owned) else {
        let (method, uri) = (request.method().clone(), OriginalUri(request.uri().clone()));
        return not_served(method, uri).await.into_response();
    };
    let whole = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let Ok(uri) = whole.parse() else {
        return Refusal::bad_request("The path is not valid.").into_response();
    };
    *request.uri_mut() = uri;
    // It is routed anew, not within the route that it matched.
    request.extensions_mut().remove::<MatchedPath>();
    again.oneshot(request).await.into_response()
}

/// The platform API, in each of its versions.
fn api() -> Router<WebState> {
    let api = |path: &str| format!("/jira/{{instance}}/rest/api/{{version}}/{path}");
    Router::new()
        .route(&api("serverInfo"), get(server::server_info))
        .route(&api("myself"), get(server::myself))
        .route(&api("search"), get(search::by_offset).post(search::by_offset_post))
        .route(&api("search/jql"), get(search::by_token).post(search::by_token_post))
        .route(&api("search/approximate-count"), post(search::approximate_count))
        .route(&api("issue"), post(edits::create))
        .route(&api("issue/bulkfetch"), post(issues::bulk_fetch))
        .route(&api("bulk/issues/move"), post(edits::relocate))
        .route(&api("bulk/issues/fields"), get(bulk::fields).post(bulk::edit))
        .route(&api("bulk/issues/transition"), get(bulk::transitions).post(bulk::transition))
        .route(&api("bulk/issues/watch"), post(bulk::watch))
        .route(&api("bulk/issues/unwatch"), post(bulk::unwatch))
        .route(&api("bulk/issues/delete"), post(bulk::delete))
        .route(&api("bulk/queue/{task}"), get(bulk::progress))
        .route(&api("task/{task}"), get(bulk::task))
        .route(&api("issue/{issue}"), get(issues::issue).put(edits::edit).delete(edits::delete))
        .route(&api("issue/picker"), get(picker::suggest))
        .route(&api("issue/createmeta"), get(forms::to_create))
        .route(&api("issue/createmeta/{project}/issuetypes"), get(forms::types_to_create))
        .route(&api("issue/createmeta/{project}/issuetypes/{type}"), get(forms::fields_to_create))
        .route(&api("issue/{issue}/editmeta"), get(forms::of_issue))
        .route(&api("issue/{issue}/assignee"), put(edits::assign))
        .route(&api("issue/{issue}/changelog"), get(changelog::of_issue))
        .route(&api("issue/{issue}/changelog/list"), post(changelog::of_ids))
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
        .route(&api("jql/parse"), post(jql::parse))
        .route(&api("jql/match"), post(jql::matches))
        .route(&api("jql/sanitize"), post(jql::sanitise))
        .route(&api("jql/autocompletedata"), get(jql::autocomplete).post(jql::autocomplete_post))
        .route(&api("jql/autocompletedata/suggestions"), get(jql::suggestions))
}

/// What issues refer to, and who is there.
fn reference() -> Router<WebState> {
    let api = |path: &str| format!("/jira/{{instance}}/rest/api/{{version}}/{path}");
    Router::new()
        .route("/jira/{instance}/rest/auth/1/session", get(server::session))
        .route(&api("configuration"), get(rosters::configuration))
        .route(&api("permissions"), get(permissions::all))
        .route(&api("permissions/check"), post(site_lists::check_permissions))
        .route(&api("permissions/project"), post(site_lists::permitted_projects))
        .route(&api("configuration/timetracking/options"), get(site_lists::time_tracking_options))
        .route(&api("mypermissions"), get(permissions::mine))
        .route(&api("field"), get(rosters::fields))
        .route(&api("field/search"), get(rosters::field_search))
        .route(&api("label"), get(rosters::labels))
        .route(&api("status"), get(rosters::statuses))
        .route(&api("status/{status}"), get(rosters::status))
        .route(&api("statuses"), get(rosters::statuses_by_id))
        .route(&api("statuses/search"), get(rosters::status_search))
        .route(&api("statuscategory"), get(rosters::categories))
        .route(&api("statuscategory/{category}"), get(rosters::category))
        .route(&api("priority"), get(rosters::priorities))
        .route(&api("priority/search"), get(rosters::priority_search))
        .route(&api("priority/{id}"), get(rosters::priority))
        .route(&api("resolution"), get(rosters::resolutions))
        .route(&api("resolution/search"), get(rosters::resolution_search))
        .route(&api("resolution/{id}"), get(rosters::resolution))
        .route(&api("issuetype"), get(rosters::issue_types))
        .route(&api("issuetype/project"), get(projects::types_by_id))
        .route(&api("issuetype/{id}"), get(rosters::issue_type))
        .route(&api("issueLinkType"), get(rosters::issue_link_types))
        .route(&api("issueLinkType/{id}"), get(rosters::issue_link_type))
        .route(&api("project"), get(projects::all))
        .route(&api("project/search"), get(projects::search))
        .route(&api("projects/picker"), get(picker::projects))
        .route(&api("project/recent"), get(site_lists::recent_projects))
        .route(&api("project/type"), get(site_lists::project_types))
        .route(&api("project/type/{type}"), get(site_lists::one_project_type))
        .route(&api("project/type/accessible"), get(site_lists::accessible_project_types))
        .route(&api("project/type/{type}/accessible"), get(site_lists::accessible_project_type))
        .route(&api("project/{project}/hierarchy"), get(site_lists::project_hierarchy))
        .route(&api("projectCategory"), get(site_lists::project_categories))
        .route(&api("projectCategory/{category}"), get(site_lists::project_category))
        .route(&api("project/{project}"), get(projects::one))
        .route(&api("project/{project}/statuses"), get(projects::statuses))
        .route(&api("project/{project}/versions"), get(projects::versions))
        .route(&api("project/{project}/version"), get(projects::version_page))
        .route(&api("project/{project}/components"), get(projects::components))
        .route(&api("project/{project}/component"), get(projects::component_page))
        .route(&api("version"), post(parts::create_version))
        .route(
            &api("version/{version_id}"),
            get(projects::version).put(parts::edit_version).delete(parts::delete_version),
        )
        .route(&api("version/{version_id}/move"), post(parts::move_version))
        .route(&api("version/{version_id}/removeAndSwap"), post(parts::swap_version))
        .route(&api("version/{version_id}/mergeto/{other}"), put(parts::merge_version))
        .route(&api("version/{version_id}/relatedIssueCounts"), get(parts::version_counts))
        .route(&api("version/{version_id}/unresolvedIssueCount"), get(parts::unresolved_count))
        .route(&api("component"), get(parts::components).post(parts::create_component))
        .route(
            &api("component/{component}"),
            get(projects::component).put(parts::edit_component).delete(parts::delete_component),
        )
        .route(&api("component/{component}/relatedIssueCounts"), get(parts::component_counts))
        .route(&api("user"), get(people::one))
        .route(&api("user/search"), get(people::search))
        .route(&api("user/assignable/multiProjectSearch"), get(people::assignable_in_all))
        .route(&api("user/assignable/search"), get(people::assignable))
        .route(&api("user/viewissue/search"), get(people::viewers))
        .route(&api("user/permission/search"), get(people::permitted))
        .route(&api("user/bulk"), get(people::bulk))
        .route(&api("user/picker"), get(people::picker))
        .route(&api("user/groups"), get(groups::of_user))
        .route(&api("group"), get(groups::one).post(groups::create).delete(groups::remove))
        .route(&api("group/bulk"), get(groups::bulk))
        .route(&api("group/member"), get(groups::members))
        .route(&api("group/user"), post(groups::add_member).delete(groups::remove_member))
        .route(&api("groups/picker"), get(groups::picker))
        .route(&api("groupuserpicker"), get(groups::with_people))
        .route(&api("role"), get(roles::all))
        .route(&api("role/{role}"), get(roles::one))
        .route(&api("project/{project}/role"), get(roles::of_project))
        .route(&api("project/{project}/role/{role}"), get(roles::of_project_one))
        .route(&api("project/{project}/roledetails"), get(roles::details))
        .route(&api("users"), get(people::all))
        .route(&api("users/search"), get(people::all))
}

/// What hangs on issues, and what a site has beside them.
fn beside_issues() -> Router<WebState> {
    let api = |path: &str| format!("/jira/{{instance}}/rest/api/{{version}}/{path}");
    Router::new()
        .route(&api("issue/bulk"), post(edits::create_in_bulk))
        .route(&api("issue/watching"), post(site_lists::watching))
        .route(&api("comment/list"), post(site_lists::comments))
        .route(
            &api("issue/{issue}/watchers"),
            get(followers::watchers).post(followers::watch).delete(followers::unwatch),
        )
        .route(
            &api("issue/{issue}/votes"),
            get(followers::votes).post(followers::vote).delete(followers::unvote),
        )
        .route(
            &api("issue/{issue}/remotelink"),
            get(remote_links::list).post(remote_links::create).delete(remote_links::remove_by_global_id),
        )
        .route(
            &api("issue/{issue}/remotelink/{link}"),
            get(remote_links::one).put(remote_links::edit).delete(remote_links::remove),
        )
        .route(&api("issue/{issue}/properties"), get(properties::keys))
        .route(
            &api("issue/{issue}/properties/{property}"),
            get(properties::one).put(properties::set).delete(properties::remove),
        )
        .route(&api("comment/{comment}/properties"), get(properties::child_keys))
        .route(
            &api("comment/{comment}/properties/{property}"),
            get(properties::child_one).put(properties::set_child).delete(properties::remove_child),
        )
        .route(&api("issue/{issue}/worklog/{worklog}/properties"), get(properties::child_keys))
        .route(
            &api("issue/{issue}/worklog/{worklog}/properties/{property}"),
            get(properties::child_one).put(properties::set_child).delete(properties::remove_child),
        )
        .route(
            &api("issue/{issue}/attachments"),
            post(attachments::attach).layer(DefaultBodyLimit::max(crate::LARGEST_BODY)),
        )
        .route(&api("attachment/meta"), get(attachments::meta))
        .route(&api("attachment/content/{attachment}"), get(attachments::content))
        .route(&api("attachment/thumbnail/{attachment}"), get(attachments::thumbnail))
        .route(&api("attachment/{attachment}"), get(attachments::one).delete(attachments::remove))
        .route(&api("filter"), post(filters::create))
        .route(&api("filter/search"), get(filters::search))
        .route(&api("filter/my"), get(filters::my))
        .route(&api("filter/favourite"), get(filters::favourites))
        .route(&api("filter/{filter}"), get(filters::one).put(filters::edit).delete(filters::remove))
        .route(&api("filter/{filter}/permission"), get(filters::permissions))
        .route(&api("filter/{filter}/permission/{permission}"), get(filters::permission))
        .route(&api("filter/{filter}/favourite"), put(filters::favour).delete(filters::disfavour))
        .route(
            &api("webhook"),
            get(dynamic_webhooks::list).post(dynamic_webhooks::register).delete(dynamic_webhooks::remove),
        )
        .route(&api("webhook/refresh"), put(dynamic_webhooks::refresh))
        .route(&api("webhook/failed"), get(dynamic_webhooks::failed))
        .route(&api("dashboard"), get(dashboards::list))
        .route(&api("dashboard/search"), get(dashboards::search))
        .route(&api("dashboard/{dashboard}"), get(dashboards::one))
        .route(&api("worklog/updated"), get(worklog_feed::updated))
        .route(&api("worklog/deleted"), get(worklog_feed::deleted))
        .route(&api("worklog/list"), post(worklog_feed::list))
        .route(&api("field/{field}/context"), get(field_options::contexts))
        .route(&api("field/{field}/context/{context}/option"), get(field_options::options))
}

/// Admin webhooks have an API and a version of their own (jira-facts 3.1).
fn admin_webhooks() -> Router<WebState> {
    Router::new()
        .route("/jira/{instance}/rest/webhooks/1.0/webhook", get(webhooks::list).post(webhooks::register))
        .route(
            "/jira/{instance}/rest/webhooks/1.0/webhook/{webhook}",
            get(webhooks::one).put(webhooks::replace).delete(webhooks::remove),
        )
}

/// An id or a name, which clients send as text or number, without what surrounds it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What no route has: an operation of Jira's that Forebay does not serve, or nothing of Jira's.
async fn not_served(method: Method, OriginalUri(uri): OriginalUri) -> Refusal {
    let path = operations::at_site(uri.path());
    match Resource::of(path) {
        Some(resource) => resource.refusal(&method, path),
        None => Refusal::no_endpoint(&method, path),
    }
}

/// A route that has other methods.
async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Refusal {
    let path = operations::at_site(uri.path());
    match Resource::of(path) {
        Some(resource) => resource.refusal(&method, path),
        None => Refusal::method_not_allowed(&method, path, []),
    }
}

#[cfg(test)]
mod tests;
