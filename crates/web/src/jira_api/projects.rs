//! Projects: the list, and what belongs to one of them (jira-facts 10.4).

use std::sync::Arc;

use application::{
    Error, Scope,
    instances::{Instance, InstanceKind},
    issues::Presence,
    lookups,
    reference::Roster,
};
use axum::response::Response;
use serde_json::{Map, Value};

use super::{answer, page::Window, params::Params, refusal::Refusal, rosters::load, site::Site};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;

pub(super) async fn all(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(load(&site, Roster::Projects).await?)))
}

pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&named(&site, site.param("project")).await?))
}

/// The project with this key or id.
///
/// # Errors
/// 404 without one, and where it is not to be seen.
pub(super) async fn named(site: &Site, name: &str) -> Result<Value, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let found = lookups::project(&site.state.services, &site.caller, &instance, name).await?;
    if site.lens().is_some_and(|lens| lens.hides_project(found["key"].as_str().unwrap_or_default())) {
        return Err(Error::not_found("project", name).into());
    }
    Ok(Arc::unwrap_or_clone(found))
}

/// Whether the project or issue that a question is about is there; false where none is named. `project` is what its parameter for
/// projects is called.
///
/// # Errors
/// 404 for what is not there.
pub(super) async fn context_is_there(site: &Site, params: &Params, project: &str) -> Result<bool, Refusal> {
    let name = |names: &[&str]| {
        names.iter().find_map(|name| params.text(name)).map(str::trim).filter(|name| !name.is_empty())
    };
    if let Some(issue) = name(&["issueKey", "issueId"]) {
        site.issue_named(issue).await?;
        return Ok(true);
    }
    if let Some(project) = name(&[project, "projectKey", "projectId"]) {
        named(site, project).await?;
        return Ok(true);
    }
    Ok(false)
}

pub(super) async fn search(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
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

/// The statuses that issues of each type can have: in a sandbox all of its workflow's. Of a mirror the workflows are not known; those in
/// which issues are.
pub(super) async fn statuses(site: Site) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let project = named(&site, site.param("project")).await?;
    let types = issue_types(&site, &project).await?;
    let known = load(&site, Roster::Statuses).await?;
    let in_use = match instance.kind {
        InstanceKind::Sandbox => None,
        _ => {
            let key = project["key"].as_str().unwrap_or_default();
            Some(site.transaction().await?.statuses_in_use(instance.id, key).await?)
        }
    };
    let of = |kind: &Value| -> Vec<Value> {
        let has = |status: &&Value| {
            in_use.as_ref().is_none_or(|pairs| {
                pairs.iter().any(|(used_by, used)| kind["id"] == *used_by && status["id"] == *used)
            })
        };
        known.iter().filter(has).cloned().collect()
    };
    let listed: Vec<Value> = types
        .iter()
        .map(|kind| {
            let mut shown = Map::new();
            for member in ["self", "id", "name", "subtask"] {
                shown.insert(member.to_owned(), kind[member].clone());
            }
            shown.insert("statuses".into(), Value::Array(of(kind)));
            Value::Object(shown)
        })
        .collect();
    Ok(answer::ok(&Value::Array(listed)))
}

/// The types that a project's issues can have: those it names itself, or else those of the site that belong to no other project.
pub(super) async fn issue_types(site: &Site, project: &Value) -> Result<Vec<Value>, Refusal> {
    if let Some(own) = project["issueTypes"].as_array().filter(|own| !own.is_empty()) {
        return Ok(own.clone());
    }
    let mut types = load(site, Roster::IssueTypes).await?;
    types.retain(|kind| belongs(kind, &project["id"]));
    Ok(types)
}

/// Whether something that may be one project's own is there for this one.
pub(super) fn belongs(thing: &Value, project: &Value) -> bool {
    let scope = &thing["scope"]["project"]["id"];
    scope.is_null() || scope == project
}

pub(super) async fn types_by_id(site: Site, params: Params) -> Result<Response, Refusal> {
    let Some(project) = params.text("projectId") else {
        return Err(Refusal::bad_request("The projectId query parameter must be provided."));
    };
    let project = named(&site, project).await?;
    let level = params.integer("level")?;
    let mut types = issue_types(&site, &project).await?;
    types.retain(|kind| level.is_none_or(|level| kind["hierarchyLevel"] == level));
    Ok(answer::ok(&Value::Array(types)))
}

pub(super) async fn versions(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(versions_of(&site).await?)))
}

async fn versions_of(site: &Site) -> Result<Vec<Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let project = named(site, site.param("project")).await?;
    let key = project["key"].as_str().unwrap_or_default();
    Ok(site.transaction().await?.versions_of(instance.id, key).await?)
}

/// Versions in pages, by their text and whether they are out.
pub(super) async fn version_page(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let states = params.list("status");
    let mut versions = versions_of(&site).await?;
    versions.retain(|version| says(version, params.text("query")) && is_in(version, &states));
    let path = format!("project/{}/version", site.param("project"));
    Ok(answer::ok(&window.bean(&site, &params, &path, versions)))
}

/// Whether a version is in one of these states; any where none is named.
fn is_in(version: &Value, states: &[String]) -> bool {
    let state = if version["archived"] == true {
        "archived"
    } else if version["released"] == true {
        "released"
    } else {
        "unreleased"
    };
    states.is_empty() || states.iter().any(|wanted| wanted == state)
}

/// Whether the text stands in a name or a description, in any case.
pub(super) fn says(thing: &Value, text: Option<&str>) -> bool {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return true };
    let text = text.to_lowercase();
    ["name", "description"]
        .iter()
        .any(|member| thing[*member].as_str().is_some_and(|value| value.to_lowercase().contains(&text)))
}

pub(super) async fn version(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&version_named(&site).await?.1))
}

/// The version that the path names.
pub(super) async fn version_named(site: &Site) -> Result<(Arc<Instance>, Value), Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let wanted = site.param("version_id");
    let found = site.transaction().await?.version(instance.id, wanted).await?;
    Ok((instance, found.ok_or_else(|| Error::not_found("version", wanted))?))
}

pub(super) async fn components(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(components_of(&site).await?)))
}

async fn components_of(site: &Site) -> Result<Vec<Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let project = named(site, site.param("project")).await?;
    let key = project["key"].as_str().unwrap_or_default();
    Ok(site.transaction().await?.components_of(instance.id, key).await?)
}

pub(super) async fn component_page(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let mut components = components_of(&site).await?;
    components.retain(|component| says(component, params.text("query")));
    let path = format!("project/{}/component", site.param("project"));
    Ok(answer::ok(&window.bean(&site, &params, &path, components)))
}

pub(super) async fn component(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&component_named(&site).await?.1))
}

/// The component that the path names.
pub(super) async fn component_named(site: &Site) -> Result<(Arc<Instance>, Value), Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let wanted = site.param("component");
    let found = site.transaction().await?.component(instance.id, wanted).await?;
    Ok((instance, found.ok_or_else(|| Error::not_found("component", wanted))?))
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
    use serde_json::json;

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
