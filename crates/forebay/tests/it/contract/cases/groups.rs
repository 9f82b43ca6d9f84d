//! Groups with their members, and the roles that people and groups play in projects.

use serde_json::json;

use super::{Case, Landmarks, delete, get, post};

/// A group that every generated site has, and one that a case makes.
const USERS: &str = "groupname=jira-software-users";
const MADE: &str = "groupname=by%20a%20case";
/// A role that every generated project has.
const ROLE: &str = "10002";

pub fn all(at: &Landmarks) -> Vec<Case> {
    let mut cases = groups(at);
    cases.extend(roles(at));
    cases.extend(writes(at));
    cases
}

fn groups(at: &Landmarks) -> Vec<Case> {
    let account = &at.account;
    vec![
        get("bulkGetGroups", "group/bulk?maxResults=2", 200),
        get("bulkGetGroups", "group/bulk?groupName=jira-administrators", 200),
        get("bulkGetGroups", "group/bulk?maxResults=many", 400),
        get("getGroup", format!("group?{USERS}&expand=users"), 200),
        get("getGroup", "group", 400),
        get("getGroup", "group?groupname=nobody", 404),
        get("getUsersFromGroup", format!("group/member?{USERS}&maxResults=2&includeInactiveUsers=true"), 200),
        get("getUsersFromGroup", "group/member", 400),
        get("getUsersFromGroup", "group/member?groupId=nobody", 404),
        get("findGroups", "groups/picker?query=jira&exclude=jira-administrators", 200),
        get("findGroups", format!("groups/picker?accountId={account}"), 200),
        get("findUsersAndGroups", "groupuserpicker?query=a&showAvatar=true", 200),
        get("findUsersAndGroups", "groupuserpicker", 400),
        get("getUserGroups", format!("user/groups?accountId={account}"), 200),
        get("getUserGroups", "user/groups?accountId=nobody", 404),
        get("getUser", format!("user?accountId={account}&expand=groups"), 200),
        get("getCurrentUser", "myself?expand=groups", 200),
    ]
}

fn roles(at: &Landmarks) -> Vec<Case> {
    let of = |path: &str| format!("project/{}/{path}", at.key);
    vec![
        get("getAllProjectRoles", "role", 200),
        get("getProjectRoleById", format!("role/{ROLE}"), 200),
        get("getProjectRoleById", "role/99", 404),
        get("getProjectRoles", of("role"), 200),
        get("getProjectRoles", "project/NOPE/role", 404),
        get("getProjectRole", of(&format!("role/{ROLE}?excludeInactiveUsers=true")), 200),
        get("getProjectRole", of("role/99"), 404),
        get("getProjectRoleDetails", of("roledetails"), 200),
        get("getProjectRoleDetails", "project/NOPE/roledetails", 404),
    ]
}

fn writes(at: &Landmarks) -> Vec<Case> {
    let user = || json!({ "accountId": at.account });
    let members = format!("group/user?{MADE}");
    vec![
        post("createGroup", "group", json!({ "name": "by a case" }), 201),
        post("createGroup", "group", json!({ "name": "By A Case" }), 400),
        post("createGroup", "group", json!({ "name": " " }), 400),
        post("addUserToGroup", members.clone(), user(), 201),
        post("addUserToGroup", members.clone(), user(), 400),
        post("addUserToGroup", "group/user?groupname=nobody", user(), 404),
        delete("removeUserFromGroup", format!("{members}&accountId={}", at.account), 200),
        delete("removeUserFromGroup", format!("{members}&accountId={}", at.account), 400),
        delete("removeUserFromGroup", format!("{members}&accountId=nobody"), 404),
        delete("removeGroup", format!("group?{MADE}"), 200),
        delete("removeGroup", format!("group?{MADE}"), 404),
        delete("removeGroup", "group", 400),
    ]
}
