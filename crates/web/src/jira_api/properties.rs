//! Properties of an issue, and of its comments and worklogs. Jira shows those with an issue that are asked for by name, so a mirror has the ones that it was told to copy.

use std::sync::Arc;

use application::{
    Error,
    instances::InstanceKind,
    issues::IssueRow,
    sandbox::{self, PropertyOwner},
};
use axum::{
    body::Bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{answer, refusal::Refusal, site::Site};

/// The issue, of a sandbox.
async fn issue(site: &Site) -> Result<Arc<IssueRow>, Refusal> {
    let (instance, row) = site.issue().await?;
    if instance.kind != InstanceKind::Sandbox {
        return Err(unknown().into());
    }
    Ok(row)
}

fn unknown() -> Error {
    let message = "a mirror holds the properties that it was told to copy (`FOREBAY_SYNC_ISSUE_PROPERTIES`); ask the site itself";
    Error::Unsupported(message.into())
}

/// `GET issue/{id}/properties`.
pub(super) async fn keys(site: Site) -> Result<Response, Refusal> {
    let row = issue(&site).await?;
    let keys = site.transaction().await?.property_keys(row.id).await?;
    let named = |key: String| {
        let path = format!("issue/{}/properties/{key}", row.jira_id);
        json!({ "self": site.api_url(&path), "key": key })
    };
    Ok(answer::ok(&json!({ "keys": keys.into_iter().map(named).collect::<Vec<_>>() })))
}

/// `GET issue/{id}/properties/{key}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let (instance, row) = site.issue().await?;
    let key = site.param("property");
    let value = site.transaction().await?.property(row.id, key).await?;
    let value = match value {
        Some(value) => value,
        None if instance.kind == InstanceKind::Sandbox => {
            return Err(Error::not_found("issue property", key).into());
        }
        None => return Err(unknown().into()),
    };
    Ok(answer::ok(&json!({ "key": key, "value": value })))
}

/// `PUT issue/{id}/properties/{key}`: the body is the value, whatever JSON it is.
pub(super) async fn set(site: Site, bytes: Bytes) -> Result<Response, Refusal> {
    let value = sent(&bytes)?;
    site.require_shown().await?;
    let named = (site.param("property"), &value);
    let services = &site.state.services;
    let is_new =
        sandbox::set_issue_property(services, &site.caller, &site.name, site.param("issue"), named).await?;
    Ok(if is_new { StatusCode::CREATED } else { StatusCode::OK }.into_response())
}

/// `DELETE issue/{id}/properties/{key}`.
pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    site.require_shown().await?;
    let (services, issue, key) = (&site.state.services, site.param("issue"), site.param("property"));
    sandbox::remove_issue_property(services, &site.caller, &site.name, issue, key).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn sent(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|_| {
        Refusal::unreadable_body("There was an error parsing JSON. Check that your request body is valid.")
    })
}

/// The comment or the worklog that the path names, and the path of its properties.
async fn owner(site: &Site) -> Result<(PropertyOwner<'_>, String), Refusal> {
    let (comment, issue, worklog) = (site.param("comment"), site.param("issue"), site.param("worklog"));
    if worklog.is_empty() {
        return Ok((PropertyOwner::Comment(comment), format!("comment/{comment}/properties")));
    }
    site.require_shown().await?;
    let path = format!("issue/{issue}/worklog/{worklog}/properties");
    Ok((PropertyOwner::Worklog(issue, worklog), path))
}

/// `GET comment/{id}/properties` and `GET issue/{id}/worklog/{id}/properties`.
pub(super) async fn child_keys(site: Site) -> Result<Response, Refusal> {
    let (owner, path) = owner(&site).await?;
    let found = sandbox::child_properties(&site.state.services, &site.caller, &site.name, owner).await?;
    let named = |key: &String| json!({ "self": site.api_url(&format!("{path}/{key}")), "key": key });
    Ok(answer::ok(&json!({ "keys": found.keys().map(named).collect::<Vec<_>>() })))
}

/// One of them.
pub(super) async fn child_one(site: Site) -> Result<Response, Refusal> {
    let (owner, _) = owner(&site).await?;
    let key = site.param("property");
    let services = &site.state.services;
    let mut found = sandbox::child_properties(services, &site.caller, &site.name, owner).await?;
    let value = found.remove(key).ok_or_else(|| Error::not_found("property", key))?;
    Ok(answer::ok(&json!({ "key": key, "value": value })))
}

/// Sets one of them.
pub(super) async fn set_child(site: Site, bytes: Bytes) -> Result<Response, Refusal> {
    let value = sent(&bytes)?;
    let is_new = change_child(&site, Some(&value)).await?;
    Ok(if is_new { StatusCode::CREATED } else { StatusCode::OK }.into_response())
}

/// Takes one of them away.
pub(super) async fn remove_child(site: Site) -> Result<Response, Refusal> {
    change_child(&site, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change_child(site: &Site, value: Option<&Value>) -> Result<bool, Refusal> {
    let (owner, _) = owner(site).await?;
    let named = (site.param("property"), value);
    let services = &site.state.services;
    Ok(sandbox::set_child_property(services, &site.caller, &site.name, owner, named).await?)
}
