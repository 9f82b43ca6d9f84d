//! What only a sandbox's own writes ask of the database, and what came of changes to many issues.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;

/// What came of a change to many issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkTask {
    /// Its id.
    pub id: Uuid,
    /// When it was asked for.
    pub created: DateTime<Utc>,
    /// Numeric ids of the issues that were changed.
    pub processed: Vec<i64>,
    /// By numeric id of an issue: why it was not.
    pub failed: BTreeMap<String, Vec<String>>,
    /// How many were named that are not there, or not to be seen.
    pub missing: i32,
}

/// An entry of an issue's list of links or sub-tasks that readers are not shown now.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenEntry {
    /// Numeric id of the issue that has it.
    pub issue: String,
    /// `issuelinks` or `subtasks`.
    pub list: String,
    /// Its place in the whole list, from 0.
    pub place: usize,
    /// The entry.
    pub entry: Value,
}

/// Storage for the writes of a sandbox.
#[async_trait]
pub trait SandboxStore: Send {
    /// Locks the present ones of these issues (by Jira's numeric id) until the end of the transaction, in an order that every
    /// transaction keeps; answers their numeric ids.
    async fn lock_issues(&mut self, instance: InstanceId, jira_ids: &[String]) -> Result<Vec<String>>;

    /// What these issues list as links and sub-tasks and readers are not shown now, because the other issue is out of sight and may
    /// come back: in the order of the lists.
    async fn hidden_entries(&mut self, instance: InstanceId, jira_ids: &[String])
    -> Result<Vec<HiddenEntry>>;

    /// The number of the next key of a project: above those of all issues that are, were, or were moved away from there. Nobody else
    /// gets one, and the project stays what it is, until the end of the transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for a project that is not there any more, and those of the database.
    async fn next_key_number(&mut self, instance: InstanceId, project_key: &str) -> Result<i64>;

    /// The workflow that a sandbox was given, as written; `None` where it has the one it has by itself.
    async fn sandbox_workflow(&mut self, instance: InstanceId) -> Result<Option<Value>>;

    /// Gives a sandbox a workflow, or takes it away.
    async fn set_sandbox_workflow(&mut self, instance: InstanceId, workflow: Option<&Value>) -> Result<()>;

    /// The place of the next version of a project (its numeric id): behind those of all it ever had.
    async fn next_version_place(&mut self, instance: InstanceId, project: &str) -> Result<i32>;

    /// Notes a version as deleted.
    async fn remove_version(&mut self, instance: InstanceId, version: &str) -> Result<()>;

    /// Notes a component as deleted.
    async fn remove_component(&mut self, instance: InstanceId, component: &str) -> Result<()>;

    /// Puts the present versions and components into the document of the project with this key, where that has lists of them.
    async fn show_parts_in_project(&mut self, instance: InstanceId, key: &str) -> Result<()>;

    /// Notes a task, and forgets those of the instance that are older than two weeks.
    async fn note_bulk_task(&mut self, instance: InstanceId, task: &BulkTask) -> Result<()>;

    /// A task.
    async fn bulk_task(&mut self, instance: InstanceId, id: Uuid) -> Result<Option<BulkTask>>;

    /// Notes a filter as deleted.
    async fn remove_filter(&mut self, instance: InstanceId, filter: &str) -> Result<()>;

    /// The numeric ids of the present issues at the ends of a present link: from which it goes out, and to which it goes.
    async fn link_ends(&mut self, instance: InstanceId, link: &str) -> Result<Option<(String, String)>>;
}
