//! Versions and components: making, changing and deleting them (sandboxes), and how many issues have them.

use application::{
    Scope,
    instances::Instance,
    reference::Roster,
    sandbox::{self, VersionPlace, VersionSwap},
    search::{parse_jql, request_of},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    answer,
    body::Body,
    page::Window,
    params::Params,
    projects,
    refusal::Refusal,
    rosters::{load, only},
    site::Site,
};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;

/// `POST version`.
pub(super) async fn create_version(site: Site, body: Body) -> Result<Response, Refusal> {
    let services = &site.state.services;
    let made = sandbox::create_version(services, &site.caller, &site.name, body.members()).await?;
    Ok(answer::json(StatusCode::CREATED, &made))
}

/// `PUT version/{id}`.
pub(super) async fn edit_version(site: Site, body: Body) -> Result<Response, Refusal> {
    let (services, id) = (&site.state.services, site.param("version_id"));
    let changed = sandbox::edit_version(services, &site.caller, &site.name, id, body.members()).await?;
    Ok(answer::ok(&changed))
}

/// `POST version/{id}/move`.
pub(super) async fn move_version(site: Site, body: Body) -> Result<Response, Refusal> {
    let place = match (body.text("position")?, body.text("after")?) {
        (Some("Earlier"), None) => VersionPlace::Earlier,
        (Some("Later"), None) => VersionPlace::Later,
        (Some("First"), None) => VersionPlace::First,
        (Some("Last"), None) => VersionPlace::Last,
        (Some(_), None) => {
            return Err(Refusal::field("position", "must be one of 'Earlier', 'Later', 'First' and 'Last'"));
        }
        // The link of a version ends with its id.
        (None, Some(link)) => {
            let id = link.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            VersionPlace::After(id.to_owned())
        }
        (Some(_), Some(_)) => {
            return Err(Refusal::field("position", "cannot be named together with 'after'"));
        }
        (None, None) => {
            return Err(Refusal::field("position", "Name a 'position', or a version to be 'after'."));
        }
    };
    let (services, id) = (&site.state.services, site.param("version_id"));
    let moved = sandbox::move_version(services, &site.caller, &site.name, id, &place).await?;
    Ok(answer::ok(&moved))
}

/// `DELETE version/{id}?moveFixIssuesTo=&moveAffectedIssuesTo=`.
pub(super) async fn delete_version(site: Site, params: Params) -> Result<Response, Refusal> {
    let named = |name: &str| params.text(name).filter(|id| !id.is_empty()).map(str::to_owned);
    let swap = VersionSwap { fixed: named("moveFixIssuesTo"), affected: named("moveAffectedIssuesTo") };
    remove_version(&site, &swap).await
}

/// `POST version/{id}/removeAndSwap`.
pub(super) async fn swap_version(site: Site, body: Body) -> Result<Response, Refusal> {
    let named = |name: &str| body.integer(name).map(|id| id.map(|id| id.to_string()));
    let swap = VersionSwap { fixed: named("moveFixIssuesTo")?, affected: named("moveAffectedIssuesTo")? };
    remove_version(&site, &swap).await
}

/// `PUT version/{id}/mergeto/{id}`.
pub(super) async fn merge_version(site: Site) -> Result<Response, Refusal> {
    let (services, id, other) = (&site.state.services, site.param("version_id"), site.param("other"));
    sandbox::merge_versions(services, &site.caller, &site.name, id, other).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove_version(site: &Site, swap: &VersionSwap) -> Result<Response, Refusal> {
    let (services, id) = (&site.state.services, site.param("version_id"));
    sandbox::delete_version(services, &site.caller, &site.name, id, swap).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET version/{id}/relatedIssueCounts`.
pub(super) async fn version_counts(site: Site) -> Result<Response, Refusal> {
    let (instance, id) = version(&site).await?;
    Ok(answer::ok(&json!({
        "self": site.api_url(&format!("version/{id}")),
        "issuesFixedCount": count(&site, &instance, &format!("fixVersion = {id}")).await?,
        "issuesAffectedCount": count(&site, &instance, &format!("affectedVersion = {id}")).await?,
        "issueCountWithCustomFieldsShowingVersion": 0,
        "customFieldUsage": [],
    })))
}

/// `GET version/{id}/unresolvedIssueCount`.
pub(super) async fn unresolved_count(site: Site) -> Result<Response, Refusal> {
    let (instance, id) = version(&site).await?;
    let open = format!("fixVersion = {id} AND resolution IS EMPTY");
    Ok(answer::ok(&json!({
        "self": site.api_url(&format!("version/{id}")),
        "issuesCount": count(&site, &instance, &format!("fixVersion = {id}")).await?,
        "issuesUnresolvedCount": count(&site, &instance, &open).await?,
    })))
}

/// The version that the path names, by its id.
async fn version(site: &Site) -> Result<(std::sync::Arc<Instance>, String), Refusal> {
    let (instance, version) = projects::version_named(site).await?;
    Ok((instance, number(&version)))
}

/// Ids are numbers; nothing else gets into a question of ours.
fn number(thing: &Value) -> String {
    let id = thing["id"].as_str().unwrap_or_default();
    id.parse::<u64>().unwrap_or_default().to_string()
}

async fn count(site: &Site, instance: &Instance, jql: &str) -> Result<u64, Refusal> {
    let request = request_of(instance, parse_jql(jql)?, site.state.services.clock.now());
    Ok(site.transaction().await?.count(&request).await?)
}

/// `POST component`.
pub(super) async fn create_component(site: Site, body: Body) -> Result<Response, Refusal> {
    let services = &site.state.services;
    let made = sandbox::create_component(services, &site.caller, &site.name, body.members()).await?;
    Ok(answer::json(StatusCode::CREATED, &made))
}

/// `PUT component/{id}`.
pub(super) async fn edit_component(site: Site, body: Body) -> Result<Response, Refusal> {
    let (services, id) = (&site.state.services, site.param("component"));
    let changed = sandbox::edit_component(services, &site.caller, &site.name, id, body.members()).await?;
    Ok(answer::ok(&changed))
}

/// `DELETE component/{id}?moveIssuesTo=`.
pub(super) async fn delete_component(site: Site, params: Params) -> Result<Response, Refusal> {
    let (services, id) = (&site.state.services, site.param("component"));
    let other = params.text("moveIssuesTo").filter(|id| !id.is_empty());
    sandbox::delete_component(services, &site.caller, &site.name, id, other).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET component/{id}/relatedIssueCounts`.
pub(super) async fn component_counts(site: Site) -> Result<Response, Refusal> {
    let (instance, component) = projects::component_named(&site).await?;
    let id = number(&component);
    Ok(answer::ok(&json!({
        "self": site.api_url(&format!("component/{id}")),
        "issueCount": count(&site, &instance, &format!("component = {id}")).await?,
    })))
}

/// `GET component`: the components of these projects, of all that can be seen where none is named.
pub(super) async fn components(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let mut keys = Vec::new();
    for named in params.list("projectIdsOrKeys") {
        let project = projects::named(&site, &named).await?;
        keys.push(project["key"].as_str().unwrap_or_default().to_owned());
    }
    if keys.is_empty() {
        let all = load(&site, Roster::Projects).await?;
        keys.extend(all.iter().filter_map(|project| project["key"].as_str().map(str::to_owned)));
    }
    let instance = site.instance(Scope::Read).await?;
    let mut tx = site.transaction().await?;
    let mut found = Vec::new();
    for key in keys {
        found.extend(tx.components_of(instance.id, &key).await?);
    }
    drop(tx);
    found.retain(|component| projects::says(component, params.text("query")));
    let shown =
        found.iter().map(|component| only(component, &["self", "id", "name", "description"])).collect();
    Ok(answer::ok(&window.bean(&site, &params, "component", shown)))
}
