//! What can be done with a request next.

use application::issues::{Audience, IssueRow, TransitionChoice, list_transitions, transition_issue};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{comments, page, view::Requests};
use crate::jira_api::{answer, body::Body, params::Params, refusal::Refusal, site::Site};

/// `GET request/{id}/transition`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let open = open(&requests, &row).await?;
    let shown = open.iter().map(|choice| json!({ "id": choice.id, "name": choice.name })).collect();
    let path = format!("request/{}/transition", row.jira_id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], shown)?))
}

/// The transitions that are open. Those of an approval are taken by answering it.
async fn open(requests: &Requests<'_>, row: &IssueRow) -> Result<Vec<TransitionChoice>, Refusal> {
    let site = requests.site;
    let services = &site.state.services;
    let mut open = list_transitions(services, &site.caller, Some(&site.name), &row.jira_id).await?;
    if let Some(step) = requests.desk(row).and_then(|desk| desk.setup.approval_in(&row.status_id)) {
        open.retain(|choice| choice.id != step.approve && choice.id != step.decline);
    }
    Ok(open)
}

/// `POST request/{id}/transition`.
pub(super) async fn perform(site: Site, body: Body) -> Result<Response, Refusal> {
    let wanted = match body.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(Refusal::field("id", "Name the transition by its id.")),
    };
    let comment = body.get("additionalComment").map(|comment| comment["body"].as_str().unwrap_or_default());
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    if requests.is_sandbox() && !open(&requests, &row).await?.iter().any(|choice| choice.id == wanted) {
        return Err(Refusal::bad_request(format!(
            "The transition '{wanted}' is not open to this request now."
        )));
    }
    let services = &site.state.services;
    transition_issue(services, &site.caller, Some(&site.name), &row.jira_id, &wanted, None).await?;
    if let Some(text) = comment.filter(|text| !text.trim().is_empty()) {
        comments::write(&site, &row, (text, Audience::Everyone)).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
