//! Groups of people, the roles that people and groups play in projects, and how boards are configured.

use async_trait::async_trait;
use domain::ids::InstanceId;
use serde_json::Value;

use crate::{error::Result, issues::Follower};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// Cloud's id; on Server and Data Center, which have none, the name in lower case.
    pub group_id: String,
    /// Its name.
    pub name: String,
}

/// All members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembers {
    /// The group.
    pub group_id: String,
    /// `accountId` or user key of each.
    pub accounts: Vec<String>,
}

/// The roles of a project, all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectRoles {
    /// The project's numeric id.
    pub project_jira_id: String,
    /// Its roles.
    pub roles: Vec<ProjectRoleRecord>,
}

/// A role in one project.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectRoleRecord {
    /// The role's id, the same in every project.
    pub jira_id: String,
    /// Its name.
    pub name: String,
    /// As served, with its actors and without e-mail addresses.
    pub raw: Value,
}

/// How a board is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardConfiguration {
    /// The board.
    pub board_id: i64,
    /// As served.
    pub raw: Value,
}

/// All who follow an issue, where they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueFollowers {
    /// The issue's numeric id.
    pub issue_jira_id: String,
    /// `accountId` or user key of each who watches it.
    pub watchers: Option<Vec<String>>,
    /// The same of each who voted for it.
    pub voters: Option<Vec<String>>,
}

/// A group as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// As [`GroupRecord::group_id`].
    pub group_id: String,
    /// Its name.
    pub name: String,
    /// Whether its members are known.
    pub members_known: bool,
}

/// Reading groups, roles and configurations; and what only a sandbox changes of groups.
#[async_trait]
pub trait GroupStore: Send {
    /// The groups of a site, by name.
    async fn groups(&mut self, instance: InstanceId) -> Result<Vec<Group>>;

    /// The groups that an account is in, as far as members are known, by name.
    async fn groups_of(&mut self, instance: InstanceId, account: &str) -> Result<Vec<Group>>;

    /// A page of a group's members, by name, and how many there are.
    async fn members_of(
        &mut self,
        instance: InstanceId,
        group_id: &str,
        page: MemberPage,
    ) -> Result<(Vec<Follower>, u64)>;

    /// Makes a group that has no members.
    async fn add_group(&mut self, instance: InstanceId, group: &GroupRecord) -> Result<()>;

    /// Takes a group and its memberships away.
    async fn remove_group(&mut self, instance: InstanceId, group_id: &str) -> Result<()>;

    /// Puts somebody into a group or out of it; `false` where that was so before. Accounts that are not known get a row.
    async fn set_member(
        &mut self,
        instance: InstanceId,
        group_id: &str,
        account: &str,
        member: bool,
    ) -> Result<bool>;

    /// The roles of a project (by its numeric id) as served, by id.
    async fn project_roles(&mut self, instance: InstanceId, project: &str) -> Result<Vec<Value>>;

    /// The roles of all projects as served, by id; of each that of one project.
    async fn site_roles(&mut self, instance: InstanceId) -> Result<Vec<Value>>;

    /// How a board is configured, as served.
    async fn board_configuration(&mut self, instance: InstanceId, board: i64) -> Result<Option<Value>>;
}

/// Which members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberPage {
    /// Inactive accounts too.
    pub with_inactive: bool,
    /// After so many.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}
