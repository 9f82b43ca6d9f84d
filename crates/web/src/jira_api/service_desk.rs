//! The API of Jira Service Management (`rest/servicedeskapi`), as its OpenAPI document has it: desks, request types, queues,
//! organisations and requests of sandboxes and mirrors; customers and properties of sandboxes. What is special about requests is
//! in fields of their issues.
//!
//! It has pages, errors and dates of its own, and operations that want to be opted in to.

mod approvals;
mod attachments;
mod comments;
mod customers;
mod desks;
mod feedback;
mod organizations;
mod page;
mod participants;
mod properties;
mod queues;
mod request_types;
mod requests;
mod slas;
mod transitions;
mod view;

use application::{Scope, service_desks::require_set_up_here};
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRequestParts, Request},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    answer,
    params::Params,
    refusal::{Refusal, Said},
    server,
    site::Site,
};
use crate::state::WebState;

pub(super) fn routes() -> Router<WebState> {
    let api = |path: &str| format!("/jira/{{instance}}/rest/servicedeskapi/{path}");
    Router::new()
        .route(&api("info"), get(server::service_desk_info))
        .route(&api("knowledgebase/article"), get(articles))
        .route(&api("customer"), post(customers::create))
        .route(&api("requesttype"), get(request_types::of_all_desks))
        .merge(of_desks(&api))
        .merge(of_organizations(&api))
        .merge(of_requests(&api))
        .route_layer(middleware::from_fn(in_own_words))
}

fn of_desks(api: &impl Fn(&str) -> String) -> Router<WebState> {
    let desk = |path: &str| api(&format!("servicedesk/{{desk}}{path}"));
    let property = desk("/requesttype/{type}/property/{property}");
    Router::new()
        .route(&api("servicedesk"), get(desks::list))
        .route(&desk(""), get(desks::one))
        .route(
            &desk("/attachTemporaryFile"),
            post(attachments::keep).layer(DefaultBodyLimit::max(crate::LARGEST_BODY)),
        )
        .route(&desk("/customer"), get(customers::list).post(customers::add).delete(customers::remove))
        .route(&desk("/knowledgebase/article"), get(articles))
        .route(
            &desk("/organization"),
            get(organizations::of_desk)
                .post(organizations::add_to_desk)
                .delete(organizations::remove_from_desk),
        )
        .route(&desk("/queue"), get(queues::list))
        .route(&desk("/queue/{queue}"), get(queues::one))
        .route(&desk("/queue/{queue}/issue"), get(queues::issues))
        .route(&desk("/requesttype"), get(request_types::list).post(request_types::create))
        .route(&desk("/requesttype/permissions/check"), post(request_types::check_permissions))
        .route(&desk("/requesttype/{type}"), get(request_types::one).delete(request_types::remove))
        .route(&desk("/requesttype/{type}/field"), get(request_types::fields))
        .route(&desk("/requesttype/{type}/property"), get(properties::of_request_type))
        .route(
            &property,
            get(properties::one_of_request_type)
                .put(properties::set_of_request_type)
                .delete(properties::remove_of_request_type),
        )
        .route(&desk("/requesttypegroup"), get(request_types::groups))
}

fn of_organizations(api: &impl Fn(&str) -> String) -> Router<WebState> {
    let organization = |path: &str| api(&format!("organization/{{organization}}{path}"));
    Router::new()
        .route(&api("organization"), get(organizations::list).post(organizations::create))
        .route(&organization(""), get(organizations::one).delete(organizations::remove))
        .route(&organization("/property"), get(properties::of_organization))
        .route(
            &organization("/property/{property}"),
            get(properties::one_of_organization)
                .put(properties::set_of_organization)
                .delete(properties::remove_of_organization),
        )
        .route(
            &organization("/user"),
            get(organizations::users).post(organizations::add_users).delete(organizations::remove_users),
        )
}

fn of_requests(api: &impl Fn(&str) -> String) -> Router<WebState> {
    let request = |path: &str| api(&format!("request/{{issue}}{path}"));
    Router::new()
        .route(&api("request"), get(requests::list).post(requests::create))
        .route(&request(""), get(requests::one))
        .route(&request("/approval"), get(approvals::list))
        .route(&request("/approval/{approval}"), get(approvals::one).post(approvals::answer))
        .route(&request("/attachment"), get(attachments::list).post(attachments::attach))
        .route(&request("/attachment/{attachment}"), get(attachments::content))
        .route(&request("/comment"), get(comments::list).post(comments::add))
        .route(&request("/comment/{comment}"), get(comments::one))
        .route(&request("/comment/{comment}/attachment"), get(comments::attachments))
        .route(
            &request("/notification"),
            get(feedback::is_subscribed).put(feedback::subscribe).delete(feedback::unsubscribe),
        )
        .route(
            &request("/participant"),
            get(participants::list).post(participants::add).delete(participants::remove),
        )
        .route(&request("/sla"), get(slas::list))
        .route(&request("/sla/{sla}"), get(slas::one))
        .route(&request("/status"), get(requests::statuses))
        .route(&request("/transition"), get(transitions::list).post(transitions::perform))
        .route(&request("/feedback"), get(feedback::read).post(feedback::give).delete(feedback::take_back))
}

/// Errors in the form of this API: `{errorMessage, i18nErrorMessage}` (jira-facts 10.1).
async fn in_own_words(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(Said(said)) = response.extensions().get::<Said>().cloned() else { return response };
    let status = response.status();
    let (mut head, _) = response.into_parts();
    let body = json!({
        "errorMessage": said,
        "i18nErrorMessage": { "i18nKey": format!("sd.api.error.{}", status.as_u16()), "parameters": [] },
    });
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    Response::from_parts(head, Body::from(body.to_string()))
}

/// A request that has opted in to what may still change. To be a handler's argument after the site: who asks comes first.
struct OptedIn;

impl<S: Send + Sync> FromRequestParts<S> for OptedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        const HEADER: HeaderName = HeaderName::from_static("x-experimentalapi");
        let sent = parts.headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if ["opt-in", "true"].contains(&sent.to_lowercase().as_str()) {
            return Ok(Self);
        }
        Err(Refusal::message(
            StatusCode::PRECONDITION_FAILED,
            "This operation is experimental: send the header 'X-ExperimentalApi: opt-in' to use it.",
        ))
    }
}

/// The address of a resource of this API.
fn address(site: &Site, path: &str) -> String {
    application::service_desks::shown::address(&site.base_url(), path)
}

/// Refuses a mirror, where what is asked for is not copied.
async fn require_set_up(site: &Site, operation: &str) -> Result<(), Refusal> {
    let instance = site.instance(Scope::Read).await?;
    Ok(require_set_up_here(&instance, operation)?)
}

/// `GET knowledgebase/article`, `GET servicedesk/{id}/knowledgebase/article`: there is no Confluence beside a sandbox.
async fn articles(site: Site, params: Params) -> Result<Response, Refusal> {
    require_set_up(&site, "getArticles").await?;
    if params.text("query").is_none_or(|query| query.trim().is_empty()) {
        return Err(Refusal::bad_request("The query is missing."));
    }
    let path = match site.param("desk") {
        "" => "knowledgebase/article".to_owned(),
        desk => {
            desks::named(&site, desk, "getArticles").await?;
            format!("servicedesk/{desk}/knowledgebase/article")
        }
    };
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], Vec::new())?))
}

/// `UserDTO`: a user as this API shows them.
fn user(site: &Site, user: &Value) -> Value {
    let id = application::service_desks::state::account_of(user).unwrap_or_default();
    let member = if user["accountId"].is_string() { "accountId" } else { "username" };
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(member, id).finish();
    let link = format!("{}/rest/api/2/user?{query}", site.base_url());
    let mut shown = json!({
        "displayName": user["displayName"].as_str().unwrap_or_default(),
        "active": user["active"] != false,
        "timeZone": user["timeZone"].as_str().unwrap_or("Etc/UTC"),
        "_links": { "jiraRest": link, "self": link, "avatarUrls": avatars(user) },
    });
    for name in ["accountId", "key", "name"] {
        if user[name].is_string() {
            shown[name] = user[name].clone();
        }
    }
    shown
}

fn avatars(user: &Value) -> Value {
    if user["avatarUrls"].is_object() { user["avatarUrls"].clone() } else { json!({}) }
}
