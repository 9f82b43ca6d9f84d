//! Approvals of a request.

use application::{Error, sandbox};
use axum::response::Response;

use super::{page, view::Requests};
use crate::jira_api::{answer, body::Body, params::Params, refusal::Refusal, site::Site};

/// `GET request/{id}/approval`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let path = format!("request/{}/approval", row.jira_id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], requests.approvals(&row))?))
}

/// `GET request/{id}/approval/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let wanted = site.param("approval");
    let found = requests.approvals(&row).into_iter().find(|approval| approval["id"] == wanted);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found("approval", wanted))?))
}

/// `POST request/{id}/approval/{id}`.
pub(super) async fn answer(site: Site, body: Body) -> Result<Response, Refusal> {
    let yes = match body.text("decision")? {
        Some("approve") => true,
        Some("decline") => false,
        _ => return Err(Refusal::field("decision", "Answer with 'approve' or 'decline'.")),
    };
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let (services, approval) = (&site.state.services, site.param("approval"));
    let answered =
        sandbox::answer_approval(services, &site.caller, &site.name, &row.jira_id, (approval, yes)).await?;
    Ok(answer::ok(&requests.approval(&row, &answered)))
}
