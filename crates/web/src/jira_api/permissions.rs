//! What a caller may do at the site, in the words of Jira's permissions: what this door would do for their key. A mirror is written
//! to by comments and transitions only; a sandbox takes what its engine executes.

use application::{Action, Scope, instances::InstanceKind};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{answer, params::Params, projects, refusal::Refusal, site::Site};

/// What a permission rests on here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rests {
    /// On reading.
    Reading,
    /// On something that sites of every kind execute.
    On(Action),
    /// On something that sandboxes execute.
    AtSandboxes(Action),
    /// On nothing: nobody has it here.
    Nothing,
}

use Rests::{AtSandboxes, Nothing, On, Reading};

/// A permission of Jira's: id, key, name, whether it is of projects, and what it rests on.
type Permission = (&'static str, &'static str, &'static str, bool, Rests);

/// Jira's own permissions; those of apps are not known to a copy.
const PERMISSIONS: [Permission; 39] = [
    ("0", "ADMINISTER", "Administer Jira", false, Nothing),
    ("44", "SYSTEM_ADMIN", "System administrators", false, Nothing),
    ("27", "USER_PICKER", "Browse users and groups", false, Reading),
    ("22", "CREATE_SHARED_OBJECTS", "Share dashboards and filters", false, Nothing),
    ("24", "MANAGE_GROUP_FILTER_SUBSCRIPTIONS", "Manage group filter subscriptions", false, Nothing),
    ("33", "BULK_CHANGE", "Make bulk changes", false, AtSandboxes(Action::MoveIssue)),
    ("-1", "CREATE_PROJECT", "Create team-managed projects", false, Nothing),
    ("10", "BROWSE_PROJECTS", "Browse Projects", true, Reading),
    ("23", "ADMINISTER_PROJECTS", "Administer Projects", true, Nothing),
    ("45", "VIEW_READONLY_WORKFLOW", "View Read-Only Workflow", true, Reading),
    ("29", "VIEW_DEV_TOOLS", "View Development Tools", true, Nothing),
    ("-1", "MANAGE_SPRINTS_PERMISSION", "Manage sprints", true, Nothing),
    ("11", "CREATE_ISSUES", "Create Issues", true, AtSandboxes(Action::CreateIssue)),
    ("12", "EDIT_ISSUES", "Edit Issues", true, AtSandboxes(Action::EditIssue)),
    ("28", "SCHEDULE_ISSUES", "Schedule Issues", true, AtSandboxes(Action::EditIssue)),
    ("30", "MODIFY_REPORTER", "Modify Reporter", true, AtSandboxes(Action::EditIssue)),
    ("13", "ASSIGN_ISSUES", "Assign Issues", true, AtSandboxes(Action::AssignIssue)),
    ("17", "ASSIGNABLE_USER", "Assignable User", true, AtSandboxes(Action::AssignIssue)),
    ("16", "DELETE_ISSUES", "Delete Issues", true, AtSandboxes(Action::DeleteIssue)),
    ("21", "LINK_ISSUES", "Link Issues", true, AtSandboxes(Action::LinkIssues)),
    ("25", "MOVE_ISSUES", "Move Issues", true, AtSandboxes(Action::MoveIssue)),
    ("46", "TRANSITION_ISSUES", "Transition Issues", true, On(Action::TransitionIssue)),
    ("14", "RESOLVE_ISSUES", "Resolve Issues", true, On(Action::TransitionIssue)),
    ("18", "CLOSE_ISSUES", "Close Issues", true, On(Action::TransitionIssue)),
    ("26", "SET_ISSUE_SECURITY", "Set Issue Security", true, Nothing),
    ("31", "VIEW_VOTERS_AND_WATCHERS", "View Voters and Watchers", true, Reading),
    ("32", "MANAGE_WATCHERS", "Manage Watchers", true, Nothing),
    ("15", "ADD_COMMENTS", "Add Comments", true, On(Action::AddComment)),
    ("34", "EDIT_ALL_COMMENTS", "Edit All Comments", true, AtSandboxes(Action::EditComment)),
    ("35", "EDIT_OWN_COMMENTS", "Edit Own Comments", true, AtSandboxes(Action::EditComment)),
    ("36", "DELETE_ALL_COMMENTS", "Delete All Comments", true, AtSandboxes(Action::DeleteComment)),
    ("37", "DELETE_OWN_COMMENTS", "Delete Own Comments", true, AtSandboxes(Action::DeleteComment)),
    ("19", "CREATE_ATTACHMENTS", "Create Attachments", true, Nothing),
    ("39", "DELETE_OWN_ATTACHMENTS", "Delete Own Attachments", true, Nothing),
    ("20", "WORK_ON_ISSUES", "Work On Issues", true, AtSandboxes(Action::AddWorklog)),
    ("40", "EDIT_OWN_WORKLOGS", "Edit Own Worklogs", true, AtSandboxes(Action::EditWorklog)),
    ("41", "EDIT_ALL_WORKLOGS", "Edit All Worklogs", true, AtSandboxes(Action::EditWorklog)),
    ("42", "DELETE_OWN_WORKLOGS", "Delete Own Worklogs", true, AtSandboxes(Action::DeleteWorklog)),
    ("43", "DELETE_ALL_WORKLOGS", "Delete All Worklogs", true, AtSandboxes(Action::DeleteWorklog)),
];

pub(super) async fn all(site: Site) -> Result<Response, Refusal> {
    site.instance(Scope::Read).await?;
    let listed = PERMISSIONS.iter().map(|permission| (permission.1.to_owned(), shown(permission)));
    Ok(answer::ok(&json!({ "permissions": listed.collect::<Map<_, _>>() })))
}

/// Those that are asked for, all where none is; at the site, for a project or for an issue.
pub(super) async fn mine(site: Site, params: Params) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let asked = params.list("permissions");
    if let Some(unknown) = asked.iter().find(|key| PERMISSIONS.iter().all(|known| known.1 != **key)) {
        return Err(Refusal::bad_request(format!("Unrecognized permission: '{unknown}'")));
    }
    projects::context_is_there(&site, &params, "projectKey").await?;
    let at_sandbox = instance.kind == InstanceKind::Sandbox;
    let mut listed = Map::new();
    for permission in &PERMISSIONS {
        if !asked.is_empty() && !asked.iter().any(|key| key == permission.1) {
            continue;
        }
        let mut entry = shown(permission);
        entry["id"] = json!(permission.0);
        entry["havePermission"] = json!(match permission.4 {
            Reading => true,
            On(action) => site.caller.permit(action).is_ok(),
            AtSandboxes(action) => at_sandbox && site.caller.permit(action).is_ok(),
            Nothing => false,
        });
        listed.insert(permission.1.to_owned(), entry);
    }
    Ok(answer::ok(&json!({ "permissions": listed })))
}

fn shown((_, key, name, of_projects, _): &Permission) -> Value {
    let kind = if *of_projects { "PROJECT" } else { "GLOBAL" };
    json!({ "key": key, "name": name, "type": kind, "description": "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_is_listed_once() {
        let keys: std::collections::HashSet<_> = PERMISSIONS.iter().map(|permission| permission.1).collect();
        assert_eq!(keys.len(), PERMISSIONS.len());
    }
}
