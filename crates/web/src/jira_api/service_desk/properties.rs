//! Properties of organisations and request types.

use std::collections::BTreeMap;

use application::{Error, sandbox};
use axum::{
    body::Bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{OptedIn, address, desks, organizations, require_set_up};
use crate::jira_api::{answer, refusal::Refusal, site::Site};

fn keys(site: &Site, path: &str, properties: &BTreeMap<String, Value>) -> Response {
    let named =
        |key: &String| json!({ "key": key, "self": address(site, &format!("{path}/property/{key}")) });
    answer::ok(&json!({ "keys": properties.keys().map(named).collect::<Vec<_>>() }))
}

fn one(site: &Site, properties: &BTreeMap<String, Value>) -> Result<Response, Refusal> {
    let key = site.param("property");
    let value = properties.get(key).ok_or_else(|| Error::not_found("property", key))?;
    Ok(answer::ok(&json!({ "key": key, "value": value })))
}

fn value(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|_| {
        Refusal::unreadable_body("There was an error parsing JSON. Check that your request body is valid.")
    })
}

fn stored(is_new: bool) -> Response {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    answer::json(status, &json!({}))
}

/// `GET organization/{id}/property`.
pub(super) async fn of_organization(site: Site) -> Result<Response, Refusal> {
    require_set_up(&site, "getPropertiesKeys").await?;
    let organization = organizations::named(&site, "getPropertiesKeys").await?;
    Ok(keys(&site, &format!("organization/{}", organization.id), &organization.properties))
}

/// `GET organization/{id}/property/{key}`.
pub(super) async fn one_of_organization(site: Site) -> Result<Response, Refusal> {
    require_set_up(&site, "getProperty").await?;
    one(&site, &organizations::named(&site, "getProperty").await?.properties)
}

/// `PUT organization/{id}/property/{key}`: the body is the value, whatever JSON it is.
pub(super) async fn set_of_organization(site: Site, bytes: Bytes) -> Result<Response, Refusal> {
    Ok(stored(change_organization(&site, Some(&value(&bytes)?)).await?))
}

/// `DELETE organization/{id}/property/{key}`.
pub(super) async fn remove_of_organization(site: Site) -> Result<Response, Refusal> {
    change_organization(&site, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change_organization(site: &Site, value: Option<&Value>) -> Result<bool, Refusal> {
    let (services, id) = (&site.state.services, site.param("organization"));
    let named = (site.param("property"), value);
    Ok(sandbox::set_organization_property(services, &site.caller, &site.name, id, named).await?)
}

/// `GET servicedesk/{id}/requesttype/{id}/property`.
pub(super) async fn of_request_type(site: Site, _: OptedIn) -> Result<Response, Refusal> {
    require_set_up(&site, "getPropertiesKeys").await?;
    let desk = desks::named(&site, site.param("desk"), "getPropertiesKeys").await?;
    let kind = desk.require_type(site.param("type"))?;
    Ok(keys(&site, &format!("servicedesk/{}/requesttype/{}", desk.id, kind.id), &kind.properties))
}

/// `GET servicedesk/{id}/requesttype/{id}/property/{key}`.
pub(super) async fn one_of_request_type(site: Site, _: OptedIn) -> Result<Response, Refusal> {
    require_set_up(&site, "getProperty").await?;
    let desk = desks::named(&site, site.param("desk"), "getProperty").await?;
    one(&site, &desk.require_type(site.param("type"))?.properties)
}

/// `PUT servicedesk/{id}/requesttype/{id}/property/{key}`.
pub(super) async fn set_of_request_type(site: Site, _: OptedIn, bytes: Bytes) -> Result<Response, Refusal> {
    Ok(stored(change_request_type(&site, Some(&value(&bytes)?)).await?))
}

/// `DELETE servicedesk/{id}/requesttype/{id}/property/{key}`.
pub(super) async fn remove_of_request_type(site: Site, _: OptedIn) -> Result<Response, Refusal> {
    change_request_type(&site, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change_request_type(site: &Site, value: Option<&Value>) -> Result<bool, Refusal> {
    let kind = (site.param("desk"), site.param("type"));
    let named = (site.param("property"), value);
    let services = &site.state.services;
    Ok(sandbox::set_request_type_property(services, &site.caller, &site.name, kind, named).await?)
}
