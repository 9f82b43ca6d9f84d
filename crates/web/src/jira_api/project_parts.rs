//! Versions and components written, and the issues that hold them.

use application::{
    Error, Scope,
    reference::Roster,
    sandbox::{self, ProjectPart, Replacements},
    search::parse_jql,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    answer,
    body::Body,
    page::Window,
    params::Params,
    projects,
    refusal::Refusal,
    rosters::{load, only},
    search,
    site::Site,
};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;

/// What of a version may be written; the rest is the site's.
const OF_VERSION: [&str; 6] = ["name", "description", "archived", "released", "startDate", "releaseDate"];
/// What of a component may be written.
const OF_COMPONENT: [&str; 5] = ["name", "description", "assigneeType", "leadAccountId", "leadUserName"];

/// What is to be written. Null is absent, but for what a null takes away.
fn wanted(body: &Body, members: &[&str]) -> Map<String, Value> {
    let keeps_null =
        |name: &str| ["description", "startDate", "releaseDate", "leadAccountId"].contains(&name);
    let sent = body
        .members()
        .iter()
        .filter(|(name, value)| members.contains(&name.as_str()) && (!value.is_null() || keeps_null(name)));
    sent.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// `POST version`: of the project that `projectId` or `project` names.
pub(super) async fn create_version(site: Site, body: Body) -> Result<Response, Refusal> {
    let project = match body.integer("projectId")? {
        Some(id) => id.to_string(),
        None => body.text("project")?.unwrap_or_default().to_owned(),
    };
    if project.is_empty() {
        return Err(Refusal::field("projectId", "Project must be specified to create a version."));
    }
    create(&site, ProjectPart::Version, &project, wanted(&body, &OF_VERSION)).await
}

/// `POST component`.
pub(super) async fn create_component(site: Site, body: Body) -> Result<Response, Refusal> {
    let project = body.text("project")?.unwrap_or_default();
    if project.is_empty() {
        return Err(Refusal::field("project", "Project must be specified to create a component."));
    }
    create(&site, ProjectPart::Component, project, wanted(&body, &OF_COMPONENT)).await
}

async fn create(
    site: &Site,
    part: ProjectPart,
    project: &str,
    wanted: Map<String, Value>,
) -> Result<Response, Refusal> {
    let (services, named) = (&site.state.services, (project, &wanted));
    let made = sandbox::create_project_part(services, &site.caller, &site.name, part, named).await?;
    Ok(answer::json(StatusCode::CREATED, &made))
}

/// `PUT version/{id}`.
pub(super) async fn edit_version(site: Site, body: Body) -> Result<Response, Refusal> {
    edit(&site, ProjectPart::Version, site.param("version_id"), wanted(&body, &OF_VERSION)).await
}

/// `PUT component/{id}`.
pub(super) async fn edit_component(site: Site, body: Body) -> Result<Response, Refusal> {
    edit(&site, ProjectPart::Component, site.param("component"), wanted(&body, &OF_COMPONENT)).await
}

async fn edit(
    site: &Site,
    part: ProjectPart,
    id: &str,
    wanted: Map<String, Value>,
) -> Result<Response, Refusal> {
    let (services, named) = (&site.state.services, (id, &wanted));
    Ok(answer::ok(&sandbox::edit_project_part(services, &site.caller, &site.name, part, named).await?))
}

/// `DELETE version/{id}`.
pub(super) async fn delete_version(site: Site, params: Params) -> Result<Response, Refusal> {
    let instead = [
        ("fixVersions", params.text("moveFixIssuesTo").filter(|id| !id.is_empty())),
        ("versions", params.text("moveAffectedIssuesTo").filter(|id| !id.is_empty())),
    ];
    delete(&site, ProjectPart::Version, site.param("version_id"), &instead).await
}

/// `POST version/{id}/removeAndSwap`: as deleting, named in a body.
pub(super) async fn swap_version(site: Site, body: Body) -> Result<Response, Refusal> {
    if body.get("customFieldReplacementList").is_some_and(|list| *list != json!([])) {
        let message = "replacing versions in custom fields is not served by Forebay yet";
        return Err(Error::Unsupported(message.into()).into());
    }
    let named = |member: &str| body.integer(member).map(|id| id.map(|id| id.to_string()));
    let (fix, affected) = (named("moveFixIssuesTo")?, named("moveAffectedIssuesTo")?);
    let instead = [("fixVersions", fix.as_deref()), ("versions", affected.as_deref())];
    delete(&site, ProjectPart::Version, site.param("version_id"), &instead).await
}

/// `DELETE component/{id}`.
pub(super) async fn delete_component(site: Site, params: Params) -> Result<Response, Refusal> {
    let instead = [("components", params.text("moveIssuesTo").filter(|id| !id.is_empty()))];
    delete(&site, ProjectPart::Component, site.param("component"), &instead).await
}

async fn delete(
    site: &Site,
    part: ProjectPart,
    id: &str,
    instead: Replacements<'_>,
) -> Result<Response, Refusal> {
    let (services, named) = (&site.state.services, (id, instead));
    sandbox::delete_project_part(services, &site.caller, &site.name, part, named).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// How many issues a query of our own making finds.
async fn count(site: &Site, jql: &str) -> Result<u64, Refusal> {
    let (mut tx, instance) = site.read().await?;
    Ok(tx.count(&search::request(site, &instance, parse_jql(jql)?)).await?)
}

/// The version that the path names, with its address.
async fn version(site: &Site) -> Result<(String, String), Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let id = site.param("version_id");
    let found = site.transaction().await?.version(instance.id, id).await?;
    found.ok_or_else(|| Error::not_found("version", id))?;
    Ok((id.to_owned(), site.api_url(&format!("version/{id}"))))
}

/// `GET version/{id}/relatedIssueCounts`.
pub(super) async fn issues_of_version(site: Site) -> Result<Response, Refusal> {
    let (id, address) = version(&site).await?;
    Ok(answer::ok(&json!({
        "self": address,
        "issuesFixedCount": count(&site, &format!("fixVersion = {id}")).await?,
        "issuesAffectedCount": count(&site, &format!("affectedVersion = {id}")).await?,
        "issueCountWithCustomFieldsShowingVersion": 0,
        "customFieldUsage": [],
    })))
}

/// `GET version/{id}/unresolvedIssueCount`.
pub(super) async fn unresolved_of_version(site: Site) -> Result<Response, Refusal> {
    let (id, address) = version(&site).await?;
    Ok(answer::ok(&json!({
        "self": address,
        "issuesCount": count(&site, &format!("fixVersion = {id}")).await?,
        "issuesUnresolvedCount": count(&site, &format!("fixVersion = {id} AND resolution IS EMPTY")).await?,
    })))
}

/// `GET component/{id}/relatedIssueCounts`.
pub(super) async fn issues_of_component(site: Site) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let id = site.param("component").to_owned();
    let found = site.transaction().await?.component(instance.id, &id).await?;
    found.ok_or_else(|| Error::not_found("component", &id))?;
    Ok(answer::ok(&json!({
        "self": site.api_url(&format!("component/{id}")),
        "issueCount": count(&site, &format!("component = {id}")).await?,
    })))
}

/// `GET component`: the components of these projects, of all that can be seen where none is named.
pub(super) async fn search(site: Site, params: Params) -> Result<Response, Refusal> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_takes_away_what_may_be_absent_and_says_nothing_of_the_rest() {
        let body =
            Body::parse(br#"{"name": null, "releaseDate": null, "released": true, "id": "7"}"#).unwrap();
        assert_eq!(
            Value::Object(wanted(&body, &OF_VERSION)),
            json!({ "releaseDate": null, "released": true })
        );
    }
}
