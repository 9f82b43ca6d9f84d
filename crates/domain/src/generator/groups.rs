//! Groups: those that every Jira has, and one for each team; and who plays which role in a project.

use serde_json::{Value, json};
use uuid::Uuid;

use super::reference::Reference;
use super::roster::Model;

/// The groups of the whole site: who may use it, and who administers it.
pub const SITE_GROUPS: [&str; 2] = [USERS, ADMINISTRATORS];

const USERS: &str = "jira-software-users";
const ADMINISTRATORS: &str = "jira-administrators";

/// Roles by id, name and description, and the group that plays each; `None` for the project's team.
const ROLES: [(u64, &str, &str, Option<&str>); 3] = [
    (
        10_002,
        "Administrators",
        "A project role that represents administrators in a project",
        Some(ADMINISTRATORS),
    ),
    (10_003, "Developers", "A project role that represents developers in a project", None),
    (10_004, "Users", "A project role that represents users in a project", Some(USERS)),
];

/// The site's groups with their members; apps are in none.
pub(super) fn groups(model: &Model, reference: &Reference) -> Vec<Value> {
    let people = || (0..model.users.len()).filter(|user| !model.users[*user].app);
    let group = |name: &str, members: Vec<usize>| {
        let members: Vec<&Value> = members.into_iter().map(|user| &reference.users[user]).collect();
        json!({ "name": name, "groupId": group_id(model, name), "members": members })
    };
    let mut groups = vec![
        group(USERS, people().collect()),
        // Whoever leads the first project looks after the site.
        group(ADMINISTRATORS, model.projects.first().map(|project| project.lead).into_iter().collect()),
    ];
    groups.extend(model.projects.iter().map(|project| group(&team(project.key), project.members.clone())));
    groups
}

/// The roles of every project.
pub(super) fn project_roles(model: &Model, reference: &Reference) -> Vec<Value> {
    let projects = model.projects.iter().map(|project| {
        let roles = ROLES.iter().map(|(id, name, description, group)| {
            let group = group.map_or_else(|| team(project.key), str::to_owned);
            let mut actors = vec![group_actor(model, *id, &group)];
            if group == ADMINISTRATORS {
                actors.push(user_actor(*id, &reference.users[project.lead]));
            }
            json!({
                "self": format!("{}/rest/api/3/project/{}/role/{id}", model.base_url, project.id),
                "name": name,
                "id": id,
                "description": description,
                "actors": actors,
            })
        });
        json!({ "projectId": project.id.to_string(), "roles": roles.collect::<Vec<_>>() })
    });
    projects.collect()
}

fn team(key: &str) -> String {
    format!("{}-team", key.to_lowercase())
}

fn group_id(model: &Model, name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}/group/{name}", model.base_url).as_bytes()).to_string()
}

fn group_actor(model: &Model, role: u64, name: &str) -> Value {
    json!({
        "id": role * 10 + 1,
        "displayName": name,
        "type": "atlassian-group-role-actor",
        "name": name,
        "actorGroup": { "name": name, "displayName": name, "groupId": group_id(model, name) },
    })
}

fn user_actor(role: u64, user: &Value) -> Value {
    json!({
        "id": role * 10 + 2,
        "displayName": user["displayName"],
        "type": "atlassian-user-role-actor",
        "actorUser": { "accountId": user["accountId"] },
    })
}
