//! Reference data of a site: what issues point to. A rename changes one row.

mod desks;
mod groups;
mod rosters;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::InstanceId;
use serde_json::Value;

pub use desks::{DeskRecord, DeskSetup, OrganizationMembers, OrganizationRecord};
pub use groups::{
    BoardConfiguration, Group, GroupMembers, GroupRecord, GroupStore, IssueFollowers, MemberPage,
    ProjectRoleRecord, ProjectRoles,
};
pub use rosters::{
    BoardRecord, BoardSprints, ComponentRecord, ContextRecord, DashboardRecord, FilterRecord,
    IssueLinkTypeRecord, OptionRecord, VersionRecord,
};

use crate::{error::Result, issues::Presence};

/// A project.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectRecord {
    /// Numeric id.
    pub jira_id: String,
    /// Its present key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// `software`, `service_desk`, `business` ...
    pub project_type: Option<String>,
    /// The lead, where the site says.
    pub lead_account_id: Option<String>,
    /// As served, without e-mail addresses; `None` where only a cut-down copy inside an issue was seen.
    pub raw: Option<Arc<Value>>,
}

/// A user.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRecord {
    /// `accountId`, or the user key on Server and Data Center.
    pub account_id: String,
    /// The name as last seen.
    pub display_name: Option<String>,
    /// Keyed hash of the address, where the site shows it.
    pub email_hash: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// Whether the account is active, where the payload tells: a cut-down copy does not.
    pub active: Option<bool>,
    /// As served, without the address.
    pub raw: Arc<Value>,
}

/// A status.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusRecord {
    /// Its id.
    pub jira_id: String,
    /// Its name, localised.
    pub name: String,
    /// `new`, `indeterminate`, `done` or `undefined`.
    pub category: String,
    /// As served.
    pub raw: Arc<Value>,
}

/// An issue type.
#[derive(Clone, Debug, PartialEq)]
pub struct IssueTypeRecord {
    /// Its id.
    pub jira_id: String,
    /// Its name, localised.
    pub name: String,
    /// Whether its issues are sub-tasks.
    pub subtask: bool,
    /// −1 sub-task, 0 standard, 1 epic; absent on Server and Data Center.
    pub hierarchy_level: Option<i16>,
    /// As served.
    pub raw: Arc<Value>,
}

/// A priority or a resolution.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedRecord {
    /// Its id.
    pub jira_id: String,
    /// Its name, localised.
    pub name: String,
    /// Its place in the site's list, 0 first; `None` where only an issue showed it, so that its place is not known.
    pub rank: Option<i32>,
    /// As served.
    pub raw: Arc<Value>,
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRecord {
    /// `summary`, `customfield_10020` ...
    pub field_key: String,
    /// Its name; not unique.
    pub name: String,
    /// `schema.custom` or `schema.type`.
    pub field_type: Option<String>,
    /// Whether it is a custom field.
    pub custom: bool,
    /// As served.
    pub raw: Value,
}

/// A sprint, as its custom field shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct SprintRecord {
    /// Its id.
    pub jira_id: i64,
    /// Its name.
    pub name: String,
    /// `future`, `active` or `closed`.
    pub state: String,
    /// Its board.
    pub board_id: Option<i64>,
    /// Its goal.
    pub goal: Option<String>,
    /// When it began.
    pub start: Option<DateTime<Utc>>,
    /// When it is to end.
    pub end: Option<DateTime<Utc>>,
    /// When it was closed.
    pub complete: Option<DateTime<Utc>>,
    /// As served.
    pub raw: Value,
}

/// One value of a multi-valued or custom field of an issue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldValueRecord {
    /// Jira's field id.
    pub field_id: String,
    /// Its place in the field, from 0.
    pub ordinal: i32,
    /// The id of the value, where it has one.
    pub value_id: Option<String>,
    /// The value's text.
    pub text: Option<String>,
    /// The value as a number.
    pub number: Option<f64>,
    /// The value as a time; a date is its midnight in UTC.
    pub time: Option<DateTime<Utc>>,
}

/// Rosters, read into records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReferenceRecords {
    /// Projects.
    pub projects: Vec<ProjectRecord>,
    /// Users.
    pub users: Vec<UserRecord>,
    /// Statuses.
    pub statuses: Vec<StatusRecord>,
    /// Issue types.
    pub issue_types: Vec<IssueTypeRecord>,
    /// Priorities.
    pub priorities: Vec<RankedRecord>,
    /// Resolutions.
    pub resolutions: Vec<RankedRecord>,
    /// Fields.
    pub fields: Vec<FieldRecord>,
    /// Sprints.
    pub sprints: Vec<SprintRecord>,
    /// Versions.
    pub versions: Vec<VersionRecord>,
    /// Components.
    pub components: Vec<ComponentRecord>,
    /// Boards.
    pub boards: Vec<BoardRecord>,
    /// Which sprints boards list, each board whole.
    pub board_sprints: Vec<BoardSprints>,
    /// Filters.
    pub filters: Vec<FilterRecord>,
    /// Dashboards.
    pub dashboards: Vec<DashboardRecord>,
    /// Types of links.
    pub link_types: Vec<IssueLinkTypeRecord>,
    /// Contexts of custom fields.
    pub contexts: Vec<ContextRecord>,
    /// Options of custom fields.
    pub options: Vec<OptionRecord>,
    /// Groups.
    pub groups: Vec<GroupRecord>,
    /// Who is in groups, each group whole.
    pub group_members: Vec<GroupMembers>,
    /// Who plays which role in projects, each project whole.
    pub project_roles: Vec<ProjectRoles>,
    /// How boards are configured.
    pub board_configurations: Vec<BoardConfiguration>,
    /// Who follows issues.
    pub followers: Vec<IssueFollowers>,
    /// Service desks.
    pub service_desks: Vec<DeskRecord>,
    /// How desks are set up, each desk whole.
    pub desk_setups: Vec<DeskSetup>,
    /// Organisations of customers.
    pub organizations: Vec<OrganizationRecord>,
    /// Who is in organisations, each organisation whole.
    pub organization_members: Vec<OrganizationMembers>,
    /// The lists above that name everything the site has: what they do not name has vanished. A list that is not named
    /// here may be a part, or was not asked for.
    pub whole: Vec<Roster>,
    /// The projects (numeric ids) whose versions and components are listed here, all of them.
    pub parts_of: Vec<String>,
    /// The custom fields whose options are listed here, to their ends: one without any has none.
    pub options_of: Vec<String>,
    /// The custom fields whose contexts are listed here.
    pub contexts_of: Vec<String>,
}

/// Which roster of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roster {
    /// `projects`
    Projects,
    /// `statuses`
    Statuses,
    /// `issue_types`
    IssueTypes,
    /// `priorities`, highest first
    Priorities,
    /// `resolutions`
    Resolutions,
    /// `custom_fields`
    Fields,
    /// `users`
    Users,
    /// `versions`, in the order of their projects
    Versions,
    /// `components`
    Components,
    /// `boards`
    Boards,
    /// `sprints`
    Sprints,
    /// `filters`
    Filters,
    /// `dashboards`
    Dashboards,
    /// `issue_link_types`
    IssueLinkTypes,
    /// `groups`, by name
    Groups,
    /// `service_desks`: their ids and projects alone
    ServiceDesks,
    /// `organizations`: their ids and names alone
    Organizations,
}

/// A due date and such.
pub type Day = NaiveDate;

/// Storage of reference data.
#[async_trait]
pub trait ReferenceStore: Send {
    /// Inserts what is new and rewrites what differs. `complete` records come from rosters; others were seen inside
    /// issues, and fill gaps without overwriting a roster's row with a cut-down copy. What has vanished from a whole list
    /// ([`ReferenceRecords::whole`]), and no present issue refers to, is noted as deleted; its row stays.
    async fn upsert_reference(
        &mut self,
        instance: InstanceId,
        records: &ReferenceRecords,
        complete: bool,
    ) -> Result<()>;

    /// The project with this key, or else numeric id, as served.
    async fn project(&mut self, instance: InstanceId, key_or_id: &str) -> Result<Option<Value>>;

    /// The projects that are noted as archived, or as trashed, as served, by key.
    async fn projects_noted_as(&mut self, instance: InstanceId, presence: Presence) -> Result<Vec<Value>>;

    /// The user with this account id or user key, as served; `None` where nothing but the id is known.
    async fn user(&mut self, instance: InstanceId, account: &str) -> Result<Option<Value>>;

    /// A roster as served, in its order.
    async fn roster(&mut self, instance: InstanceId, roster: Roster) -> Result<Vec<Value>>;

    /// The fields, as served, that may be among those which [`crate::ingest::FieldRoles`] looks for: a few of a thousand.
    async fn fields_with_roles(&mut self, instance: InstanceId) -> Result<Vec<Value>>;
}
