//! What hangs on an issue beside comments, worklogs and links: attachments, watchers, votes, and links to the outside.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, IssueId};
use serde::Deserialize;
use serde_json::Value;

use crate::error::Result;

/// What an issue's own payload tells of these.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttachedRecords {
    /// Its attachments. Jira embeds all of them, always.
    pub attachments: Vec<AttachmentRecord>,
    /// Whether the payload had the field, so that an attachment that is not listed is gone.
    pub attachments_complete: bool,
    /// How many watch it and voted for it; `None` where the payload does not say.
    pub counts: Option<Counts>,
    /// Its properties by key, those that were asked for; `None` where none was.
    pub properties: Option<Vec<(String, Value)>>,
}

/// An attachment: what is known of the file, which stays at the site.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachmentRecord {
    /// Numeric id.
    pub jira_id: String,
    /// `accountId` or user key; absent for anonymous and deleted authors.
    pub author: Option<String>,
    /// Its name.
    pub filename: String,
    /// Its media type.
    pub mime_type: Option<String>,
    /// Its size, in bytes.
    pub size: Option<i64>,
    /// Where the site serves it.
    pub content_url: Option<String>,
    /// When it was added.
    pub created: DateTime<Utc>,
    /// SHA-256 over what was served.
    pub source_hash: Vec<u8>,
}

/// How many people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Watch the issue.
    pub watchers: i32,
    /// Voted for it.
    pub votes: i32,
}

/// A link to what is outside of the site (`GET /issue/{key}/remotelink`).
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteLinkRecord {
    /// Numeric id.
    pub jira_id: String,
    /// The identity that whoever made it chose.
    pub global_id: Option<String>,
    /// How the issue relates to it: "Wiki Page".
    pub relationship: Option<String>,
    /// The name of the application at the other side.
    pub application: Option<String>,
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: String,
    /// As served, without e-mail addresses.
    pub raw: Value,
}

/// An attachment as read back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AttachmentRow {
    /// Numeric id.
    pub jira_id: String,
    /// The author's name.
    pub author: Option<String>,
    /// Its name.
    pub filename: String,
    /// Its media type.
    pub mime_type: Option<String>,
    /// Its size, in bytes.
    pub size: Option<i64>,
    /// When it was added.
    pub created: DateTime<Utc>,
}

/// What is shown with one issue beside its own row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueDetails {
    /// Present attachments, oldest first.
    pub attachments: Vec<AttachmentRow>,
    /// How many watch it and voted for it.
    pub counts: Counts,
    /// The present names of its components, in the order of the field: the payload has those of when it was served.
    pub components: Vec<String>,
    /// The present names of the versions it is to be fixed in.
    pub fix_versions: Vec<String>,
    /// The present names of the versions it affects.
    pub affected_versions: Vec<String>,
}

/// Storage of what hangs on issues.
#[async_trait]
pub trait AttachedStore: Send {
    /// What is shown with an issue, in one round trip.
    async fn details(&mut self, instance: InstanceId, issue: IssueId) -> Result<IssueDetails>;

    /// Makes these the remote links of an issue; answers how many were new or differed. A link that it had before and
    /// that is not among them is gone.
    async fn replace_remote_links(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        links: &[RemoteLinkRecord],
    ) -> Result<u64>;

    /// Present remote links of an issue, as served, by id.
    async fn remote_links(&mut self, issue: IssueId) -> Result<Vec<Value>>;
}
