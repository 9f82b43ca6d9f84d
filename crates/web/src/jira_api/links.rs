//! Links between issues of a sandbox (jira-facts 6.5).

use application::{
    Error,
    sandbox::{self, NewLink},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{answer, body::Body, refusal::Refusal, site::Site};

pub(super) async fn create(site: Site, body: Body) -> Result<Response, Refusal> {
    if body.get("comment").is_some_and(|comment| *comment != json!({})) {
        let message = "links with `comment` are not served by Forebay yet; send the comment by itself";
        return Err(Error::Unsupported(message.into()).into());
    }
    let link = NewLink {
        link_type: body.get("type").cloned().unwrap_or_default(),
        inward_issue: end(&body, "inwardIssue")?,
        outward_issue: end(&body, "outwardIssue")?,
    };
    let services = &site.state.services;
    sandbox::link_issues(services, &site.caller, &site.name, &link).await?;
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
    let named = issue["id"].as_str().or_else(|| issue["key"].as_str());
    named.map(str::to_owned).ok_or_else(|| Refusal::field(member, "Specify an issue by id or key"))
}
