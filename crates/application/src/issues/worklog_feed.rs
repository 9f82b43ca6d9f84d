//! Which worklogs of a site were changed or deleted since when (jira-facts 1.5).

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;

use super::WorklogRow;
use crate::error::Result;

/// A worklog that was changed or deleted: its number, and when.
pub type ChangedWorklog = (i64, DateTime<Utc>);

/// Reading of worklogs beyond issues.
#[async_trait]
pub trait WorklogFeedStore: Send {
    /// Worklogs that were changed after a moment and not after another, or deleted, oldest first. At most so many, but all of the
    /// last one's moment.
    async fn worklog_changes(
        &mut self,
        instance: InstanceId,
        deleted: bool,
        (after, until): (DateTime<Utc>, DateTime<Utc>),
        limit: i64,
    ) -> Result<Vec<ChangedWorklog>>;

    /// Present worklogs with these numeric ids, by id.
    async fn worklogs_numbered(&mut self, instance: InstanceId, ids: &[i64]) -> Result<Vec<WorklogRow>>;
}
