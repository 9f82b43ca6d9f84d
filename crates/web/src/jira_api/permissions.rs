//! What a caller may do at the site, in the words of Jira's permissions: what this door would do for their key.

use application::{
    Scope,
    instances::InstanceKind,
    permissions::{PERMISSIONS, Permission},
};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{answer, params::Params, projects, refusal::Refusal, site::Site};

pub(super) async fn all(site: Site) -> Result<Response, Refusal> {
    site.instance(Scope::Read).await?;
    let listed = PERMISSIONS.iter().map(|permission| (permission.key.to_owned(), shown(permission)));
    Ok(answer::ok(&json!({ "permissions": listed.collect::<Map<_, _>>() })))
}

/// Those that are asked for, all where none is; at the site, for a project or for an issue.
pub(super) async fn mine(site: Site, params: Params) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let asked = params.list("permissions");
    if let Some(unknown) = asked.iter().find(|key| PERMISSIONS.iter().all(|known| known.key != **key)) {
        return Err(Refusal::bad_request(format!("Unrecognized permission: '{unknown}'")));
    }
    projects::context_is_there(&site, &params, "projectKey").await?;
    let at_sandbox = instance.kind == InstanceKind::Sandbox;
    let mut listed = Map::new();
    for permission in &PERMISSIONS {
        if !asked.is_empty() && !asked.iter().any(|key| key == permission.key) {
            continue;
        }
        let mut entry = shown(permission);
        entry["id"] = json!(permission.id);
        entry["havePermission"] = json!(permission.is_given_to(&site.caller, at_sandbox));
        listed.insert(permission.key.to_owned(), entry);
    }
    Ok(answer::ok(&json!({ "permissions": listed })))
}

fn shown(permission: &Permission) -> Value {
    let kind = if permission.of_projects { "PROJECT" } else { "GLOBAL" };
    json!({ "key": permission.key, "name": permission.name, "type": kind, "description": "" })
}
