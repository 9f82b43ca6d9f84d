//! Small lists of a site that follow from its rosters, and questions about many things at once: permissions, watching, comments.

use std::collections::BTreeMap;

use application::{Error, Scope, instances::InstanceKind, permissions::Permission, reference::Roster};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{
    answer, assemble, body::Body, lookup, page::Window, params::Params, projects, refusal::Refusal,
    rosters::load, site::Site,
};

/// Project types of Jira: key, and as people read it.
const PROJECT_TYPES: [(&str, &str); 4] = [
    ("product_discovery", "Product Discovery"),
    ("software", "Software"),
    ("service_desk", "Service Desk"),
    ("business", "Business"),
];

/// Projects that one has looked at lately, at most, as at Jira.
const MOST_RECENT: usize = 20;

/// Comments in one request, at most, as at Jira.
const MOST_COMMENTS: usize = 1_000;

fn project_type((key, name): &(&str, &str)) -> Value {
    json!({
        "key": key,
        "formattedKey": name,
        "descriptionI18nKey": format!("jira.project.type.{key}.description"),
        "icon": "",
        "color": "#F5A623",
    })
}

/// `GET project/type`.
pub(super) async fn project_types(site: Site) -> Result<Response, Refusal> {
    site.instance(Scope::Read).await?;
    Ok(answer::ok(&PROJECT_TYPES.iter().map(project_type).collect()))
}

/// `GET project/type/{key}`.
pub(super) async fn one_project_type(site: Site) -> Result<Response, Refusal> {
    site.instance(Scope::Read).await?;
    let wanted = site.param("type");
    let found = PROJECT_TYPES.iter().find(|(key, _)| *key == wanted);
    Ok(answer::ok(&project_type(found.ok_or_else(|| Error::not_found("project type", wanted))?)))
}

/// The project types of which the caller sees projects: of products that are not there, nobody has any.
async fn accessible(site: &Site) -> Result<Vec<Value>, Refusal> {
    let projects = load(site, Roster::Projects).await?;
    let has = |key: &str| projects.iter().any(|project| project["projectTypeKey"] == key);
    Ok(PROJECT_TYPES.iter().filter(|(key, _)| has(key)).map(project_type).collect())
}

/// `GET project/type/accessible`.
pub(super) async fn accessible_project_types(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(accessible(&site).await?)))
}

/// `GET project/type/{key}/accessible`.
pub(super) async fn accessible_project_type(site: Site) -> Result<Response, Refusal> {
    let wanted = site.param("type");
    let found = accessible(&site).await?.into_iter().find(|known| known["key"] == wanted);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found("project type", wanted))?))
}

/// The categories that projects have, each once; of a category without projects a copy does not know.
async fn categories(site: &Site) -> Result<Vec<Value>, Refusal> {
    let projects = load(site, Roster::Projects).await?;
    let named = projects.iter().filter_map(|project| {
        let category = &project["projectCategory"];
        Some((category["id"].as_str()?.to_owned(), category.clone()))
    });
    Ok(named.collect::<BTreeMap<_, _>>().into_values().collect())
}

/// `GET projectCategory`.
pub(super) async fn project_categories(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(categories(&site).await?)))
}

/// `GET projectCategory/{id}`.
pub(super) async fn project_category(site: Site) -> Result<Response, Refusal> {
    let wanted = site.param("category");
    let found = categories(&site).await?.into_iter().find(|category| category["id"] == wanted);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found("project category", wanted))?))
}

/// `GET project/recent`: a key looks at projects without a session, so that the first ones stand for those of late.
pub(super) async fn recent_projects(site: Site) -> Result<Response, Refusal> {
    let mut projects = load(&site, Roster::Projects).await?;
    projects.truncate(MOST_RECENT);
    Ok(answer::ok(&Value::Array(projects)))
}

/// How a sandbox counts working time: `jira.timetracking` of every new site.
pub(super) fn time_tracking() -> Value {
    json!({ "workingHoursPerDay": 8.0, "workingDaysPerWeek": 5.0, "timeFormat": "pretty", "defaultUnit": "minute" })
}

/// `GET configuration/timetracking/options`.
pub(super) async fn time_tracking_options(site: Site) -> Result<Response, Refusal> {
    if site.instance(Scope::Read).await?.kind != InstanceKind::Sandbox {
        let message = "how the site counts working time is not known to a mirror; ask the site itself";
        return Err(Error::Unsupported(message.into()).into());
    }
    Ok(answer::ok(&time_tracking()))
}

/// Permissions by their keys.
fn permissions(keys: &[String]) -> Result<Vec<&'static Permission>, Refusal> {
    keys.iter()
        .map(|key| {
            Permission::named(key)
                .filter(|known| known.key == *key)
                .ok_or_else(|| Refusal::bad_request(format!("Unrecognized permission: '{key}'")))
        })
        .collect()
}

/// `POST permissions/project`: the projects in which the caller has all of these.
pub(super) async fn permitted_projects(site: Site, body: Body) -> Result<Response, Refusal> {
    let keys = body.list("permissions")?;
    if keys.is_empty() {
        return Err(Refusal::bad_request("No permissions were provided."));
    }
    let wanted = permissions(&keys)?;
    let at_sandbox = site.instance(Scope::Read).await?.kind == InstanceKind::Sandbox;
    let has_all = wanted.iter().all(|permission| permission.is_given_to(&site.caller, at_sandbox));
    let projects = if has_all { load(&site, Roster::Projects).await? } else { Vec::new() };
    let shown: Vec<Value> = projects
        .iter()
        .map(|project| json!({ "id": number(&project["id"]), "key": project["key"] }))
        .collect();
    Ok(answer::ok(&json!({ "projects": shown })))
}

/// `POST permissions/check`: of the caller, which of these they have, and where.
pub(super) async fn check_permissions(site: Site, body: Body) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let own = application::search::current_user(&instance);
    if body.text("accountId")?.is_some_and(|account| Some(account) != own.as_deref()) {
        let message = "what the site lets other accounts do is not known to a copy; leave out accountId";
        return Err(Error::Unsupported(message.into()).into());
    }
    let at_sandbox = instance.kind == InstanceKind::Sandbox;
    let has = |permission: &&Permission| permission.is_given_to(&site.caller, at_sandbox);
    let global = permissions(&body.list("globalPermissions")?)?;
    let global: Vec<&str> = global.into_iter().filter(has).map(|permission| permission.key).collect();
    let known = load(&site, Roster::Projects).await?;
    let mut granted = Vec::new();
    let asked = body.get("projectPermissions").and_then(Value::as_array).cloned().unwrap_or_default();
    for asked in asked {
        let asked = Body::of(asked.as_object().cloned().ok_or_else(Refusal::invalid_payload)?);
        let (projects, issues) = (asked.list("projects")?, asked.list("issues")?);
        let projects: Vec<Value> = known
            .iter()
            .filter(|project| projects.iter().any(|id| project["id"] == *id))
            .map(|project| number(&project["id"]))
            .collect();
        let (mut tx, instance) = site.read().await?;
        let rows = lookup::issues(&site, tx.as_mut(), &instance, &issues).await?;
        drop(tx);
        let issues: Vec<Value> = rows.iter().map(|row| number(&json!(row.jira_id))).collect();
        for permission in permissions(&asked.list("permissions")?)?.into_iter().filter(has) {
            granted.push(json!({ "permission": permission.key, "projects": projects, "issues": issues }));
        }
    }
    Ok(answer::ok(&json!({ "globalPermissions": global, "projectPermissions": granted })))
}

fn number(id: &Value) -> Value {
    id.as_str().and_then(|id| id.parse::<i64>().ok()).map_or(Value::Null, Value::from)
}

/// `POST issue/watching`: of the account that reads the site, which of these issues it watches.
pub(super) async fn watching(site: Site, body: Body) -> Result<Response, Refusal> {
    let ids = body.list("issueIds")?;
    let (mut tx, instance) = site.read().await?;
    let rows = lookup::issues(&site, tx.as_mut(), &instance, &ids).await?;
    let watched: Map<String, Value> = rows
        .iter()
        .map(|row| (row.jira_id.clone(), json!(row.raw["fields"]["watches"]["isWatching"] == true)))
        .collect();
    Ok(answer::ok(&json!({ "issuesIsWatching": watched })))
}

/// `POST comment/list`: comments by their ids, of whichever issues.
pub(super) async fn comments(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    let ids = body.list("ids")?;
    if !(1..=MOST_COMMENTS).contains(&ids.len()) {
        let message = format!("ids must hold between 1 and {MOST_COMMENTS} ids of comments.");
        return Err(Refusal::bad_request(message));
    }
    let (mut tx, instance) = site.read().await?;
    let rows = tx.comments_by_id(instance.id, &ids).await?;
    drop(tx);
    let shown = rows.into_iter().map(|row| assemble::comment(row, site.dialect)).collect();
    Ok(answer::ok(&Window { start: 0, size: MOST_COMMENTS }.bean(&site, &params, "comment/list", shown)))
}

/// `GET project/{project}/hierarchy`: the levels of its issue types, the lowest first.
pub(super) async fn project_hierarchy(site: Site) -> Result<Response, Refusal> {
    let project = projects::named(&site, site.param("project")).await?;
    let types = projects::issue_types(&site, &project).await?;
    let mut levels: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for kind in &types {
        let level = kind["hierarchyLevel"].as_i64().unwrap_or(if kind["subtask"] == true { -1 } else { 0 });
        let shown = json!({ "id": number(&kind["id"]), "name": kind["name"] });
        levels.entry(level).or_default().push(shown);
    }
    let name = |level: &i64| match level {
        ..0 => "Subtask".to_owned(),
        0 => "Story".to_owned(),
        1 => "Epic".to_owned(),
        level => format!("Level {level}"),
    };
    let shown: Vec<Value> = levels
        .iter()
        .map(|(level, types)| json!({ "level": level, "name": name(level), "issueTypes": types }))
        .collect();
    Ok(answer::ok(&json!({ "projectId": number(&project["id"]), "hierarchy": shown })))
}
