//! Sprints.

use application::{Error, agile::SprintDetails, ports::TenantTx};
use axum::response::Response;
use domain::ids::InstanceId;
use serde_json::Value;

use super::{address, boards, id, page};
use crate::jira_api::{answer, params::Params, refusal::Refusal, site::Site};

/// The sprint that the path names, where the caller may see one of its boards.
pub(super) async fn named(
    tx: &mut dyn TenantTx,
    site: &Site,
    instance: InstanceId,
) -> Result<SprintDetails, Refusal> {
    let wanted = id(site, "sprint", "sprint")?;
    let found = tx.sprint(instance, wanted).await?;
    found.ok_or_else(|| Error::not_found("sprint", wanted.to_string()).into())
}

pub(super) fn served(site: &Site, sprint: &SprintDetails) -> Value {
    sprint.served(|| address(site, &format!("sprint/{}", sprint.id)))
}

/// `GET board/{id}/sprint`.
pub(super) async fn of_board(site: Site, params: Params) -> Result<Response, Refusal> {
    let states = params.list("state");
    if let Some(unknown) =
        states.iter().find(|state| !["future", "active", "closed"].contains(&state.as_str()))
    {
        return Err(Refusal::bad_request(format!(
            "'{unknown}' is no state of a sprint: future, active, closed."
        )));
    }
    let (mut tx, instance) = site.read().await?;
    let board = boards::named(tx.as_mut(), &site, instance.id).await?;
    if !board.has_sprints() {
        return Err(Refusal::bad_request("The board does not support sprints"));
    }
    let mut sprints = tx.sprints_of_board(instance.id, board.id).await?;
    sprints.retain(|sprint| states.is_empty() || states.contains(&sprint.state));
    let list = sprints.iter().map(|sprint| served(&site, sprint)).collect();
    Ok(answer::ok(&page(&params, list)?))
}

/// `GET sprint/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let sprint = named(tx.as_mut(), &site, instance.id).await?;
    Ok(answer::ok(&served(&site, &sprint)))
}
