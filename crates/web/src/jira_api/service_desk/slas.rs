//! How long a request has taken, and how long it may take.

use application::Error;
use axum::response::Response;

use super::{page, view::Requests};
use crate::jira_api::{answer, params::Params, refusal::Refusal, site::Site};

/// `GET request/{id}/sla`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let slas = requests.slas(site.transaction().await?.as_mut(), &row).await?;
    let path = format!("request/{}/sla", row.jira_id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], slas)?))
}

/// `GET request/{id}/sla/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let wanted = site.param("sla");
    let slas = requests.slas(site.transaction().await?.as_mut(), &row).await?;
    let found = slas.into_iter().find(|sla| sla["id"] == wanted);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found("SLA", wanted))?))
}
