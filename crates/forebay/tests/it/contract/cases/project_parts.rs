//! Versions and components: the issues that hold them, and how they are written. Last, because the site has others then.

use serde_json::json;

use super::{Case, Landmarks, delete, get, post, put};

pub fn all(at: &Landmarks) -> Vec<Case> {
    let mut cases = held(at);
    cases.extend(versions(at));
    cases.extend(components(at));
    cases
}

fn held(at: &Landmarks) -> Vec<Case> {
    vec![
        get("getVersionRelatedIssues", format!("version/{}/relatedIssueCounts", at.version), 200),
        get("getVersionRelatedIssues", "version/99/relatedIssueCounts", 404),
        get("getVersionUnresolvedIssues", format!("version/{}/unresolvedIssueCount", at.version), 200),
        get("getVersionUnresolvedIssues", "version/99/unresolvedIssueCount", 404),
        get("getComponentRelatedIssues", format!("component/{}/relatedIssueCounts", at.component), 200),
        get("getComponentRelatedIssues", "component/99/relatedIssueCounts", 404),
        get("findComponentsForProjects", format!("component?projectIdsOrKeys={}&maxResults=1", at.key), 200),
        get("findComponentsForProjects", "component?projectIdsOrKeys=NOPE", 404),
    ]
}

fn versions(at: &Landmarks) -> Vec<Case> {
    let project: i64 = at.project.parse().unwrap();
    let new =
        json!({ "projectId": project, "name": "By a case", "releaseDate": "2027-01-31", "description": "d" });
    let one = format!("version/{}", at.version);
    vec![
        post("createVersion", "version", new.clone(), 201),
        post("createVersion", "version", new, 400),
        post(
            "createVersion",
            "version",
            json!({ "projectId": project, "name": "x", "startDate": "soon" }),
            400,
        ),
        post("createVersion", "version", json!({ "projectId": 99, "name": "x" }), 404),
        put("updateVersion", one.clone(), json!({ "name": "Renamed by a case", "released": true }), 200),
        put("updateVersion", one.clone(), json!({ "name": " " }), 400),
        put("updateVersion", "version/99", json!({ "name": "x" }), 404),
        delete("deleteVersion", format!("{one}?moveFixIssuesTo=99"), 404),
        post("deleteAndReplaceVersion", format!("{one}/removeAndSwap"), json!({}), 204),
        post("deleteAndReplaceVersion", format!("{one}/removeAndSwap"), json!({}), 404),
        delete("deleteVersion", format!("version/{}", at.other_version), 204),
        delete("deleteVersion", one, 404),
    ]
}

fn components(at: &Landmarks) -> Vec<Case> {
    let new = json!({ "project": at.key, "name": "by a case", "leadAccountId": at.account });
    let one = format!("component/{}", at.component);
    vec![
        post("createComponent", "component", new.clone(), 201),
        post("createComponent", "component", new, 400),
        post("createComponent", "component", json!({ "project": "NOPE", "name": "x" }), 404),
        put("updateComponent", one.clone(), json!({ "name": "renamed by a case" }), 200),
        put("updateComponent", one.clone(), json!({ "leadAccountId": "nobody" }), 400),
        put("updateComponent", "component/99", json!({ "name": "x" }), 404),
        delete("deleteComponent", format!("{one}?moveIssuesTo=99"), 404),
        delete("deleteComponent", one.clone(), 204),
        delete("deleteComponent", one, 404),
    ]
}
