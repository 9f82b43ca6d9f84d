//! Jira's permissions, and what each rests on here. A mirror is written to by comments and transitions only; a sandbox takes what its
//! engine executes.

use crate::{actions::Action, caller::Caller};

/// What a permission rests on here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rests {
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

/// A permission of Jira's own; those of apps are not known to a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Its id.
    pub id: &'static str,
    /// `BROWSE_PROJECTS`
    pub key: &'static str,
    /// Its name in English.
    pub name: &'static str,
    /// Whether it is given for projects, and not for the site.
    pub of_projects: bool,
    /// What it rests on here.
    pub rests: Rests,
}

impl Permission {
    /// Whether a caller has it, at a sandbox or at a mirror.
    pub fn is_given_to(&self, caller: &Caller, at_sandbox: bool) -> bool {
        match self.rests {
            Reading => true,
            On(action) => caller.permit(action).is_ok(),
            AtSandboxes(action) => at_sandbox && caller.permit(action).is_ok(),
            Nothing => false,
        }
    }

    /// The permission of this key or name, in any case.
    pub fn named(text: &str) -> Option<&'static Self> {
        let text = text.trim();
        PERMISSIONS
            .iter()
            .find(|known| known.key.eq_ignore_ascii_case(text) || known.name.eq_ignore_ascii_case(text))
    }
}

const fn global(id: &'static str, key: &'static str, name: &'static str, rests: Rests) -> Permission {
    Permission { id, key, name, of_projects: false, rests }
}

const fn project(id: &'static str, key: &'static str, name: &'static str, rests: Rests) -> Permission {
    Permission { id, key, name, of_projects: true, rests }
}

/// All of them.
pub const PERMISSIONS: [Permission; 39] = [
    global("0", "ADMINISTER", "Administer Jira", Nothing),
    global("44", "SYSTEM_ADMIN", "System administrators", Nothing),
    global("27", "USER_PICKER", "Browse users and groups", Reading),
    global("22", "CREATE_SHARED_OBJECTS", "Share dashboards and filters", Nothing),
    global("24", "MANAGE_GROUP_FILTER_SUBSCRIPTIONS", "Manage group filter subscriptions", Nothing),
    global("33", "BULK_CHANGE", "Make bulk changes", AtSandboxes(Action::MoveIssue)),
    global("-1", "CREATE_PROJECT", "Create team-managed projects", Nothing),
    project("10", "BROWSE_PROJECTS", "Browse Projects", Reading),
    project("23", "ADMINISTER_PROJECTS", "Administer Projects", Nothing),
    project("45", "VIEW_READONLY_WORKFLOW", "View Read-Only Workflow", Reading),
    project("29", "VIEW_DEV_TOOLS", "View Development Tools", Nothing),
    project("-1", "MANAGE_SPRINTS_PERMISSION", "Manage sprints", Nothing),
    project("11", "CREATE_ISSUES", "Create Issues", AtSandboxes(Action::CreateIssue)),
    project("12", "EDIT_ISSUES", "Edit Issues", AtSandboxes(Action::EditIssue)),
    project("28", "SCHEDULE_ISSUES", "Schedule Issues", AtSandboxes(Action::EditIssue)),
    project("30", "MODIFY_REPORTER", "Modify Reporter", AtSandboxes(Action::EditIssue)),
    project("13", "ASSIGN_ISSUES", "Assign Issues", AtSandboxes(Action::AssignIssue)),
    project("17", "ASSIGNABLE_USER", "Assignable User", AtSandboxes(Action::AssignIssue)),
    project("16", "DELETE_ISSUES", "Delete Issues", AtSandboxes(Action::DeleteIssue)),
    project("21", "LINK_ISSUES", "Link Issues", AtSandboxes(Action::LinkIssues)),
    project("25", "MOVE_ISSUES", "Move Issues", AtSandboxes(Action::MoveIssue)),
    project("46", "TRANSITION_ISSUES", "Transition Issues", On(Action::TransitionIssue)),
    project("14", "RESOLVE_ISSUES", "Resolve Issues", On(Action::TransitionIssue)),
    project("18", "CLOSE_ISSUES", "Close Issues", On(Action::TransitionIssue)),
    project("26", "SET_ISSUE_SECURITY", "Set Issue Security", Nothing),
    project("31", "VIEW_VOTERS_AND_WATCHERS", "View Voters and Watchers", Reading),
    project("32", "MANAGE_WATCHERS", "Manage Watchers", Nothing),
    project("15", "ADD_COMMENTS", "Add Comments", On(Action::AddComment)),
    project("34", "EDIT_ALL_COMMENTS", "Edit All Comments", AtSandboxes(Action::EditComment)),
    project("35", "EDIT_OWN_COMMENTS", "Edit Own Comments", AtSandboxes(Action::EditComment)),
    project("36", "DELETE_ALL_COMMENTS", "Delete All Comments", AtSandboxes(Action::DeleteComment)),
    project("37", "DELETE_OWN_COMMENTS", "Delete Own Comments", AtSandboxes(Action::DeleteComment)),
    project("19", "CREATE_ATTACHMENTS", "Create Attachments", Nothing),
    project("39", "DELETE_OWN_ATTACHMENTS", "Delete Own Attachments", Nothing),
    project("20", "WORK_ON_ISSUES", "Work On Issues", AtSandboxes(Action::AddWorklog)),
    project("40", "EDIT_OWN_WORKLOGS", "Edit Own Worklogs", AtSandboxes(Action::EditWorklog)),
    project("41", "EDIT_ALL_WORKLOGS", "Edit All Worklogs", AtSandboxes(Action::EditWorklog)),
    project("42", "DELETE_OWN_WORKLOGS", "Delete Own Worklogs", AtSandboxes(Action::DeleteWorklog)),
    project("43", "DELETE_ALL_WORKLOGS", "Delete All Worklogs", AtSandboxes(Action::DeleteWorklog)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_is_listed_once() {
        let keys: std::collections::HashSet<_> =
            PERMISSIONS.iter().map(|permission| permission.key).collect();
        assert_eq!(keys.len(), PERMISSIONS.len());
    }

    #[test]
    fn a_permission_is_named_by_its_key_or_its_name() {
        assert_eq!(Permission::named("browse projects").unwrap().key, "BROWSE_PROJECTS");
        assert_eq!(Permission::named("RESOLVE_ISSUES").unwrap().name, "Resolve Issues");
        assert!(Permission::named("Make Coffee").is_none());
    }
}
