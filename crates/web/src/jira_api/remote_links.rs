//! Links of an issue to what is outside of the site. Jira lists no issue's remote links with it, so a mirror does not have them.

use application::{
    Error,
    instances::InstanceKind,
    sandbox::{self, RemoteLinkName},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{answer, body::Body, params::Params, refusal::Refusal, site::Site};

/// The links of the issue, of a sandbox.
async fn links(site: &Site) -> Result<Vec<Value>, Refusal> {
    let (instance, row) = site.issue().await?;
    if instance.kind != InstanceKind::Sandbox {
        let message = "a mirror does not hold the remote links of issues; ask the site itself";
        return Err(Error::Unsupported(message.into()).into());
    }
    Ok(site.transaction().await?.remote_links(row.id).await?)
}

/// `GET issue/{id}/remotelink`: all of them, or the one with this `globalId`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let all = links(&site).await?;
    let Some(global) = params.text("globalId").filter(|id| !id.is_empty()) else {
        return Ok(answer::ok(&Value::Array(all)));
    };
    let found = all.into_iter().find(|link| link["globalId"] == global);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found("remote link", global))?))
}

/// `GET issue/{id}/remotelink/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let wanted = site.param("link");
    let found =
        links(&site).await?.into_iter().find(|link| link["id"].to_string().trim_matches('"') == wanted);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found("remote link", wanted))?))
}

/// `POST issue/{id}/remotelink`.
pub(super) async fn create(site: Site, body: Body) -> Result<Response, Refusal> {
    let stored = put(&site, &body, RemoteLinkName::OfBody).await?;
    let status = if stored.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer::json(status, &json!({ "id": stored.id, "self": stored.address })))
}

/// `PUT issue/{id}/remotelink/{id}`.
pub(super) async fn edit(site: Site, body: Body) -> Result<Response, Refusal> {
    put(&site, &body, RemoteLinkName::Id(site.param("link"))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn put(
    site: &Site,
    body: &Body,
    name: RemoteLinkName<'_>,
) -> Result<sandbox::StoredRemoteLink, Refusal> {
    site.require_shown().await?;
    let (services, issue) = (&site.state.services, site.param("issue"));
    Ok(sandbox::put_remote_link(services, &site.caller, &site.name, issue, (name, body.members())).await?)
}

/// `DELETE issue/{id}/remotelink/{id}`.
pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    take_away(&site, RemoteLinkName::Id(site.param("link"))).await
}

/// `DELETE issue/{id}/remotelink?globalId=`.
pub(super) async fn remove_by_global_id(site: Site, params: Params) -> Result<Response, Refusal> {
    let global = params.text("globalId").filter(|id| !id.is_empty());
    let global = global.ok_or_else(|| Refusal::bad_request("'globalId' is required."))?;
    take_away(&site, RemoteLinkName::GlobalId(global)).await
}

async fn take_away(site: &Site, name: RemoteLinkName<'_>) -> Result<Response, Refusal> {
    site.require_shown().await?;
    let services = &site.state.services;
    sandbox::remove_remote_link(services, &site.caller, &site.name, site.param("issue"), name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
