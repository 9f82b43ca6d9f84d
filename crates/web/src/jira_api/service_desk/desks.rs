//! Service desks.

use application::{
    Error,
    service_desks::{ServiceDesk, known_desks},
};
use axum::response::Response;
use serde_json::{Value, json};

use super::{address, page};
use crate::jira_api::{answer, params::Params, refusal::Refusal, site::Site};

/// The desk with this id.
pub(super) async fn named(site: &Site, id: &str, operation: &str) -> Result<ServiceDesk, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let found = known_desks(tx.as_mut(), &instance, operation).await?.into_iter().find(|desk| desk.id == id);
    Ok(found.ok_or_else(|| Error::not_found("service desk", id))?)
}

/// The same, where it is known how it is set up.
pub(super) async fn set_up(site: &Site, id: &str, operation: &str) -> Result<ServiceDesk, Refusal> {
    let desk = named(site, id, operation).await?;
    desk.require_set_up(operation)?;
    Ok(desk)
}

/// `GET servicedesk`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let desks = known_desks(tx.as_mut(), &instance, "getServiceDesks").await?;
    let shown = desks.iter().map(|desk| shown(&site, desk)).collect();
    Ok(answer::ok(&page::of_list(&site, &params, "servicedesk", &[], shown)?))
}

/// `GET servicedesk/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let desk = named(&site, site.param("desk"), "getServiceDeskById").await?;
    Ok(answer::ok(&shown(&site, &desk)))
}

/// `ServiceDeskDTO`.
pub(super) fn shown(site: &Site, desk: &ServiceDesk) -> Value {
    json!({
        "id": desk.id,
        "projectId": desk.project_id,
        "projectKey": desk.project_key,
        "projectName": desk.project_name,
        "projectTypeKey": "service_desk",
        "_links": { "self": address(site, &format!("servicedesk/{}", desk.id)) },
    })
}
