//! Requests: which there are, one of them, and raising one.

use application::{
    Error, Scope,
    instances::Dialect,
    sandbox::{self, NewRequest},
    service_desks::{Concern, RequestQuery},
};
use axum::{http::StatusCode, response::Response};
use serde_json::{Map, Value};

use super::{
    page,
    view::{EXPANDS, Requests},
};
use crate::jira_api::{answer, body::Body, lookup, params::Params, refusal::Refusal, site::Site};

/// `GET request`: what the account has to do with, the latest activity first.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = page::Window::of(&params)?;
    let requests = Requests::of(&site).await?;
    let (mut tx, instance) = site.read().await?;
    let account = requests.account();
    let mut concerns = Vec::new();
    for name in ownership(&params)? {
        concerns.push(match name {
            "OWNED_REQUESTS" => Concern::Reported,
            "PARTICIPATED_REQUESTS" => Concern::Participates,
            "APPROVER" => Concern::Approves(approval_status(&params)?),
            _ => {
                let only = if name == "ORGANIZATION" { params.integer("organizationId")? } else { None };
                let only = only.map(|id| id.to_string());
                let all = tx.organizations(instance.id).await?.into_iter();
                let own = all.filter(|known| known.members.contains(&account)).map(|known| known.id);
                Concern::SharedWith(own.filter(|id| only.as_ref().is_none_or(|only| only == id)).collect())
            }
        });
    }
    let number = |name: &str| Ok::<_, Refusal>(params.integer(name)?.map(|number| number.to_string()));
    let query = RequestQuery {
        fields: requests.ids.clone(),
        account: Some(account),
        concerns,
        closed: closed(&params)?,
        text: params.text("searchTerm").map(str::to_owned).filter(|text| !text.trim().is_empty()),
        desk: number("serviceDeskId")?,
        request_type: number("requestTypeId")?,
        offset: window.offset(),
        limit: window.with_one_more(),
    };
    let mut found = tx.requests(instance.id, &query).await?;
    let is_last = found.len() <= window.limit;
    found.truncate(window.limit);
    let rows = lookup::issues(&site, tx.as_mut(), &instance, &found).await?;
    let expand = params.list("expand");
    let mut values = Vec::with_capacity(rows.len());
    for id in &found {
        if let Some(row) = rows.iter().find(|row| row.jira_id == *id) {
            values.push(requests.shown(tx.as_mut(), row, &expand).await?);
        }
    }
    Ok(answer::ok(&window.page(&site, &params, ("request", &EXPANDS), values, is_last)))
}

/// Why requests are asked for: for every reason there is, unless some are named.
fn ownership(params: &Params) -> Result<Vec<&'static str>, Refusal> {
    const ALL: [&str; 5] =
        ["OWNED_REQUESTS", "PARTICIPATED_REQUESTS", "ORGANIZATION", "ALL_ORGANIZATIONS", "APPROVER"];
    let asked = params.list("requestOwnership");
    if asked.is_empty() || asked.iter().any(|name| name == "ALL_REQUESTS") {
        return Ok(["OWNED_REQUESTS", "PARTICIPATED_REQUESTS", "ALL_ORGANIZATIONS", "APPROVER"].to_vec());
    }
    let known = |name: &String| ALL.into_iter().find(|known| known == name);
    asked.iter().map(|name| known(name).ok_or_else(|| unknown("requestOwnership", name))).collect()
}

fn closed(params: &Params) -> Result<Option<bool>, Refusal> {
    match params.text("requestStatus") {
        None | Some("" | "ALL_REQUESTS") => Ok(None),
        Some("CLOSED_REQUESTS") => Ok(Some(true)),
        Some("OPEN_REQUESTS") => Ok(Some(false)),
        Some(other) => Err(unknown("requestStatus", other)),
    }
}

fn approval_status(params: &Params) -> Result<Option<bool>, Refusal> {
    match params.text("approvalStatus") {
        None | Some("") => Ok(None),
        Some("MY_PENDING_APPROVAL") => Ok(Some(true)),
        Some("MY_HISTORY_APPROVAL") => Ok(Some(false)),
        Some(other) => Err(unknown("approvalStatus", other)),
    }
}

fn unknown(name: &str, value: &str) -> Refusal {
    Refusal::field(name, format!("'{value}' is not a value that it takes."))
}

/// `GET request/{id}`.
pub(super) async fn one(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let mut tx = site.transaction().await?;
    Ok(answer::ok(&requests.shown(tx.as_mut(), &row, &params.list("expand")).await?))
}

/// `GET request/{id}/status`.
pub(super) async fn statuses(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let mut list = requests.statuses(site.transaction().await?.as_mut(), &row).await?;
    // The one it has now comes first.
    list.reverse();
    let path = format!("request/{}/status", row.jira_id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], list)?))
}

/// `POST request`.
pub(super) async fn create(site: Site, body: Body) -> Result<Response, Refusal> {
    let id = |name: &str| match body.get(name) {
        Some(Value::String(id)) => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        _ => Err(Refusal::field(name, "It is required.")),
    };
    // Whoever may not write is told so before anything else.
    site.instance(Scope::Write).await?;
    if body.get("form").is_some() {
        let message = "requests with `form` are not served by Forebay yet; send `requestFieldValues`";
        return Err(Error::Unsupported(message.into()).into());
    }
    let values = match body.get("requestFieldValues") {
        None => Map::new(),
        Some(Value::Object(values)) => values.clone(),
        Some(_) => return Err(Refusal::invalid_payload()),
    };
    let takes_documents = body.get("isAdfRequest") == Some(&Value::Bool(true));
    let new = NewRequest {
        desk: id("serviceDeskId")?,
        request_type: id("requestTypeId")?,
        dialect: if takes_documents { Dialect::V3 } else { Dialect::V2 },
        values,
        on_behalf_of: body.text("raiseOnBehalfOf")?.map(str::to_owned),
        participants: body.list("requestParticipants")?,
    };
    let made = sandbox::create_request(&site.state.services, &site.caller, &site.name, new).await;
    let made = made.map_err(not_created)?;
    let requests = Requests::of(&site).await?;
    let (_, row) = site.issue_named(&made.id).await?;
    let mut tx = site.transaction().await?;
    Ok(answer::json(StatusCode::CREATED, &requests.shown(tx.as_mut(), &row, &[]).await?))
}

/// This API has one text for a form that is filled in wrongly.
fn not_created(error: Error) -> Refusal {
    match error {
        Error::Invalid(problems) => {
            let each = problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message));
            Refusal::bad_request(format!(
                "Your request could not be created. Please check the fields have been correctly filled in. {}",
                each.collect::<Vec<_>>().join(" ")
            ))
        }
        other => other.into(),
    }
}
