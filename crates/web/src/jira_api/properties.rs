//! Properties of an issue. Jira shows those with an issue that are asked for by name, so a mirror has the ones that it was told to copy.

use std::sync::Arc;

use application::{Error, instances::InstanceKind, issues::IssueRow, sandbox};
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
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| {
        Refusal::unreadable_body("There was an error parsing JSON. Check that your request body is valid.")
    })?;
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
