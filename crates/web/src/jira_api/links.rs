//! Links between issues of a sandbox (jira-facts 6.5).

use application::sandbox::{self, NewLink};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{answer, body::Body, comments, refusal::Refusal, site::Site, text_of};

pub(super) async fn create(site: Site, body: Body) -> Result<Response, Refusal> {
    let comment = match body.get("comment").filter(|comment| **comment != json!({})) {
        None => None,
        Some(Value::Object(members)) => {
            Some(comments::new_comment(&Body::of(members.clone()), site.dialect)?)
        }
        Some(_) => return Err(Refusal::invalid_payload()),
    };
    let link = NewLink {
        link_type: body.get("type").cloned().unwrap_or_default(),
        inward_issue: end(&body, "inwardIssue")?,
        outward_issue: end(&body, "outwardIssue")?,
    };
    let services = &site.state.services;
    sandbox::link_issues(services, &site.caller, &site.name, &link, comment.as_ref()).await?;
    Ok(StatusCode::CREATED.into_response())
}

pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let services = &site.state.services;
    let link = sandbox::issue_link(services, &site.caller, &site.name, site.param("link")).await?;
    Ok(answer::ok(&link))
}

pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    let services = &site.state.services;
    sandbox::unlink_issues(services, &site.caller, &site.name, site.param("link")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An issue by `id` or `key`.
fn end(body: &Body, member: &str) -> Result<String, Refusal> {
    let issue = body.get(member).unwrap_or(&Value::Null);
    let named = text_of(&issue["id"]).or_else(|| text_of(&issue["key"]));
    named.ok_or_else(|| Refusal::field(member, "Specify an issue by id or key"))
}
