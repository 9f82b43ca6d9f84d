//! Rosters: fields, projects, statuses and the like, as the site serves them (jira-facts 6.3, 10.4).

use std::sync::Arc;

use application::{Error, Scope, issues::Presence, lookups, reference::Roster};
use axum::response::Response;
use serde_json::{Value, json};

use super::{answer, page::Window, params::Params, refusal::Refusal, site::Site};

const PROJECT_PAGE: usize = 50;
const LARGEST_PROJECT_PAGE: usize = 100;

pub(super) async fn fields(site: Site) -> Result<Response, Refusal> {
    list(&site, Roster::Fields).await
}

pub(super) async fn statuses(site: Site) -> Result<Response, Refusal> {
    list(&site, Roster::Statuses).await
}

pub(super) async fn priorities(site: Site) -> Result<Response, Refusal> {
    list(&site, Roster::Priorities).await
}

pub(super) async fn resolutions(site: Site) -> Result<Response, Refusal> {
    list(&site, Roster::Resolutions).await
}

pub(super) async fn issue_types(site: Site) -> Result<Response, Refusal> {
    list(&site, Roster::IssueTypes).await
}

pub(super) async fn projects(site: Site) -> Result<Response, Refusal> {
    list(&site, Roster::Projects).await
}

/// Kept within an object, unlike the others.
pub(super) async fn issue_link_types(site: Site) -> Result<Response, Refusal> {
    let types = load(&site, Roster::IssueLinkTypes).await?;
    Ok(answer::ok(&json!({ "issueLinkTypes": types })))
}

async fn list(site: &Site, roster: Roster) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(load(site, roster).await?)))
}

async fn load(site: &Site, roster: Roster) -> Result<Vec<Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let found = lookups::roster(&site.state.services, &site.caller, instance.id, roster).await?;
    let mut found = Arc::unwrap_or_clone(found);
    if let (Roster::Projects, Some(lens)) = (roster, site.lens()) {
        found.retain(|project| !lens.hides_project(project["key"].as_str().unwrap_or_default()));
    }
    Ok(found)
}

pub(super) async fn project(site: Site) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let services = &site.state.services;
    let name = site.param("project");
    let found = lookups::project(services, &site.caller, &instance, name).await?;
    if site.lens().is_some_and(|lens| lens.hides_project(found["key"].as_str().unwrap_or_default())) {
        return Err(Error::not_found("project", name).into());
    }
    Ok(answer::ok(&found))
}

pub(super) async fn project_search(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PROJECT_PAGE, LARGEST_PROJECT_PAGE)?;
    let filter = ProjectFilter::of(&params);
    let mut projects = Vec::new();
    for status in statuses_asked_for(&params) {
        projects.extend(projects_of(&site, status).await?);
    }
    projects.retain(|project| filter.accepts(project));
    Ok(answer::ok(&window.bean(&site, &params, "project/search", projects)))
}

/// `status`: live unless asked otherwise, and what is not known finds nothing (jira-facts 2.3).
fn statuses_asked_for(params: &Params) -> Vec<Presence> {
    let asked = params.list("status");
    let known =
        [("live", Presence::Present), ("archived", Presence::Archived), ("deleted", Presence::Trashed)];
    let wanted = |name: &str| {
        (asked.is_empty() && name == "live") || asked.iter().any(|status| status.eq_ignore_ascii_case(name))
    };
    known.into_iter().filter(|(name, _)| wanted(name)).map(|(_, presence)| presence).collect()
}

async fn projects_of(site: &Site, presence: Presence) -> Result<Vec<Value>, Refusal> {
    if presence == Presence::Present {
        return load(site, Roster::Projects).await;
    }
    let (mut tx, instance) = site.read().await?;
    Ok(tx.projects_noted_as(instance.id, presence).await?)
}

/// What `project/search` can narrow down by.
struct ProjectFilter {
    /// In the name or the key.
    query: Option<String>,
    keys: Vec<String>,
    ids: Vec<String>,
    types: Vec<String>,
}

impl ProjectFilter {
    fn of(params: &Params) -> Self {
        Self {
            query: params.text("query").map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase),
            keys: params.list("keys"),
            ids: params.list("id"),
            types: params.list("typeKey"),
        }
    }

    fn accepts(&self, project: &Value) -> bool {
        let text = |member: &str| project[member].as_str().unwrap_or_default();
        let among = |list: &[String], member: &str| {
            list.is_empty() || list.iter().any(|wanted| wanted.eq_ignore_ascii_case(text(member)))
        };
        let has_query = self.query.as_ref().is_none_or(|query| {
            ["key", "name"].iter().any(|member| text(member).to_lowercase().contains(query))
        });
        has_query
            && among(&self.keys, "key")
            && among(&self.ids, "id")
            && among(&self.types, "projectTypeKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn projects() -> Vec<Value> {
        vec![
            json!({"id": "10001", "key": "ED", "name": "Editor", "projectTypeKey": "software"}),
            json!({"id": "10002", "key": "OPS", "name": "Operations", "projectTypeKey": "service_desk"}),
        ]
    }

    #[test]
    fn live_projects_are_listed_unless_others_are_asked_for() {
        let asked = |query: &str| statuses_asked_for(&Params::parse(query));
        assert_eq!(asked(""), [Presence::Present]);
        assert_eq!(asked("status=archived"), [Presence::Archived]);
        assert_eq!(asked("status=live,deleted"), [Presence::Present, Presence::Trashed]);
        assert!(asked("status=none").is_empty());
    }

    #[test]
    fn projects_are_narrowed_down() {
        let keys = |query: &str| {
            let filter = ProjectFilter::of(&Params::parse(query));
            let found = projects().into_iter().filter(|project| filter.accepts(project));
            found.map(|project| project["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(keys(""), ["ED", "OPS"]);
        assert_eq!(keys("query=EDIT"), ["ED"]);
        assert_eq!(keys("keys=ops,none"), ["OPS"]);
        assert_eq!(keys("id=10001&typeKey=software"), ["ED"]);
        assert!(keys("id=10001&typeKey=business").is_empty());
    }
}
