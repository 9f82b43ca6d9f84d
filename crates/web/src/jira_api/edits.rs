//! Creating, editing, assigning, moving and deleting issues of a sandbox (jira-facts 6.5).

use application::{
    Action, Error,
    issues::transition_with,
    sandbox::{self, Beside, FieldChanges, MoveTarget, TransitionInput},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    answer, beside, body::Body, bulk, issues, params::Params, refusal::Refusal, site::Site, text_of,
    transitions,
};

pub(super) async fn create(site: Site, body: Body) -> Result<Response, Refusal> {
    Ok(answer::json(StatusCode::CREATED, &create_one(&site, &body).await?))
}

async fn create_one(site: &Site, body: &Body) -> Result<Value, Refusal> {
    let (changes, beside) = changes(site, body)?;
    let transition = body.get("transition").filter(|wanted| **wanted != json!({}));
    let transition = transition.map(|_| transitions::wanted(body)).transpose()?;
    let services = &site.state.services;
    let created = sandbox::create_issue_with(services, &site.caller, &site.name, changes, &beside).await?;
    let mut shown = json!({
        "id": created.id,
        "key": created.key,
        "self": site.api_url(&format!("issue/{}", created.id)),
    });
    if let Some(transition) = transition {
        shown["transition"] = transitioned(site, &created.id, &transition).await?;
    }
    Ok(shown)
}

/// Takes a new issue through a transition. The issue is there, whatever comes of it.
async fn transitioned(site: &Site, issue: &str, transition: &str) -> Result<Value, Refusal> {
    let (services, issue) = (&site.state.services, (Some(site.name.as_str()), issue));
    let nothing = |_| TransitionInput::nothing(site.dialect);
    let refusal = match transition_with(services, &site.caller, issue, transition, nothing).await {
        Ok(_) => {
            return Ok(json!({ "status": 204, "errorCollection": { "errorMessages": [], "errors": {} } }));
        }
        Err(error) => Refusal::from(error),
    };
    if refusal.status().is_server_error() {
        return Err(refusal);
    }
    Ok(json!({ "status": refusal.status().as_u16(), "errorCollection": refusal.collection() }))
}

/// `POST issue/bulk`: each issue by itself, so that some may be made and others not.
pub(super) async fn create_in_bulk(site: Site, body: Body) -> Result<Response, Refusal> {
    let wanted = body.get("issueUpdates").and_then(Value::as_array).ok_or_else(Refusal::invalid_payload)?;
    if !(1..=LARGEST_BULK).contains(&wanted.len()) {
        return Err(Refusal::bad_request(format!(
            "Between 1 and {LARGEST_BULK} issues can be created at once."
        )));
    }
    let (mut issues, mut errors) = (Vec::new(), Vec::new());
    for (number, wanted) in wanted.iter().enumerate() {
        let members = wanted.as_object().cloned().ok_or_else(Refusal::invalid_payload)?;
        match create_one(&site, &Body::of(members)).await {
            Ok(created) => issues.push(created),
            Err(refusal) if refusal.is_about_the_request() => errors.push(json!({
                "status": refusal.status().as_u16(),
                "elementErrors": refusal.collection(),
                "failedElementNumber": number,
            })),
            Err(refusal) => return Err(refusal),
        }
    }
    let status = if issues.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::CREATED };
    Ok(answer::json(status, &json!({ "issues": issues, "errors": errors })))
}

pub(super) async fn edit(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    // A `transition` is passed over, as Jira does.
    let (changes, beside) = changes(&site, &body)?;
    if changes.fields.is_empty() && changes.update.is_empty() && beside.is_empty() {
        return Err(Refusal::bad_request("one of 'fields' or 'update' required"));
    }
    site.require_shown().await?;
    let (services, issue) = (&site.state.services, site.param("issue"));
    sandbox::edit_issue_with(services, &site.caller, &site.name, issue, changes, &beside).await?;
    if params.text("returnIssue") == Some("true") {
        return Ok(answer::ok(&issues::show(&site, &params).await?));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn assign(site: Site, body: Body) -> Result<Response, Refusal> {
    let members = ["accountId", "name", "key"];
    if members.iter().all(|member| body.get(member).is_none() && !body.is_null(member)) {
        return Err(Refusal::field("assignee", "Specify a valid user"));
    }
    let sent = members.iter().filter_map(|member| Some(((*member).to_owned(), body.get(member)?.clone())));
    let user: Map<String, Value> = sent.collect();
    let user = if user.is_empty() { Value::Null } else { Value::Object(user) };
    site.require_shown().await?;
    let services = &site.state.services;
    sandbox::assign_issue(services, &site.caller, &site.name, site.param("issue"), user).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn delete(site: Site, params: Params) -> Result<Response, Refusal> {
    let with_subtasks = params.text("deleteSubtasks") == Some("true");
    site.require_shown().await?;
    let services = &site.state.services;
    sandbox::delete_issue(services, &site.caller, &site.name, site.param("issue"), with_subtasks).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST bulk/issues/move` of Cloud. Jira does it in the background; here it has happened when this answers.
pub(super) async fn relocate(site: Site, body: Body) -> Result<Response, Refusal> {
    let mapping = body.get("targetToSourcesMapping").and_then(Value::as_object);
    let mapping = mapping.filter(|targets| !targets.is_empty()).ok_or_else(Refusal::invalid_payload)?;
    let mut moves = Vec::new();
    let mut targets = Vec::new();
    for (target, sources) in mapping {
        let mut parts = target.split(',').map(str::trim);
        let project = parts.next().filter(|project| !project.is_empty());
        let project = project.ok_or_else(Refusal::invalid_payload)?.to_owned();
        let issue_type = parts.next().filter(|kind| !kind.is_empty()).map(str::to_owned);
        if parts.next().is_some() {
            let message = "moving issues below another parent is not served by Forebay yet";
            return Err(Error::Unsupported(message.into()).into());
        }
        let target = MoveTarget { project, issue_type };
        let named = sources["issueIdsOrKeys"].as_array().filter(|names| !names.is_empty());
        for name in named.ok_or_else(Refusal::invalid_payload)? {
            let name = text_of(name).ok_or_else(Refusal::invalid_payload)?;
            moves.push((name, target.clone()));
        }
        targets.push(target);
    }
    if moves.len() > LARGEST_MOVE {
        return Err(Refusal::bad_request(format!("At most {LARGEST_MOVE} issues can be moved at once.")));
    }
    let mut work = bulk::Work::at_sandbox(&site, Action::MoveIssue).await?;
    let services = &site.state.services;
    for target in &targets {
        sandbox::check_move_target(services, &site.caller, &site.name, target).await?;
    }
    for (name, target) in &moves {
        let Some(id) = work.seen(name).await? else { continue };
        let done = sandbox::move_issue(services, &work.caller, &site.name, &id, target).await;
        work.note(&id, done.map(drop))?;
    }
    work.finish().await
}

/// Issues in one bulk creation, as at Jira.
const LARGEST_BULK: usize = 50;
/// Issues in one bulk move, as at Cloud.
const LARGEST_MOVE: usize = 1_000;

/// `fields`, `update` and `properties` of a body.
fn changes(site: &Site, body: &Body) -> Result<(FieldChanges, Beside), Refusal> {
    let (fields, mut update) = (transitions::object(body, "fields")?, transitions::object(body, "update")?);
    let beside = beside::take(&mut update, body.get("properties"), site.dialect)?;
    Ok((FieldChanges { dialect: site.dialect, fields, update }, beside))
}
