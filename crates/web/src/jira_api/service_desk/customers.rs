//! Customers of a desk.

use application::{
    Error, Scope, lookups,
    sandbox::{self, NewCustomer},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{OptedIn, desks, organizations::accounts, page, require_set_up, user};
use crate::jira_api::{answer, body::Body, params::Params, refusal::Refusal, site::Site};

/// `POST customer`. An address that is known is a conflict, or, as it was before Jira had a word for it, a bad request.
pub(super) async fn create(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    let is_strict = params.text("strictConflictStatusCode") == Some("true");
    let name = body.text("displayName")?.or(body.text("fullName")?);
    let new = NewCustomer {
        email: body.text("email")?.unwrap_or_default().to_owned(),
        display_name: name.unwrap_or_default().to_owned(),
    };
    let services = &site.state.services;
    match sandbox::create_customer(services, &site.caller, &site.name, &new).await {
        Ok(made) => Ok(answer::json(StatusCode::CREATED, &user(&site, &made))),
        Err(Error::Conflict(message)) if !is_strict => Err(Refusal::bad_request(message)),
        Err(error) => Err(error.into()),
    }
}

/// `GET servicedesk/{id}/customer`: those of its own, and the people of its organisations.
pub(super) async fn list(site: Site, _: OptedIn, params: Params) -> Result<Response, Refusal> {
    require_set_up(&site, "getCustomers").await?;
    let desk = desks::named(&site, site.param("desk"), "getCustomers").await?;
    let instance = site.instance(Scope::Read).await?;
    let mut ids = desk.setup.customers.clone();
    for organization in site.transaction().await?.organizations(instance.id).await? {
        if desk.setup.organizations.contains(&organization.id) {
            ids.extend(organization.members);
        }
    }
    let wanted = params.text("query").unwrap_or_default().trim().to_lowercase();
    let mut people = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for id in ids.iter().filter(|id| seen.insert(id.as_str())) {
        let Some(known) = lookups::user(&site.state.services, &site.caller, instance.id, id).await? else {
            continue;
        };
        let name = known["displayName"].as_str().unwrap_or_default().to_lowercase();
        if name.contains(&wanted) {
            people.push(user(&site, &known));
        }
    }
    let path = format!("servicedesk/{}/customer", desk.id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], people)?))
}

/// `POST servicedesk/{id}/customer`.
pub(super) async fn add(site: Site, body: Body) -> Result<Response, Refusal> {
    change(&site, &body, true).await
}

/// `DELETE servicedesk/{id}/customer`.
pub(super) async fn remove(site: Site, _: OptedIn, body: Body) -> Result<Response, Refusal> {
    change(&site, &body, false).await
}

async fn change(site: &Site, body: &Body, adding: bool) -> Result<Response, Refusal> {
    let accounts = accounts(body)?;
    let (services, desk) = (&site.state.services, site.param("desk"));
    sandbox::change_desk_customers(services, &site.caller, &site.name, desk, (&accounts, adding)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
