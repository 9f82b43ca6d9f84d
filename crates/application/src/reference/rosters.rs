//! What a project, an Agile board or a custom field lists, and the saved filters.

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::Value;

/// A version of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRecord {
    /// Its id.
    pub jira_id: String,
    /// The project's numeric id, where it is known.
    pub project_jira_id: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Its place in the project's list, 0 first; `None` where only an issue showed it.
    pub sequence: Option<i32>,
    /// Whether it is hidden from new issues.
    pub archived: bool,
    /// Whether it is out.
    pub released: bool,
    /// When work on it began.
    pub start: Option<NaiveDate>,
    /// When it was, or is to be, released.
    pub release: Option<NaiveDate>,
    /// As served.
    pub raw: Arc<Value>,
}

/// A component of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentRecord {
    /// Its id.
    pub jira_id: String,
    /// The project's numeric id, where it is known.
    pub project_jira_id: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// `accountId` or user key of its lead.
    pub lead_account_id: Option<String>,
    /// As served, without e-mail addresses.
    pub raw: Arc<Value>,
}

/// An Agile board.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardRecord {
    /// Its id.
    pub jira_id: i64,
    /// Its name.
    pub name: String,
    /// `scrum`, `kanban` or `simple`.
    pub board_type: Option<String>,
    /// The numeric id of the project it is at home in.
    pub project_jira_id: Option<String>,
    /// As served.
    pub raw: Value,
}

/// All sprints that a board lists: its own, and those of other boards of which its filter has issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardSprints {
    /// The board.
    pub board_id: i64,
    /// Ids of the sprints.
    pub sprint_ids: Vec<i64>,
}

/// A saved filter.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterRecord {
    /// Its id.
    pub jira_id: String,
    /// Its name; not unique.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Its question.
    pub jql: Option<String>,
    /// `accountId` or user key of its owner.
    pub owner_account_id: Option<String>,
    /// As served, without e-mail addresses.
    pub raw: Value,
}

/// A dashboard.
#[derive(Clone, Debug, PartialEq)]
pub struct DashboardRecord {
    /// Its id.
    pub jira_id: String,
    /// Its name; not unique.
    pub name: String,
    /// As served, without e-mail addresses.
    pub raw: Value,
}

/// A type of links between issues.
#[derive(Clone, Debug, PartialEq)]
pub struct IssueLinkTypeRecord {
    /// Its id.
    pub jira_id: String,
    /// Its name: "Blocks".
    pub name: String,
    /// How the inward end reads: "is blocked by".
    pub inward: Option<String>,
    /// How the outward end reads: "blocks".
    pub outward: Option<String>,
    /// As served.
    pub raw: Value,
}

/// Where a custom field applies.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextRecord {
    /// `customfield_10020` ...
    pub field_key: String,
    /// Its id.
    pub jira_id: String,
    /// Its name.
    pub name: String,
    /// Whether it applies to every project that has no context of its own.
    pub is_global: bool,
    /// As served.
    pub raw: Value,
}

/// An option of a select, radio, checkbox or cascading field.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionRecord {
    /// `customfield_10020` ...
    pub field_key: String,
    /// Its id.
    pub jira_id: String,
    /// The context that offers it, where known.
    pub context_id: Option<String>,
    /// The option under which it stands in a cascading select.
    pub parent_id: Option<String>,
    /// Its text.
    pub value: String,
    /// Its place in the field's list, 0 first; `None` where only an issue showed it.
    pub sequence: Option<i32>,
    /// Whether it is kept for old issues and not offered any more.
    pub disabled: bool,
    /// As served, without its child.
    pub raw: Value,
}
