//! The public view of a site: what its roster and reference data look like through REST.

use serde_json::{Value, json};

use super::Site;
use super::calendar::{agile_timestamp, date};
use super::fields::{field_options, fields};
use super::groups::{groups, project_roles};
use super::reference::{PRIORITIES, Reference, sprint_json};
use super::roster::{Model, Project};

/// The id of the first board's filter.
const FIRST_FILTER: usize = 10_001;

/// The id of the dashboard that every site has; those of people follow.
const SYSTEM_DASHBOARD: usize = 10_000;

/// The site of a model.
pub(super) fn site(model: &Model, reference: &Reference) -> Site {
    let all = 0..model.projects.len();
    Site {
        projects: all.clone().map(|project| project_json(model, reference, project)).collect(),
        users: reference.users.clone(),
        statuses: reference.statuses.clone(),
        issue_types: reference.issue_types.clone(),
        priorities: priorities(reference),
        resolutions: reference.resolutions.clone(),
        fields: fields(),
        field_options: field_options(),
        issue_link_types: reference.link_types.clone(),
        boards: all.clone().map(|project| board_json(model, project)).collect(),
        filters: all.clone().map(|project| filter_json(model, reference, project)).collect(),
        dashboards: std::iter::once(system_dashboard(model))
            .chain(all.clone().map(|project| dashboard_json(model, reference, project)))
            .collect(),
        sprints: all.clone().flat_map(|project| sprints(model, project)).collect(),
        versions: all.clone().flat_map(|project| versions(model, reference, project)).collect(),
        components: all.flat_map(|project| components(model, reference, project)).collect(),
        groups: groups(model, reference),
        project_roles: project_roles(model, reference),
    }
}

/// `json` with more members.
fn with(json: &Value, more: Value) -> Value {
    let mut json = json.clone();
    if let (Some(members), Value::Object(more)) = (json.as_object_mut(), more) {
        members.extend(more);
    }
    json
}

fn priorities(reference: &Reference) -> Vec<Value> {
    let details = PRIORITIES
        .iter()
        .map(|(_, _, description, color)| json!({"description": description, "statusColor": color}));
    reference.priorities.iter().zip(details).map(|(priority, details)| with(priority, details)).collect()
}

fn project_json(model: &Model, reference: &Reference, number: usize) -> Value {
    let project = &model.projects[number];
    with(
        &reference.projects[number],
        json!({
            "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
            "description": format!("{} of the shop, its team and its backlog.", project.name),
            "lead": reference.users[project.lead],
            "assigneeType": "UNASSIGNED",
            "components": components(model, reference, number),
            "versions": versions(model, reference, number),
            "issueTypes": reference.issue_types,
            "style": "classic",
            "isPrivate": false,
            "archived": false,
            "deleted": false,
        }),
    )
}

fn board_json(model: &Model, number: usize) -> Value {
    let project = &model.projects[number];
    let id = number + 1;
    json!({
        "id": id,
        "self": format!("{}/rest/agile/1.0/board/{id}", model.base_url),
        "name": format!("{} board", project.key),
        "type": if project.scrum { "scrum" } else { "kanban" },
        "location": {
            "projectId": project.id,
            "displayName": format!("{} ({})", project.name, project.key),
            "projectName": project.name,
            "projectKey": project.key,
            "projectTypeKey": "software",
            "name": format!("{} ({})", project.name, project.key),
        },
    })
}

/// The filter that Jira makes with a board, named as Jira names it.
fn filter_json(model: &Model, reference: &Reference, number: usize) -> Value {
    let project = &model.projects[number];
    let id = FIRST_FILTER + number;
    let jql = format!("project = {} ORDER BY Rank ASC", project.key);
    json!({
        "self": format!("{}/rest/api/3/filter/{id}", model.base_url),
        "id": id.to_string(),
        "name": format!("Filter for {} board", project.key),
        "description": "",
        "owner": reference.users[project.lead],
        "jql": jql,
        "viewUrl": format!("{}/issues/?filter={id}", model.base_url),
        "searchUrl": format!("{}/rest/api/3/search?jql=project+%3D+{}+ORDER+BY+Rank+ASC", model.base_url, project.key),
        "favourite": false,
        "favouritedCount": 0,
        "sharePermissions": [],
        "editPermissions": [],
        "subscriptions": { "size": 0, "items": [], "max-results": 0, "start-index": 0, "end-index": 0 },
    })
}

/// What a dashboard shows of its owner.
const OF_OWNER: [&str; 5] = ["self", "accountId", "displayName", "active", "avatarUrls"];

/// What Jira shows of any dashboard.
fn dashboard(model: &Model, id: usize, name: &str) -> Value {
    json!({
        "id": id.to_string(),
        "name": name,
        "description": "",
        "self": format!("{}/rest/api/3/dashboard/{id}", model.base_url),
        "view": format!("{}/jira/dashboards/{id}", model.base_url),
        "isFavourite": false,
        "popularity": 0,
        "editPermissions": [],
        "isWritable": false,
        "systemDashboard": false,
    })
}

/// The dashboard that comes with Jira. Nobody owns it.
fn system_dashboard(model: &Model) -> Value {
    let shared = json!([{ "id": SYSTEM_DASHBOARD, "type": "global" }]);
    with(
        &dashboard(model, SYSTEM_DASHBOARD, "Default dashboard"),
        json!({ "systemDashboard": true, "sharePermissions": shared }),
    )
}

fn dashboard_json(model: &Model, reference: &Reference, number: usize) -> Value {
    let project = &model.projects[number];
    let id = SYSTEM_DASHBOARD + 1 + number;
    let shared = json!([{ "id": id, "type": "loggedin" }]);
    // Of owners of dashboards Jira shows less than of those of filters.
    let mut owner = reference.users[project.lead].clone();
    if let Some(members) = owner.as_object_mut() {
        members.retain(|name, _| OF_OWNER.contains(&name.as_str()));
    }
    with(
        &dashboard(model, id, &format!("{} at a glance", project.name)),
        json!({
            "description": format!("What the team of {} looks at every morning.", project.key),
            "owner": owner,
            "sharePermissions": shared,
        }),
    )
}

fn sprints(model: &Model, number: usize) -> Vec<Value> {
    model.projects[number]
        .sprints
        .iter()
        .map(|sprint| {
            with(
                &sprint_json(model, sprint, "originBoardId", number as u64 + 1),
                json!({
                    "self": format!("{}/rest/agile/1.0/sprint/{}", model.base_url, sprint.id),
                    "createdDate": agile_timestamp(sprint.planned),
                }),
            )
        })
        .collect()
}

fn versions(model: &Model, reference: &Reference, number: usize) -> Vec<Value> {
    let project: &Project = &model.projects[number];
    let details = project.versions.iter().map(|version| {
        json!({
            "projectId": project.id,
            "startDate": date(version.start),
            "overdue": false,
        })
    });
    reference.versions[number].iter().zip(details).map(|(version, details)| with(version, details)).collect()
}

fn components(model: &Model, reference: &Reference, number: usize) -> Vec<Value> {
    let project = &model.projects[number];
    let details = json!({
        "project": project.key,
        "projectId": project.id,
        "assigneeType": "PROJECT_DEFAULT",
        "isAssigneeTypeValid": false,
        "lead": reference.users[project.lead],
    });
    reference.components[number].iter().map(|component| with(component, details.clone())).collect()
}
