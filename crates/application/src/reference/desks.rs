//! Service desks of a site, how they are set up, and the organisations of their customers, as its own lists serve them.

use chrono::{DateTime, Utc};
use domain::service_desk::Setup;
use serde_json::Value;

/// A service desk. How it is set up is asked for desk by desk ([`DeskSetup`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskRecord {
    /// Its id; not that of its project.
    pub jira_id: String,
    /// The numeric id of its project.
    pub project_jira_id: String,
}

/// How one desk is set up, as far as a site shows it: request types with their forms, their groups, queues and organisations.
#[derive(Clone, Debug, PartialEq)]
pub struct DeskSetup {
    /// The desk.
    pub desk_id: String,
    /// How it is set up.
    pub setup: Setup,
}

/// An organisation of customers. Its people are asked for organisation by organisation ([`OrganizationMembers`]).
#[derive(Clone, Debug, PartialEq)]
pub struct OrganizationRecord {
    /// Its id.
    pub jira_id: String,
    /// Its name.
    pub name: String,
    /// When it was made, where the site tells.
    pub created: Option<DateTime<Utc>>,
    /// As served.
    pub raw: Value,
}

/// The people of one organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationMembers {
    /// The organisation.
    pub organization_id: String,
    /// Account ids, or user keys on Server and Data Center, in the order in which the site lists them.
    pub accounts: Vec<String>,
}
