//! Many issues at once: questions about them, and changes of them.

use serde_json::json;

use super::{Case, Landmarks, get, post};

pub fn all(at: &Landmarks) -> Vec<Case> {
    let mut cases = questions(at);
    cases.extend(changes(at));
    cases
}

fn questions(at: &Landmarks) -> Vec<Case> {
    let numbers = |text: &str| text.parse::<i64>().unwrap();
    vec![
        post(
            "getPermittedProjects",
            "permissions/project",
            json!({ "permissions": ["BROWSE_PROJECTS"] }),
            200,
        ),
        post("getPermittedProjects", "permissions/project", json!({ "permissions": ["NONSENSE"] }), 400),
        post(
            "getBulkPermissions",
            "permissions/check",
            json!({ "globalPermissions": ["USER_PICKER"], "projectPermissions": [{
                "permissions": ["BROWSE_PROJECTS", "EDIT_ISSUES"], "projects": [numbers(&at.project)],
                "issues": [numbers(&at.issue)],
            }] }),
            200,
        ),
        post("getBulkPermissions", "permissions/check", json!({ "globalPermissions": ["NONSENSE"] }), 400),
        post("getIsWatchingIssueBulk", "issue/watching", json!({ "issueIds": [at.issue, "99"] }), 200),
        post("getCommentsByIds", "comment/list", json!({ "ids": [numbers(&at.comment), 99] }), 200),
        post("getCommentsByIds", "comment/list", json!({ "ids": [] }), 400),
        get("getBulkEditableFields", format!("bulk/issues/fields?issueIdsOrKeys={}", at.issue), 200),
        get("getBulkEditableFields", "bulk/issues/fields?issueIdsOrKeys=NOPE-1", 400),
        get(
            "getAvailableTransitions",
            format!("bulk/issues/transition?issueIdsOrKeys={},10001", at.issue),
            200,
        ),
        get("getAvailableTransitions", "bulk/issues/transition", 400),
        get("getBulkOperationProgress", format!("bulk/queue/{}", at.task), 200),
        get("getBulkOperationProgress", "bulk/queue/nonsense", 400),
        get("getTask", format!("task/{}", at.task), 200),
        get("getTask", "task/nonsense", 404),
    ]
}

fn changes(at: &Landmarks) -> Vec<Case> {
    let selected = || json!({ "selectedIssueIdsOrKeys": [at.issue, "NOPE-1"] });
    let edit = |actions: &[&str]| {
        json!({
            "selectedIssueIdsOrKeys": [at.issue, "NOPE-1"], "selectedActions": actions,
            "editedFieldsInput": { "labelsFields": [{
                "fieldId": "labels", "labels": [{ "name": "by-a-case" }], "bulkEditMultiSelectFieldOption": "ADD",
            }] },
        })
    };
    let transition = |id: &str| json!({ "bulkTransitionInputs": [{ "selectedIssueIdsOrKeys": [at.open], "transitionId": id }] });
    vec![
        post("submitBulkEdit", "bulk/issues/fields", edit(&["labels"]), 201),
        post("submitBulkEdit", "bulk/issues/fields", edit(&["labels", "priority"]), 400),
        post("submitBulkTransition", "bulk/issues/transition", transition("99"), 201),
        post("submitBulkTransition", "bulk/issues/transition", json!({ "bulkTransitionInputs": [] }), 400),
        post("submitBulkWatch", "bulk/issues/watch", selected(), 201),
        post("submitBulkWatch", "bulk/issues/watch", json!({ "selectedIssueIdsOrKeys": [] }), 400),
        post("submitBulkUnwatch", "bulk/issues/unwatch", selected(), 201),
        post("submitBulkUnwatch", "bulk/issues/unwatch", json!({}), 400),
        post("submitBulkDelete", "bulk/issues/delete", json!({ "selectedIssueIdsOrKeys": ["NOPE-1"] }), 201),
        post("submitBulkDelete", "bulk/issues/delete", json!({}), 400),
    ]
}
