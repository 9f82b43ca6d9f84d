//! Which worklogs of a site were changed or deleted since when (jira-facts 1.5).

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;

use super::WorklogRow;
use crate::error::Result;

/// By what a feed goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedOrder {
    /// Present worklogs, by when they were changed.
    Changed,
    /// Present worklogs, by when the copy learnt of their last change.
    Learnt,
    /// Deleted worklogs, by when that was noted.
    Deleted,
}

/// A worklog that was changed or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedWorklog {
    /// Its numeric id.
    pub number: i64,
    /// When it was changed, or noted as deleted.
    pub at: DateTime<Utc>,
    /// Where it stands in the feed.
    pub place: DateTime<Utc>,
}

/// Reading of worklogs beyond issues.
#[async_trait]
pub trait WorklogFeedStore: Send {
    /// Worklogs whose place in the feed is after a moment and not after another, in its order. At most so many, but all of the last
    /// one's moment.
    async fn worklog_changes(
        &mut self,
        instance: InstanceId,
        order: FeedOrder,
        (after, until): (DateTime<Utc>, DateTime<Utc>),
        limit: i64,
    ) -> Result<Vec<ChangedWorklog>>;

    /// Present worklogs with these numeric ids, by id.
    async fn worklogs_numbered(&mut self, instance: InstanceId, ids: &[i64]) -> Result<Vec<WorklogRow>>;
}
