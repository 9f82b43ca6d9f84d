//! Who follows a request.

use application::sandbox;
use axum::response::Response;
use serde_json::Value;

use super::{organizations::accounts, page, user, view::Requests};
use crate::jira_api::{answer, body::Body, params::Params, refusal::Refusal, site::Site};

/// `GET request/{id}/participant`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let path = format!("request/{}/participant", row.jira_id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], requests.participants(&row))?))
}

/// `POST request/{id}/participant`.
pub(super) async fn add(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    change(&site, &params, &body, true).await
}

/// `DELETE request/{id}/participant`.
pub(super) async fn remove(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    change(&site, &params, &body, false).await
}

async fn change(site: &Site, params: &Params, body: &Body, adding: bool) -> Result<Response, Refusal> {
    let accounts = accounts(body)?;
    site.require_shown().await?;
    let (services, issue) = (&site.state.services, site.param("issue"));
    let people =
        sandbox::change_participants(services, &site.caller, &site.name, issue, (&accounts, adding)).await?;
    let shown: Vec<Value> = people.iter().map(|person| user(site, person)).collect();
    Ok(answer::ok(&page::of_list(site, params, &format!("request/{issue}/participant"), &[], shown)?))
}
