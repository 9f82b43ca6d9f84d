//! Reference data: rosters, and what was seen inside issues.
//!
//! A copy inside an issue is cut down, but it is the site's present word: it renames, and it adds to what a roster said
//! without taking anything away (`stored || seen`). Rows that would stay as they are are not touched, so that pages do
//! not wait for each other at a status that all of them name.

mod boards_and_filters;
mod dashboards_and_desks;
mod followers;
mod groups_and_roles;
mod link_types_and_options;
mod people_and_projects;
mod rankings;
mod roster;
mod sprints_and_fields;
mod statuses_and_types;
mod vanished;
mod versions_and_components;

use std::collections::BTreeMap;

use application::{
    Result,
    issues::Presence,
    reference::{
        BoardConfiguration, BoardRecord, BoardSprints, ComponentRecord, ContextRecord, DashboardRecord,
        DeskRecord, DeskSetup, FieldRecord, FilterRecord, GroupMembers, GroupRecord, IssueFollowers,
        IssueLinkTypeRecord, IssueTypeRecord, OptionRecord, OrganizationMembers, OrganizationRecord,
        ProjectRecord, ProjectRoles, RankedRecord, ReferenceRecords, ReferenceStore, Roster, SprintRecord,
        StatusRecord, UserRecord, VersionRecord,
    },
};
use async_trait::async_trait;
use domain::ids::InstanceId;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use super::{
    errors::convert,
    transaction::{PgTenantTx, Scope},
};

/// Reference records by id; of two with one id, the one added last.
#[derive(Default)]
pub(super) struct Seen<'a> {
    projects: BTreeMap<&'a str, SeenProject<'a>>,
    /// `None` where only the account's id was seen.
    users: BTreeMap<&'a str, Option<&'a UserRecord>>,
    statuses: BTreeMap<&'a str, &'a StatusRecord>,
    issue_types: BTreeMap<&'a str, &'a IssueTypeRecord>,
    priorities: BTreeMap<&'a str, &'a RankedRecord>,
    resolutions: BTreeMap<&'a str, &'a RankedRecord>,
    fields: BTreeMap<&'a str, &'a FieldRecord>,
    sprints: BTreeMap<i64, &'a SprintRecord>,
    versions: BTreeMap<&'a str, &'a VersionRecord>,
    components: BTreeMap<&'a str, &'a ComponentRecord>,
    boards: BTreeMap<i64, &'a BoardRecord>,
    board_sprints: BTreeMap<i64, &'a BoardSprints>,
    filters: BTreeMap<&'a str, &'a FilterRecord>,
    dashboards: BTreeMap<&'a str, &'a DashboardRecord>,
    link_types: BTreeMap<&'a str, &'a IssueLinkTypeRecord>,
    /// By field and id, like the next.
    contexts: BTreeMap<(&'a str, &'a str), &'a ContextRecord>,
    options: BTreeMap<(&'a str, &'a str), &'a OptionRecord>,
    groups: BTreeMap<&'a str, &'a GroupRecord>,
    group_members: BTreeMap<&'a str, &'a GroupMembers>,
    project_roles: BTreeMap<&'a str, &'a ProjectRoles>,
    board_configurations: BTreeMap<i64, &'a BoardConfiguration>,
    followers: BTreeMap<&'a str, &'a IssueFollowers>,
    service_desks: BTreeMap<&'a str, &'a DeskRecord>,
    desk_setups: BTreeMap<&'a str, &'a DeskSetup>,
    organizations: BTreeMap<&'a str, &'a OrganizationRecord>,
    organization_members: BTreeMap<&'a str, &'a OrganizationMembers>,
}

/// A project, or its key alone, as an issue's key has it.
enum SeenProject<'a> {
    Whole(&'a ProjectRecord),
    Key(&'a str),
}

impl<'a> Seen<'a> {
    pub(super) fn add(&mut self, records: &'a ReferenceRecords) {
        self.projects.extend(records.projects.iter().map(|r| (r.jira_id.as_str(), SeenProject::Whole(r))));
        self.users.extend(records.users.iter().map(|r| (r.account_id.as_str(), Some(r))));
        self.statuses.extend(records.statuses.iter().map(|r| (r.jira_id.as_str(), r)));
        self.issue_types.extend(records.issue_types.iter().map(|r| (r.jira_id.as_str(), r)));
        self.priorities.extend(records.priorities.iter().map(|r| (r.jira_id.as_str(), r)));
        self.resolutions.extend(records.resolutions.iter().map(|r| (r.jira_id.as_str(), r)));
        self.fields.extend(records.fields.iter().map(|r| (r.field_key.as_str(), r)));
        self.sprints.extend(records.sprints.iter().map(|r| (r.jira_id, r)));
        self.versions.extend(records.versions.iter().map(|r| (r.jira_id.as_str(), r)));
        self.components.extend(records.components.iter().map(|r| (r.jira_id.as_str(), r)));
        self.boards.extend(records.boards.iter().map(|r| (r.jira_id, r)));
        self.board_sprints.extend(records.board_sprints.iter().map(|r| (r.board_id, r)));
        self.filters.extend(records.filters.iter().map(|r| (r.jira_id.as_str(), r)));
        self.dashboards.extend(records.dashboards.iter().map(|r| (r.jira_id.as_str(), r)));
        self.link_types.extend(records.link_types.iter().map(|r| (r.jira_id.as_str(), r)));
        self.contexts
            .extend(records.contexts.iter().map(|r| ((r.field_key.as_str(), r.jira_id.as_str()), r)));
        self.options.extend(records.options.iter().map(|r| ((r.field_key.as_str(), r.jira_id.as_str()), r)));
        self.groups.extend(records.groups.iter().map(|r| (r.group_id.as_str(), r)));
        self.group_members.extend(records.group_members.iter().map(|r| (r.group_id.as_str(), r)));
        self.project_roles.extend(records.project_roles.iter().map(|r| (r.project_jira_id.as_str(), r)));
        self.followers.extend(records.followers.iter().map(|r| (r.issue_jira_id.as_str(), r)));
        self.board_configurations.extend(records.board_configurations.iter().map(|r| (r.board_id, r)));
        self.service_desks.extend(records.service_desks.iter().map(|r| (r.jira_id.as_str(), r)));
        self.desk_setups.extend(records.desk_setups.iter().map(|r| (r.desk_id.as_str(), r)));
        self.organizations.extend(records.organizations.iter().map(|r| (r.jira_id.as_str(), r)));
        self.organization_members
            .extend(records.organization_members.iter().map(|r| (r.organization_id.as_str(), r)));
    }

    /// An account that something points to: it needs a row, whatever is known of it.
    pub(super) fn add_account(&mut self, account: &'a str) {
        self.users.entry(account).or_insert(None);
    }

    /// A project that an issue points to: it needs a row, whatever is known of it.
    pub(super) fn add_project(&mut self, jira_id: &'a str, key: &'a str) {
        self.projects.entry(jira_id).or_insert(SeenProject::Key(key));
    }
}

/// Inserts what is new and rewrites what differs; `complete` records come from rosters and replace what was there. Answers
/// whether a project has another key now, and with it all of its issues.
pub(super) async fn upsert(
    conn: &mut PgConnection,
    scope: Scope,
    seen: &Seen<'_>,
    complete: bool,
) -> Result<bool> {
    let renamed = people_and_projects::upsert_projects(conn, scope, &seen.projects, complete).await?;
    people_and_projects::upsert_users(conn, scope, &seen.users, complete).await?;
    statuses_and_types::upsert_statuses(conn, scope, &seen.statuses, complete).await?;
    statuses_and_types::upsert_issue_types(conn, scope, &seen.issue_types, complete).await?;
    rankings::upsert_priorities(conn, scope, &seen.priorities, complete).await?;
    rankings::upsert_resolutions(conn, scope, &seen.resolutions, complete).await?;
    sprints_and_fields::upsert_sprints(conn, scope, &seen.sprints).await?;
    sprints_and_fields::upsert_fields(conn, scope, &seen.fields, complete).await?;
    versions_and_components::upsert_versions(conn, scope, &seen.versions, complete).await?;
    versions_and_components::upsert_components(conn, scope, &seen.components, complete).await?;
    boards_and_filters::upsert_boards(conn, scope, &seen.boards).await?;
    boards_and_filters::replace_board_sprints(conn, scope, &seen.board_sprints).await?;
    boards_and_filters::upsert_filters(conn, scope, &seen.filters).await?;
    dashboards_and_desks::upsert_dashboards(conn, scope, &seen.dashboards).await?;
    link_types_and_options::upsert_link_types(conn, scope, &seen.link_types, complete).await?;
    link_types_and_options::upsert_contexts(conn, scope, &seen.contexts).await?;
    link_types_and_options::upsert_options(conn, scope, &seen.options, complete).await?;
    groups_and_roles::upsert_groups(conn, scope, &seen.groups).await?;
    groups_and_roles::replace_members(conn, scope, &seen.group_members).await?;
    groups_and_roles::replace_roles(conn, scope, &seen.project_roles).await?;
    groups_and_roles::configure_boards(conn, scope, &seen.board_configurations).await?;
    followers::replace(conn, scope, &seen.followers).await?;
    dashboards_and_desks::upsert_desks(conn, scope, &seen.service_desks).await?;
    dashboards_and_desks::set_desks_up(conn, scope, &seen.desk_setups).await?;
    dashboards_and_desks::upsert_organizations(conn, scope, &seen.organizations).await?;
    dashboards_and_desks::replace_members(conn, scope, &seen.organization_members).await?;
    Ok(renamed)
}

/// Only objects can be added to; anything else says nothing.
fn object(raw: &Value) -> Option<Json<&Value>> {
    raw.is_object().then_some(Json(raw))
}

#[async_trait]
impl ReferenceStore for PgTenantTx {
    async fn upsert_reference(
        &mut self,
        instance: InstanceId,
        records: &ReferenceRecords,
        complete: bool,
    ) -> Result<()> {
        let mut seen = Seen::default();
        seen.add(records);
        let scope = Scope { tenant: self.tenant.0, instance };
        upsert(self.conn(), scope, &seen, complete).await?;
        vanished::note(self.conn(), scope, &seen, records).await
    }

    async fn project(&mut self, instance: InstanceId, key_or_id: &str) -> Result<Option<Value>> {
        roster::project(self.conn(), instance, key_or_id).await
    }

    async fn projects_noted_as(&mut self, instance: InstanceId, presence: Presence) -> Result<Vec<Value>> {
        roster::projects_noted_as(self.conn(), instance, presence).await
    }

    async fn user(&mut self, instance: InstanceId, account: &str) -> Result<Option<Value>> {
        roster::user(self.conn(), instance, account).await
    }

    async fn roster(&mut self, instance: InstanceId, roster: Roster) -> Result<Vec<Value>> {
        roster::read(self.conn(), instance, roster).await
    }

    async fn fields_with_roles(&mut self, instance: InstanceId) -> Result<Vec<Value>> {
        roster::fields_with_roles(self.conn(), instance).await
    }
}
