//! Groups with their members, roles with their actors, configurations of boards, and followers of issues, as their own lists serve
//! them.

use serde_json::Value;

use super::{children::text_of, clean::user_id_of};
use crate::{
    ports::ReferenceData,
    reference::{
        BoardConfiguration, GroupMembers, GroupRecord, IssueFollowers, ProjectRoleRecord, ProjectRoles,
        ReferenceRecords,
    },
};

/// A group: by its id, or where there is none by its name in lower case.
pub(super) fn group(raw: &Value) -> Option<GroupRecord> {
    let name = text_of(&raw["name"])?;
    Some(GroupRecord { group_id: text_of(&raw["groupId"]).unwrap_or_else(|| name.to_lowercase()), name })
}

/// Members of groups, roles of projects, configurations of boards and followers of issues: what was asked for one by one.
pub(super) fn members_and_roles(data: &ReferenceData, records: &mut ReferenceRecords) {
    records.group_members.extend(data.group_members.iter().map(|listed| GroupMembers {
        group_id: listed.group_id.clone(),
        accounts: accounts(&listed.members),
    }));
    records.followers.extend(data.followers.iter().map(|listed| IssueFollowers {
        issue_jira_id: listed.issue_id.clone(),
        watchers: listed.watchers.as_deref().map(accounts),
        voters: listed.voters.as_deref().map(accounts),
    }));
    records.project_roles.extend(data.project_roles.iter().map(|listed| ProjectRoles {
        project_jira_id: listed.project_id.clone(),
        roles: listed.roles.iter().filter_map(role).collect(),
    }));
    records.board_configurations.extend(
        data.board_configurations.iter().map(|listed| BoardConfiguration {
            board_id: listed.board_id,
            raw: listed.configuration.clone(),
        }),
    );
}

fn accounts(users: &[Value]) -> Vec<String> {
    users.iter().filter_map(user_id_of).collect()
}

fn role(raw: &Value) -> Option<ProjectRoleRecord> {
    Some(ProjectRoleRecord { jira_id: text_of(&raw["id"])?, name: text_of(&raw["name"])?, raw: raw.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ports::{ListedMembers, ListedRoles};

    #[test]
    fn a_group_without_an_id_is_named_by_its_name() {
        let group = |raw: Value| group(&raw).map(|group| (group.group_id, group.name));
        let staff = || "Staff".to_owned();
        assert_eq!(group(json!({"name": "Staff", "groupId": "9-5"})), Some(("9-5".into(), staff())));
        assert_eq!(group(json!({"name": "Staff", "groupId": null})), Some(("staff".into(), staff())));
        assert_eq!(group(json!({"groupId": "9-5"})), None);
    }

    #[test]
    fn members_are_accounts_and_roles_are_kept_as_served() {
        let role = json!({"id": 10002, "name": "Administrators",
                          "actors": [{"type": "atlassian-group-role-actor", "actorGroup": {"name": "staff"}}]});
        let data = ReferenceData {
            group_members: vec![ListedMembers {
                group_id: "9-5".into(),
                members: vec![json!({"accountId": "ann"}), json!({"key": "bob", "name": "Bob"}), json!({})],
            }],
            project_roles: vec![ListedRoles { project_id: "10".into(), roles: vec![role.clone()] }],
            ..ReferenceData::default()
        };
        let mut records = ReferenceRecords::default();
        members_and_roles(&data, &mut records);
        assert_eq!(records.group_members[0].accounts, ["ann", "bob"]);
        let kept = &records.project_roles[0].roles[0];
        assert_eq!((kept.jira_id.as_str(), &kept.raw), ("10002", &role));
    }
}
