//! Request types: what customers can ask for, with their forms.

use application::{
    Error, lookups,
    reference::Roster,
    sandbox::{self, NewRequestType, Takes, writable_fields},
    service_desks::{FormField, RequestType, ServiceDesk, known_desks, shown},
    site_lists::OfferedOption,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::ids::InstanceId;
use serde_json::{Value, json};

use super::{OptedIn, desks, page, require_set_up};
use crate::jira_api::{answer, body::Body, params::Params, refusal::Refusal, site::Site};

/// `GET requesttype`.
pub(super) async fn of_all_desks(site: Site, _: OptedIn, params: Params) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let wanted = params.list("serviceDeskId");
    let mut desks = known_desks(tx.as_mut(), &instance, "getAllRequestTypes").await?;
    drop(tx);
    desks.retain(|desk| wanted.is_empty() || wanted.contains(&desk.id));
    let mut found = Vec::new();
    for desk in &desks {
        desk.require_set_up("getAllRequestTypes")?;
        found.extend(listed(&site, &params, desk).await?);
    }
    Ok(answer::ok(&page::of_list(&site, &params, "requesttype", &[], found)?))
}

/// `GET servicedesk/{id}/requesttype`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let desk = desks::set_up(&site, site.param("desk"), "getRequestTypes").await?;
    let found = listed(&site, &params, &desk).await?;
    let path = format!("servicedesk/{}/requesttype", desk.id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], found)?))
}

/// The request types of a desk that are asked for. A search passes those over that are hidden in the portal.
async fn listed(site: &Site, params: &Params, desk: &ServiceDesk) -> Result<Vec<Value>, Refusal> {
    let group = params.integer("groupId")?.map(|group| group.to_string());
    let text = params.text("searchQuery").map(str::to_lowercase).filter(|text| !text.trim().is_empty());
    let with_hidden = params.text("includeHiddenRequestTypesInSearch") == Some("true");
    let mut found = Vec::new();
    for kind in &desk.setup.request_types {
        let is_in_group = group.as_ref().is_none_or(|group| kind.groups.contains(group));
        let is_meant = text.as_ref().is_none_or(|text| {
            let says = [&kind.name, &kind.description]
                .iter()
                .any(|known| known.to_lowercase().contains(text.trim()));
            says && (with_hidden || !kind.groups.is_empty())
        });
        if is_in_group && is_meant && is_as_restricted(kind, params.text("restrictionStatus")) {
            found.push(with_form(site, params, desk, kind).await?);
        }
    }
    Ok(found)
}

/// Whether a request type is open to everybody, or is not, as asked; at a sandbox all are.
fn is_as_restricted(kind: &RequestType, asked: Option<&str>) -> bool {
    let own = kind.raw["restrictionStatus"].as_str().unwrap_or("OPEN");
    asked.is_none_or(|asked| asked.trim().is_empty() || asked == own)
}

/// `GET servicedesk/{id}/requesttype/{id}`.
pub(super) async fn one(site: Site, params: Params) -> Result<Response, Refusal> {
    let desk = desks::set_up(&site, site.param("desk"), "getRequestTypeById").await?;
    let kind = desk.require_type(site.param("type"))?;
    Ok(answer::ok(&with_form(&site, &params, &desk, kind).await?))
}

/// The request type, with its form where that is to be expanded.
async fn with_form(
    site: &Site,
    params: &Params,
    desk: &ServiceDesk,
    kind: &RequestType,
) -> Result<Value, Refusal> {
    let with_form = params.list("expand").iter().any(|name| name == "field");
    if let Value::Object(raw) = &kind.raw {
        let mut raw = raw.clone();
        raw.retain(|name, _| with_form || name != "fields");
        return Ok(Value::Object(raw));
    }
    let mut shown = shown::request_type(&site.base_url(), desk, kind);
    shown["canCreateRequest"] = json!(true);
    shown["restrictionStatus"] = json!("OPEN");
    if with_form {
        shown["fields"] = form(site, desk, kind).await?;
    }
    Ok(shown)
}

/// `GET servicedesk/{id}/requesttype/{id}/field`.
pub(super) async fn fields(site: Site) -> Result<Response, Refusal> {
    let desk = desks::set_up(&site, site.param("desk"), "getRequestTypeFields").await?;
    let kind = desk.require_type(site.param("type"))?;
    Ok(answer::ok(&form(&site, &desk, kind).await?))
}

/// `CustomerRequestCreateMetaDTO`.
async fn form(site: &Site, desk: &ServiceDesk, kind: &RequestType) -> Result<Value, Refusal> {
    if kind.raw["fields"].is_object() {
        return Ok(kind.raw["fields"].clone());
    }
    let (mut tx, instance) = site.read().await?;
    let roster = tx.roster(instance.id, Roster::Fields).await?;
    let writable = writable_fields(&roster);
    let ids: Vec<String> = kind.fields.iter().map(|field| field.field.clone()).collect();
    let options = tx.offered_options(instance.id, &ids).await?;
    drop(tx);
    let mut shown = Vec::with_capacity(kind.fields.len());
    for field in &kind.fields {
        let takes = writable.iter().find(|known| known.id == field.field).map(|known| known.takes);
        let values = valid_values(site, instance.id, desk, (takes, field), &options).await?;
        let listed = roster.iter().find(|known| known["id"] == field.field.as_str());
        let schema = listed.map(|known| known["schema"].clone()).filter(Value::is_object);
        let mut entry = json!({
            "fieldId": field.field,
            "name": field.name,
            "description": field.description,
            "required": field.required,
            "visible": true,
            "defaultValues": [],
            "presetValues": [],
            "validValues": values,
        });
        if let Some(schema) = schema {
            entry["jiraSchema"] = schema;
        }
        shown.push(entry);
    }
    Ok(json!({
        "requestTypeFields": shown, "canRaiseOnBehalfOf": true, "canAddRequestParticipants": true,
    }))
}

/// What can be chosen for a field.
async fn valid_values(
    site: &Site,
    instance: InstanceId,
    desk: &ServiceDesk,
    (takes, field): (Option<Takes>, &FormField),
    options: &[OfferedOption],
) -> Result<Vec<Value>, Refusal> {
    let choice = |value: &Value, label: &Value| json!({ "value": value, "label": label, "children": [] });
    let (services, caller) = (&site.state.services, &site.caller);
    let from = match takes {
        Some(Takes::Priorities) => {
            lookups::roster(services, caller, instance, Roster::Priorities).await?.as_ref().clone()
        }
        Some(Takes::Components) => {
            site.transaction().await?.components_of(instance, &desk.project_key).await?
        }
        Some(Takes::Versions) => site.transaction().await?.versions_of(instance, &desk.project_key).await?,
        Some(Takes::Options) => {
            let own = options.iter().filter(|option| option.field_key == field.field);
            return Ok(own.map(|option| choice(&json!(option.jira_id), &json!(option.value))).collect());
        }
        _ => return Ok(Vec::new()),
    };
    Ok(from.iter().map(|entry| choice(&entry["id"], &entry["name"])).collect())
}

/// `POST servicedesk/{id}/requesttype`.
pub(super) async fn create(site: Site, _: OptedIn, body: Body) -> Result<Response, Refusal> {
    let text = |name: &str| Ok::<_, Refusal>(body.text(name)?.unwrap_or_default().to_owned());
    let new = NewRequestType {
        issue_type: text("issueTypeId")?,
        name: text("name")?,
        description: text("description")?,
        help_text: text("helpText")?,
    };
    let services = &site.state.services;
    let (desk, kind) =
        sandbox::add_request_type(services, &site.caller, &site.name, site.param("desk"), new).await?;
    Ok(answer::ok(&shown::request_type(&site.base_url(), &desk, &kind)))
}

/// `DELETE servicedesk/{id}/requesttype/{id}`.
pub(super) async fn remove(site: Site, _: OptedIn) -> Result<Response, Refusal> {
    let (desk, kind) = (site.param("desk"), site.param("type"));
    sandbox::remove_request_type(&site.state.services, &site.caller, &site.name, desk, kind).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST servicedesk/{id}/requesttype/permissions/check`: at a sandbox everybody may do everything, with what there is.
pub(super) async fn check_permissions(site: Site, _: OptedIn, body: Body) -> Result<Response, Refusal> {
    require_set_up(&site, "checkRequestTypePermissions").await?;
    let asked = body.list("requestTypeIds")?;
    if asked.is_empty() {
        return Err(Refusal::field("requestTypeIds", "Name at least one request type."));
    }
    let permissions = body.list("permissions")?;
    let known = ["canCreateRequest", "canAdminister"];
    if let Some(other) = permissions.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Refusal::field("permissions", format!("'{other}' is no permission.")));
    }
    let desk = desks::named(&site, site.param("desk"), "checkRequestTypePermissions")
        .await
        .map_err(|_| Refusal::from(Error::invalid("serviceDeskId", "The service desk does not exist.")))?;
    let found: Vec<i64> = asked
        .iter()
        .filter(|id| desk.setup.request_type(id).is_some())
        .filter_map(|id| id.parse().ok())
        .collect();
    let granted =
        known.iter().filter(|name| permissions.is_empty() || permissions.iter().any(|asked| asked == *name));
    let answer: serde_json::Map<String, Value> =
        granted.map(|name| ((*name).to_owned(), json!(found))).collect();
    Ok(answer::ok(&Value::Object(answer)))
}

/// `GET servicedesk/{id}/requesttypegroup`.
pub(super) async fn groups(site: Site, params: Params) -> Result<Response, Refusal> {
    let desk = desks::set_up(&site, site.param("desk"), "getRequestTypeGroups").await?;
    let groups =
        desk.setup.groups.iter().map(|group| json!({ "id": group.id, "name": group.name })).collect();
    let path = format!("servicedesk/{}/requesttypegroup", desk.id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], groups)?))
}
