//! Service desks.

use application::service_desks::{ServiceDesk, require_desk};
use axum::response::Response;
use serde_json::{Value, json};

use super::{address, page, require_set_up};
use crate::jira_api::{answer, params::Params, refusal::Refusal, site::Site};

/// The desk with this id.
pub(super) async fn named(site: &Site, id: &str) -> Result<ServiceDesk, Refusal> {
    let (mut tx, instance) = site.read().await?;
    Ok(require_desk(tx.as_mut(), instance.id, id).await?)
}

/// `GET servicedesk`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    require_set_up(&site, "getServiceDesks").await?;
    let (mut tx, instance) = site.read().await?;
    let desks = tx.service_desks(instance.id).await?;
    let shown = desks.iter().map(|desk| shown(&site, desk)).collect();
    Ok(answer::ok(&page::of_list(&site, &params, "servicedesk", &[], shown)?))
}

/// `GET servicedesk/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    require_set_up(&site, "getServiceDeskById").await?;
    let desk = named(&site, site.param("desk")).await?;
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
