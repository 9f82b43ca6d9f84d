//! Roles in projects, with the people and groups who play them. A mirror has those of the projects that its account may administer.

use std::collections::BTreeMap;

use application::{Error, Scope, instances::InstanceKind};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{answer, params::Params, projects, refusal::Refusal, rosters::only, site::Site};

/// What a role shows beside those who play it.
const OF_ROLE: [&str; 9] =
    ["self", "id", "name", "description", "admin", "default", "roleConfigurable", "scope", "translatedName"];

fn unknown() -> Refusal {
    let message = "who plays which role is not known to the mirror: it was not read yet, or its account may not see it; ask the \
                   site itself";
    Error::Unsupported(message.into()).into()
}

/// The roles of the project that the path names, with the project.
async fn roles(site: &Site) -> Result<(Value, Vec<Value>), Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let project = projects::named(site, site.param("project")).await?;
    let id = project["id"].as_str().unwrap_or_default();
    let found = site.transaction().await?.project_roles(instance.id, id).await?;
    if found.is_empty() && instance.kind != InstanceKind::Sandbox {
        return Err(unknown());
    }
    Ok((project, found))
}

/// `GET project/{project}/role`: addresses by name.
pub(super) async fn of_project(site: Site) -> Result<Response, Refusal> {
    let (project, found) = roles(&site).await?;
    let addresses = found.iter().map(|role| {
        let path = format!("project/{}/role/{}", project["id"].as_str().unwrap_or_default(), role["id"]);
        (role["name"].as_str().unwrap_or_default().to_owned(), Value::String(site.api_url(&path)))
    });
    Ok(answer::ok(&Value::Object(addresses.collect::<Map<_, _>>())))
}

/// `GET project/{project}/role/{id}`.
pub(super) async fn of_project_one(site: Site, params: Params) -> Result<Response, Refusal> {
    let (_, found) = roles(&site).await?;
    let mut role = by_id(found, site.param("role"))?;
    if params.text("excludeInactiveUsers") == Some("true") {
        let instance = site.instance(Scope::Read).await?;
        let mut tx = site.transaction().await?;
        let mut actors = Vec::new();
        for actor in role["actors"].as_array().into_iter().flatten() {
            let account = actor["actorUser"]["accountId"].as_str().unwrap_or_default();
            let inactive = match account {
                "" => false,
                account => tx.user(instance.id, account).await?.is_some_and(|user| user["active"] == false),
            };
            if !inactive {
                actors.push(actor.clone());
            }
        }
        role["actors"] = Value::Array(actors);
    }
    Ok(answer::ok(&role))
}

/// `GET project/{project}/roledetails`.
pub(super) async fn details(site: Site) -> Result<Response, Refusal> {
    let (_, found) = roles(&site).await?;
    Ok(answer::ok(&found.iter().map(|role| only(role, &OF_ROLE)).collect()))
}

/// The roles of the site, each once, at their own address.
async fn site_roles(site: &Site) -> Result<Vec<Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let found = site.transaction().await?.site_roles(instance.id).await?;
    if found.is_empty() && instance.kind != InstanceKind::Sandbox {
        return Err(unknown());
    }
    let by_id: BTreeMap<String, Value> =
        found.into_iter().map(|role| (role["id"].to_string(), role)).collect();
    let mut roles: Vec<Value> = by_id
        .into_values()
        .map(|role| {
            let mut shown = only(&role, &OF_ROLE);
            shown["self"] = Value::String(site.api_url(&format!("role/{}", role["id"])));
            shown["actors"] = json!([]);
            shown
        })
        .collect();
    roles.sort_by_key(|role| role["id"].as_u64());
    Ok(roles)
}

/// `GET role`: without those who play a role in new projects, whom no project tells of.
pub(super) async fn all(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(site_roles(&site).await?)))
}

/// `GET role/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&by_id(site_roles(&site).await?, site.param("role"))?))
}

fn by_id(roles: Vec<Value>, wanted: &str) -> Result<Value, Refusal> {
    let id = wanted.parse::<i64>().ok();
    let found = roles.into_iter().find(|role| id.is_some() && role["id"].as_i64() == id);
    Ok(found.ok_or_else(|| Error::not_found("role", wanted))?)
}
