//! Organisations: customers who see each other's requests.

use application::{
    Error,
    instances::Instance,
    lookups, sandbox,
    service_desks::{Organization, known_desks, shown},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{address, desks, page, user};
use crate::jira_api::{
    answer,
    body::Body,
    params::Params,
    refusal::Refusal,
    site::{Site, zone},
};

/// The organisation that the path names.
pub(super) async fn named(site: &Site, operation: &str) -> Result<Organization, Refusal> {
    let (mut tx, instance) = site.read().await?;
    known_desks(tx.as_mut(), &instance, operation).await?;
    let wanted = site.param("organization");
    let found = tx.organizations(instance.id).await?.into_iter().find(|known| known.id == wanted);
    Ok(found.ok_or_else(|| Error::not_found("organization", wanted))?)
}

/// `OrganizationDTO`.
fn organization(site: &Site, instance: &Instance, known: &Organization) -> Value {
    if known.raw.is_object() {
        return known.raw.clone();
    }
    let mut shown = json!({
        "id": known.id,
        "uuid": uuid::Uuid::new_v5(&instance.id.0, format!("organization/{}", known.id).as_bytes()),
        "name": known.name,
        "scimManaged": false,
        "_links": { "self": address(site, &format!("organization/{}", known.id)) },
    });
    if let Some(created) = known.created {
        shown["created"] = shown::moment(created, zone(instance));
    }
    shown
}

/// `GET organization`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    // Where desks are not shown, neither are organisations.
    known_desks(tx.as_mut(), &instance, "getOrganizations").await?;
    drop(tx);
    listed(&site, &params, ("organization", |_: &Organization| true)).await
}

/// `GET servicedesk/{id}/organization`.
pub(super) async fn of_desk(site: Site, params: Params) -> Result<Response, Refusal> {
    let desk = desks::set_up(&site, site.param("desk"), "getOrganizations").await?;
    let path = format!("servicedesk/{}/organization", desk.id);
    let is_of_desk = |known: &Organization| desk.setup.organizations.contains(&known.id);
    listed(&site, &params, (&path, is_of_desk)).await
}

async fn listed(
    site: &Site,
    params: &Params,
    (path, is_wanted): (&str, impl Fn(&Organization) -> bool + Send),
) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let member = params.text("accountId").map(str::to_owned);
    let all = tx.organizations(instance.id).await?;
    if member.is_some() {
        all.iter().try_for_each(|known| known.require_members("getOrganizations"))?;
    }
    let found = all
        .into_iter()
        .filter(|known| {
            is_wanted(known) && member.as_ref().is_none_or(|member| known.members.contains(member))
        })
        .map(|known| organization(site, &instance, &known))
        .collect();
    Ok(answer::ok(&page::of_list(site, params, path, &[], found)?))
}

/// `POST organization`.
pub(super) async fn create(site: Site, body: Body) -> Result<Response, Refusal> {
    let name = body.text("name")?.unwrap_or_default();
    let services = &site.state.services;
    let made = sandbox::create_organization(services, &site.caller, &site.name, name).await?;
    let instance = lookups::instance(services, &site.caller, &site.name).await?;
    Ok(answer::json(StatusCode::CREATED, &organization(&site, &instance, &made)))
}

/// `GET organization/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let found = named(&site, "getOrganization").await?;
    let instance = site.instance(application::Scope::Read).await?;
    Ok(answer::ok(&organization(&site, &instance, &found)))
}

/// `DELETE organization/{id}`.
pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    let services = &site.state.services;
    sandbox::delete_organization(services, &site.caller, &site.name, site.param("organization")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET organization/{id}/user`.
pub(super) async fn users(site: Site, params: Params) -> Result<Response, Refusal> {
    let found = named(&site, "getUsersInOrganization").await?;
    found.require_members("getUsersInOrganization")?;
    let instance = site.instance(application::Scope::Read).await?;
    let mut people = Vec::with_capacity(found.members.len());
    for id in &found.members {
        let known = lookups::user(&site.state.services, &site.caller, instance.id, id).await?;
        people.extend(known.map(|known| user(&site, &known)));
    }
    let path = format!("organization/{}/user", found.id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], people)?))
}

/// `POST organization/{id}/user`.
pub(super) async fn add_users(site: Site, body: Body) -> Result<Response, Refusal> {
    change_users(&site, &body, true).await
}

/// `DELETE organization/{id}/user`.
pub(super) async fn remove_users(site: Site, body: Body) -> Result<Response, Refusal> {
    change_users(&site, &body, false).await
}

async fn change_users(site: &Site, body: &Body, adding: bool) -> Result<Response, Refusal> {
    let accounts = accounts(body)?;
    let (services, id) = (&site.state.services, site.param("organization"));
    sandbox::change_organization_members(services, &site.caller, &site.name, id, (&accounts, adding)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The people that a body names: by account id, or at a Server by user name.
pub(super) fn accounts(body: &Body) -> Result<Vec<String>, Refusal> {
    let mut accounts = body.list("accountIds")?;
    accounts.extend(body.list("usernames")?);
    if accounts.is_empty() {
        return Err(Refusal::field("accountIds", "Name at least one account."));
    }
    Ok(accounts)
}

/// `POST servicedesk/{id}/organization`.
pub(super) async fn add_to_desk(site: Site, body: Body) -> Result<Response, Refusal> {
    change_desk(&site, &body, true).await
}

/// `DELETE servicedesk/{id}/organization`.
pub(super) async fn remove_from_desk(site: Site, body: Body) -> Result<Response, Refusal> {
    change_desk(&site, &body, false).await
}

async fn change_desk(site: &Site, body: &Body, adding: bool) -> Result<Response, Refusal> {
    let organization = body.integer("organizationId")?.ok_or_else(Refusal::invalid_payload)?.to_string();
    let (services, desk) = (&site.state.services, site.param("desk"));
    sandbox::change_desk_organizations(services, &site.caller, &site.name, desk, (&organization, adding))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
