//! The bytes of attachments, which only a sandbox has. They are rows of the tenant like all others: held to it by the database, and
//! gone with it.

use async_trait::async_trait;
use domain::ids::{InstanceId, IssueId};

use crate::error::Result;

/// Storage of attachments' contents.
#[async_trait]
pub trait ContentStore: Send {
    /// The numeric id of the issue on which a present attachment hangs.
    async fn issue_of_attachment(&mut self, instance: InstanceId, attachment: &str)
    -> Result<Option<String>>;

    /// Stores the bytes of an attachment.
    async fn store_content(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        attachment: &str,
        bytes: &[u8],
    ) -> Result<()>;

    /// The bytes of an attachment, where they are here.
    async fn content(&mut self, instance: InstanceId, attachment: &str) -> Result<Option<Vec<u8>>>;

    /// Forgets the bytes of an attachment.
    async fn remove_content(&mut self, instance: InstanceId, attachment: &str) -> Result<()>;
}
