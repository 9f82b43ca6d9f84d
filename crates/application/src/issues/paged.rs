//! What hangs on one issue, in pages: an automation may have changed an issue twenty thousand times.

use async_trait::async_trait;
use domain::ids::{InstanceId, IssueId};

use super::{CommentRow, HistoryRow};
use crate::{
    catalog::{Entry, PageOf},
    error::Result,
    history::FieldSpan,
};

/// Reading comments, changes and past of one issue in pages. A [`crate::catalog::Position`] there names the issue where lists of
/// reference data name an instance; that of another issue is an [`crate::Error::Invalid`] of `cursor`.
#[async_trait]
pub trait ChildrenStore: Send {
    /// Comments, oldest first.
    async fn comments_of(&mut self, issue: IssueId, page: &PageOf) -> Result<Vec<Entry<CommentRow>>>;

    /// Present comments of present issues by their numeric ids, oldest first.
    async fn comments_by_id(&mut self, instance: InstanceId, ids: &[String]) -> Result<Vec<CommentRow>>;

    /// Histories with their items, oldest first.
    async fn histories_of(&mut self, issue: IssueId, page: &PageOf) -> Result<Vec<Entry<HistoryRow>>>;

    /// The field of this id over time, or every field, by field id.
    async fn field_history_of(
        &mut self,
        issue: IssueId,
        field: Option<&str>,
        page: &PageOf,
    ) -> Result<Vec<Entry<FieldSpan>>>;
}
