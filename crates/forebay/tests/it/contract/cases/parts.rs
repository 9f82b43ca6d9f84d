//! Versions and components.

use serde_json::json;

use super::{Case, Landmarks, delete, get, post, put};

pub fn all(at: &Landmarks) -> Vec<Case> {
    let version = format!("version/{}", at.version);
    let replaced = format!("version/{}/removeAndSwap", at.replaced_version);
    let component = format!("component/{}", at.component);
    let number: u64 = at.version.parse().unwrap();
    let project: u64 = at.project.parse().unwrap();
    let led = json!({ "name": "Led", "project": at.key, "leadAccountId": at.account, "assigneeType": "COMPONENT_LEAD" });
    vec![
        get("getVersionRelatedIssues", format!("{version}/relatedIssueCounts"), 200),
        get("getVersionRelatedIssues", "version/99/relatedIssueCounts", 404),
        get("getVersionUnresolvedIssues", format!("{version}/unresolvedIssueCount"), 200),
        get("getVersionUnresolvedIssues", "version/99/unresolvedIssueCount", 404),
        get("getComponentRelatedIssues", format!("{component}/relatedIssueCounts"), 200),
        get("getComponentRelatedIssues", "component/99/relatedIssueCounts", 404),
        get("findComponentsForProjects", format!("component?projectIdsOrKeys={}&maxResults=1", at.key), 200),
        get("findComponentsForProjects", "component?projectIdsOrKeys=NOPE", 404),
        post(
            "createVersion",
            "version",
            json!({ "name": "9.0", "projectId": project, "releaseDate": "2027-01-31" }),
            201,
        ),
        post("createVersion", "version", json!({ "name": "9.0", "projectId": project }), 400),
        post("createVersion", "version", json!({ "name": "9.1", "projectId": 99 }), 404),
        put("updateVersion", version.clone(), json!({ "released": true, "description": "out" }), 200),
        put("updateVersion", version.clone(), json!({ "releaseDate": "soon" }), 400),
        put("updateVersion", "version/99", json!({ "released": true }), 404),
        post("moveVersion", format!("{version}/move"), json!({ "position": "Last" }), 200),
        post("moveVersion", format!("{version}/move"), json!({ "position": "Somewhere" }), 400),
        post("moveVersion", "version/99/move", json!({ "position": "First" }), 404),
        post("deleteAndReplaceVersion", replaced.clone(), json!({ "moveFixIssuesTo": 99 }), 400),
        post("deleteAndReplaceVersion", replaced, json!({ "moveFixIssuesTo": number }), 204),
        post("deleteAndReplaceVersion", "version/99/removeAndSwap", json!({}), 404),
        put("mergeVersions", format!("version/{}/mergeto/{}", at.merged_version, at.version), json!({}), 204),
        put("mergeVersions", format!("version/{}/mergeto/99", at.version), json!({}), 404),
        put("mergeVersions", format!("version/99/mergeto/{}", at.version), json!({}), 404),
        put("mergeVersions", format!("{version}/mergeto/{}", at.version), json!({}), 400),
        delete("deleteVersion", format!("{version}?moveFixIssuesTo=99"), 400),
        delete("deleteVersion", version.clone(), 204),
        delete("deleteVersion", version, 404),
        post("createComponent", "component", led.clone(), 201),
        post("createComponent", "component", led, 400),
        post("createComponent", "component", json!({ "name": "None", "project": "NOPE" }), 404),
        put("updateComponent", component.clone(), json!({ "description": "everything else" }), 200),
        put("updateComponent", component.clone(), json!({ "assigneeType": "ANYBODY" }), 400),
        put("updateComponent", "component/99", json!({ "name": "x" }), 404),
        delete("deleteComponent", format!("{component}?moveIssuesTo=99"), 404),
        delete("deleteComponent", component, 204),
    ]
}
