//! Reading the reference data of a tenant: projects, people, boards, sprints and fields, in pages.
//!
//! A list is ordered by the instance's name, then by what people know the thing by, then by its id; a page ends with a
//! [`Position`], from which the next one goes on, so that what is added or removed in between shifts nothing.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::InstanceId;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    ports::TenantTx,
};

/// Where in a list a page ended: instance, sorting text and id of its last entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The instance's name.
    pub instance: String,
    /// What the list is ordered by.
    pub sort: String,
    /// The entry's id.
    pub id: String,
}

/// Which part of a list.
#[derive(Clone, Debug, Default)]
pub struct PageOf {
    /// Only this instance.
    pub instance: Option<InstanceId>,
    /// Only what comes after.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: i64,
}

/// An entry of a list, with its place in it.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// Its place.
    pub position: Position,
    /// What it is.
    pub row: T,
}

/// A project.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectRow {
    /// Our id.
    pub id: Uuid,
    /// The instance's name.
    pub instance: String,
    /// Numeric id.
    pub jira_id: String,
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// `software`, `service_desk`, `business` ...
    pub project_type: Option<String>,
    /// The lead's `accountId` or user key.
    pub lead_account_id: Option<String>,
    /// The lead's name.
    pub lead: Option<String>,
}

/// A version.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRow {
    /// Its id.
    pub jira_id: String,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Whether it is hidden from new issues.
    pub archived: bool,
    /// Whether it is out.
    pub released: bool,
    /// When work on it began.
    pub start: Option<NaiveDate>,
    /// When it was, or is to be, released.
    pub release: Option<NaiveDate>,
}

/// A component.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentRow {
    /// Its id.
    pub jira_id: String,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The lead's name.
    pub lead: Option<String>,
}

/// A user. Addresses are not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRow {
    /// Our id.
    pub id: Uuid,
    /// The instance's name.
    pub instance: String,
    /// `accountId`, or the user key on Server and Data Center.
    pub account_id: String,
    /// The name as last seen.
    pub display_name: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// Whether the account is active.
    pub active: bool,
}

/// A board.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardRow {
    /// The instance's name.
    pub instance: String,
    /// Its id.
    pub jira_id: i64,
    /// Its name.
    pub name: String,
    /// `scrum`, `kanban` or `simple`.
    pub board_type: Option<String>,
    /// The key of the project it is at home in.
    pub project: Option<String>,
}

/// A sprint.
#[derive(Clone, Debug, PartialEq)]
pub struct SprintRow {
    /// The instance's name.
    pub instance: String,
    /// Its id.
    pub jira_id: i64,
    /// Its name.
    pub name: String,
    /// `future`, `active` or `closed`.
    pub state: String,
    /// The board it belongs to.
    pub board_id: Option<i64>,
    /// Its goal.
    pub goal: Option<String>,
    /// When it began.
    pub start: Option<DateTime<Utc>>,
    /// When it is to end.
    pub end: Option<DateTime<Utc>>,
    /// When it was closed.
    pub complete: Option<DateTime<Utc>>,
}

/// A stay of an issue in a sprint.
#[derive(Clone, Debug, PartialEq)]
pub struct SprintIssueRow {
    /// The issue's key.
    pub key: String,
    /// Its summary.
    pub summary: String,
    /// Its status, now.
    pub status: String,
    /// The status's category, now.
    pub status_category: String,
    /// Story points, now.
    pub story_points: Option<f64>,
    /// Since when it was in the sprint.
    pub added: DateTime<Utc>,
    /// When it was taken out.
    pub removed: Option<DateTime<Utc>>,
    /// Whether it was done when the sprint was closed; `None` while the sprint is open, and for an issue that was not in it
    /// then. In at the close and not done is carried over.
    pub done_at_close: Option<bool>,
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRow {
    /// The instance's name.
    pub instance: String,
    /// Its instance.
    pub instance_id: InstanceId,
    /// `summary`, `customfield_10020` ...
    pub field_key: String,
    /// Its name; not unique.
    pub name: String,
    /// Whether it is a custom field.
    pub custom: bool,
    /// What kind of values it has, as the site describes it: `type`, `items`, `custom`.
    pub schema: Option<Value>,
}

/// An option of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionRow {
    /// Its id.
    pub jira_id: String,
    /// The context that offers it, where known.
    pub context_id: Option<String>,
    /// The option under which it stands in a cascading select.
    pub parent_id: Option<String>,
    /// Its text.
    pub value: String,
    /// Whether it is kept for old issues and not offered any more.
    pub disabled: bool,
}

/// Reading reference data. Lists have present entries only.
#[async_trait]
pub trait CatalogStore: Send {
    /// Projects, by key.
    async fn projects(&mut self, page: &PageOf) -> Result<Vec<Entry<ProjectRow>>>;

    /// The projects with this key or numeric id, one per instance at most; a key beats an id that looks like it.
    async fn projects_named(
        &mut self,
        instance: Option<InstanceId>,
        key_or_id: &str,
    ) -> Result<Vec<ProjectRow>>;

    /// A project's versions, in its order.
    async fn versions(&mut self, project: Uuid) -> Result<Vec<VersionRow>>;

    /// A project's components, by name.
    async fn components(&mut self, project: Uuid) -> Result<Vec<ComponentRow>>;

    /// Users, by name, and then those of whom only the account is known; only those whose name has the words of `query` in it, in any case.
    async fn users(&mut self, page: &PageOf, query: Option<&str>) -> Result<Vec<Entry<UserRow>>>;

    /// Boards, by name.
    async fn boards(&mut self, page: &PageOf) -> Result<Vec<Entry<BoardRow>>>;

    /// Sprints, oldest first; only those that a board lists, and only of one state.
    async fn sprints(
        &mut self,
        page: &PageOf,
        board: Option<i64>,
        state: Option<&str>,
    ) -> Result<Vec<Entry<SprintRow>>>;

    /// The sprints with this id, one per instance at most.
    async fn sprints_numbered(
        &mut self,
        instance: Option<InstanceId>,
        id: i64,
    ) -> Result<Vec<(InstanceId, SprintRow)>>;

    /// Stays of issues in a sprint, by key; after an issue and the beginning of its stay.
    async fn sprint_issues(
        &mut self,
        sprint: (InstanceId, i64),
        page: &PageOf,
    ) -> Result<Vec<Entry<SprintIssueRow>>>;

    /// Fields, system fields first, by id; only custom ones or only system ones.
    async fn fields(&mut self, page: &PageOf, custom: Option<bool>) -> Result<Vec<Entry<FieldRow>>>;

    /// The fields with this id or, where no id is like that, with this name in any case. Names are not unique.
    async fn fields_named(&mut self, instance: Option<InstanceId>, id_or_name: &str)
    -> Result<Vec<FieldRow>>;

    /// A field's options: the roster's in its order, then those that only issues have shown.
    async fn options(&mut self, instance: InstanceId, field_key: &str) -> Result<Vec<OptionRow>>;
}

/// The project with this key or numeric id.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] where several instances have one, naming them.
pub async fn require_project(
    tx: &mut dyn TenantTx,
    instance: Option<InstanceId>,
    key_or_id: &str,
) -> Result<ProjectRow> {
    let found = tx.projects_named(instance, key_or_id).await?;
    only_one(found, "project", key_or_id, |project| format!("`{}`", project.instance), "name the instance")
}

/// The sprint with this id, and its instance.
///
/// # Errors
/// As [`require_project`].
pub async fn require_sprint(
    tx: &mut dyn TenantTx,
    instance: Option<InstanceId>,
    id: i64,
) -> Result<(InstanceId, SprintRow)> {
    let found = tx.sprints_numbered(instance, id).await?;
    let of = |(_, sprint): &(InstanceId, SprintRow)| format!("`{}`", sprint.instance);
    only_one(found, "sprint", &id.to_string(), of, "name the instance")
}

/// The field with this id or name.
///
/// # Errors
/// As [`require_project`]; also where several fields of one instance have the name.
pub async fn require_field(
    tx: &mut dyn TenantTx,
    instance: Option<InstanceId>,
    id_or_name: &str,
) -> Result<FieldRow> {
    let found = tx.fields_named(instance, id_or_name).await?;
    let of = |field: &FieldRow| format!("`{}` of `{}`", field.field_key, field.instance);
    only_one(found, "field", id_or_name, of, "give the field's id, and name the instance")
}

fn only_one<T>(
    mut found: Vec<T>,
    what: &'static str,
    id: &str,
    name: impl Fn(&T) -> String,
    remedy: &str,
) -> Result<T> {
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(name).collect();
        return Err(Error::Conflict(format!(
            "`{id}` is a {what} of several: {}; {remedy}",
            names.join(", ")
        )));
    }
    found.pop().ok_or_else(|| Error::not_found(what, id))
}
