//! Rosters: fields, statuses, priorities and the like, as the site serves them (jira-facts 6.2, 6.3, 10.4).

use std::sync::Arc;

use application::{Error, Scope, instances::InstanceKind, lookups, reference::Roster};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{
    answer,
    page::Window,
    params::Params,
    projects::{belongs, says},
    refusal::Refusal,
    site::Site,
    site_lists::time_tracking,
};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 1_000;
const STATUS_PAGE: usize = 200;
const LABEL_PAGE: usize = 1_000;

/// Status categories are the same everywhere (jira-facts 6.2): id, key, colour and name.
const CATEGORIES: [(u8, &str, &str, &str); 4] = [
    (1, "undefined", "medium-gray", "No Category"),
    (2, "new", "blue-gray", "To Do"),
    (4, "indeterminate", "yellow", "In Progress"),
    (3, "done", "green", "Done"),
];

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

/// Kept within an object, unlike the others.
pub(super) async fn issue_link_types(site: Site) -> Result<Response, Refusal> {
    let types = load(&site, Roster::IssueLinkTypes).await?;
    Ok(answer::ok(&json!({ "issueLinkTypes": types })))
}

async fn list(site: &Site, roster: Roster) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(load(site, roster).await?)))
}

/// A roster as served, but for what is hidden.
pub(super) async fn load(site: &Site, roster: Roster) -> Result<Vec<Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let found = lookups::roster(&site.state.services, &site.caller, instance.id, roster).await?;
    let mut found = Arc::unwrap_or_clone(found);
    if let (Roster::Projects, Some(lens)) = (roster, site.lens()) {
        found.retain(|project| !lens.hides_project(project["key"].as_str().unwrap_or_default()));
    }
    Ok(found)
}

/// By id, or by name in any case.
pub(super) async fn status(site: Site) -> Result<Response, Refusal> {
    let wanted = site.param("status");
    let statuses = load(&site, Roster::Statuses).await?;
    let named = |status: &&Value| {
        status["name"].as_str().is_some_and(|name| name.to_lowercase() == wanted.to_lowercase())
    };
    let found = statuses.iter().find(|status| status["id"] == wanted);
    let found = found.or_else(|| statuses.iter().find(named));
    Ok(answer::ok(found.ok_or_else(|| Error::not_found("status", wanted))?))
}

pub(super) async fn priority(site: Site) -> Result<Response, Refusal> {
    one(&site, Roster::Priorities, "priority").await
}

pub(super) async fn resolution(site: Site) -> Result<Response, Refusal> {
    one(&site, Roster::Resolutions, "resolution").await
}

pub(super) async fn issue_type(site: Site) -> Result<Response, Refusal> {
    one(&site, Roster::IssueTypes, "issue type").await
}

pub(super) async fn issue_link_type(site: Site) -> Result<Response, Refusal> {
    one(&site, Roster::IssueLinkTypes, "issue link type").await
}

/// The entry with the path's id.
async fn one(site: &Site, roster: Roster, what: &'static str) -> Result<Response, Refusal> {
    let wanted = site.param("id");
    let found = load(site, roster).await?.into_iter().find(|entry| entry["id"] == wanted);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found(what, wanted))?))
}

pub(super) async fn priority_search(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut found = load(&site, Roster::Priorities).await?;
    let name = params.text("priorityName").map(str::to_lowercase);
    found.retain(|priority| {
        let shown = priority["name"].as_str().unwrap_or_default().to_lowercase();
        name.as_ref().is_none_or(|name| shown.contains(name))
    });
    search(&site, &params, "priority/search", found)
}

pub(super) async fn resolution_search(site: Site, params: Params) -> Result<Response, Refusal> {
    let found = load(&site, Roster::Resolutions).await?;
    search(&site, &params, "resolution/search", found)
}

/// A page of those with the ids that are asked for, and of the default one alone where that is.
fn search(site: &Site, params: &Params, path: &str, mut found: Vec<Value>) -> Result<Response, Refusal> {
    let window = Window::of(params, PAGE, LARGEST_PAGE)?;
    let ids = params.list("id");
    let only_default = params.text("onlyDefault") == Some("true");
    found.retain(|entry| {
        let is_default = entry["isDefault"] == true || entry["default"] == true;
        (ids.is_empty() || ids.iter().any(|id| entry["id"] == *id)) && (!only_default || is_default)
    });
    Ok(answer::ok(&window.bean(site, params, path, found)))
}

/// Fields in pages: of a type (`custom`, `system`), of some ids, with a text in their name or description.
pub(super) async fn field_search(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let (types, ids) = (params.list("type"), params.list("id"));
    if let Some(unknown) = types.iter().find(|kind| !["custom", "system"].contains(&kind.as_str())) {
        return Err(Refusal::bad_request(format!("The type '{unknown}' is neither custom nor system.")));
    }
    let mut found = load(&site, Roster::Fields).await?;
    found.retain(|field| {
        let kind = if field["custom"] == true { "custom" } else { "system" };
        (types.is_empty() || types.iter().any(|wanted| wanted == kind))
            && (ids.is_empty() || ids.iter().any(|id| field["id"] == *id))
            && says(field, params.text("query"))
    });
    let name = |field: &Value| field["name"].as_str().unwrap_or_default().to_lowercase();
    found.sort_by_key(name);
    if params.text("orderBy") == Some("-name") {
        found.reverse();
    }
    let found = found.into_iter().map(|field| only(&field, &OF_FIELD)).collect();
    Ok(answer::ok(&window.bean(&site, &params, "field/search", found)))
}

/// What this list shows of a field; `GET field` has more.
const OF_FIELD: [&str; 6] = ["id", "key", "name", "description", "schema", "isLocked"];

/// An object with some of its members.
pub(super) fn only(thing: &Value, members: &[&str]) -> Value {
    let kept = members.iter().filter_map(|member| Some(((*member).to_owned(), thing.get(member)?.clone())));
    Value::Object(kept.collect::<Map<_, _>>())
}

/// Statuses in pages, in a form of their own: those of the whole site, and those of one project where it is named.
pub(super) async fn status_search(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, STATUS_PAGE, STATUS_PAGE)?;
    let category = params.text("statusCategory").filter(|category| !category.is_empty());
    if let Some(unknown) = category.filter(|category| !["TODO", "IN_PROGRESS", "DONE"].contains(category)) {
        let message = format!("The status category '{unknown}' is none of TODO, IN_PROGRESS and DONE.");
        return Err(Refusal::bad_request(message));
    }
    let project = params.text("projectId").filter(|id| !id.is_empty()).map(|id| json!(id));
    let text = params.text("searchString").unwrap_or_default().to_lowercase();
    let mut found = load(&site, Roster::Statuses).await?;
    found.retain(|status| {
        let name = status["name"].as_str().unwrap_or_default().to_lowercase();
        name.contains(&text) && project.as_ref().is_none_or(|project| belongs(status, project))
    });
    let mut found: Vec<Value> = found.iter().map(whole_status).collect();
    found.retain(|status| category.is_none_or(|category| status["statusCategory"] == category));
    Ok(answer::ok(&window.bean(&site, &params, "statuses/search", found)))
}

/// Statuses by their ids, in the form of [`status_search`].
pub(super) async fn statuses_by_id(site: Site, params: Params) -> Result<Response, Refusal> {
    let ids = params.list("id");
    if ids.is_empty() {
        return Err(Refusal::bad_request("The id query parameter must be provided."));
    }
    let mut found = load(&site, Roster::Statuses).await?;
    found.retain(|status| ids.iter().any(|id| status["id"] == *id));
    Ok(answer::ok(&found.iter().map(whole_status).collect()))
}

fn whole_status(status: &Value) -> Value {
    let category = match status["statusCategory"]["key"].as_str() {
        Some("indeterminate") => "IN_PROGRESS",
        Some("done") => "DONE",
        _ => "TODO",
    };
    let scope = match &status["scope"]["project"]["id"] {
        Value::Null => json!({ "type": "GLOBAL" }),
        project => json!({ "type": "PROJECT", "project": { "id": project } }),
    };
    let mut shown = only(status, &["id", "name", "description"]);
    shown["statusCategory"] = json!(category);
    shown["scope"] = scope;
    shown
}

pub(super) async fn categories(site: Site) -> Result<Response, Refusal> {
    site.instance(Scope::Read).await?;
    Ok(answer::ok(&CATEGORIES.iter().map(|category| category_of(&site, *category)).collect()))
}

/// By id or key.
pub(super) async fn category(site: Site) -> Result<Response, Refusal> {
    site.instance(Scope::Read).await?;
    let wanted = site.param("category");
    let found = CATEGORIES.into_iter().find(|(id, key, ..)| *key == wanted || id.to_string() == wanted);
    let found = found.ok_or_else(|| Error::not_found("status category", wanted))?;
    Ok(answer::ok(&category_of(&site, found)))
}

fn category_of(site: &Site, (id, key, color, name): (u8, &str, &str, &str)) -> Value {
    let link = site.api_url(&format!("statuscategory/{id}"));
    json!({ "self": link, "id": id, "key": key, "colorName": color, "name": name })
}

/// The labels that issues have.
pub(super) async fn labels(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, LABEL_PAGE, LABEL_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let labels = site.transaction().await?.labels_in_use(instance.id).await?;
    let labels = labels.into_iter().map(Value::String).collect();
    Ok(answer::ok(&window.bean(&site, &params, "label", labels)))
}

/// What the site offers, as far as its rosters show it.
pub(super) async fn configuration(site: Site) -> Result<Response, Refusal> {
    let fields = load(&site, Roster::Fields).await?;
    let has = |id: &str| fields.iter().any(|field| field["id"] == id);
    let subtasks = load(&site, Roster::IssueTypes).await?.iter().any(|kind| kind["subtask"] == true);
    let links = !load(&site, Roster::IssueLinkTypes).await?.is_empty();
    let mut shown = json!({
        "votingEnabled": has("votes"),
        "watchingEnabled": has("watches"),
        "subTasksEnabled": subtasks,
        "issueLinkingEnabled": links,
        "timeTrackingEnabled": has("timetracking"),
        "attachmentsEnabled": has("attachment"),
    });
    if site.instance(Scope::Read).await?.kind == InstanceKind::Sandbox {
        shown["unassignedIssuesAllowed"] = json!(true);
        shown["timeTrackingConfiguration"] = time_tracking();
    }
    Ok(answer::ok(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_another_form_in_its_own_api() {
        let status = json!({"self": "x", "id": "3", "name": "In Arbeit", "description": "d", "iconUrl": "y",
                            "statusCategory": {"key": "indeterminate"}});
        assert_eq!(
            whole_status(&status),
            json!({"id": "3", "name": "In Arbeit", "description": "d", "statusCategory": "IN_PROGRESS", "scope": {"type": "GLOBAL"}})
        );
        let own = json!({"id": "4", "name": "Neu", "scope": {"type": "PROJECT", "project": {"id": "10001"}}});
        assert_eq!(whole_status(&own)["scope"]["project"]["id"], "10001");
        assert!(
            belongs(&status, &json!("7")) && belongs(&own, &json!("10001")) && !belongs(&own, &json!("7"))
        );
    }
}
