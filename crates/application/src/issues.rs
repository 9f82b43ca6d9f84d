//! Issues with their comments, worklogs, histories and links; and the writes that go through to Jira.

mod add_comment;
mod attached;
mod contents;
mod followers;
mod paged;
mod payload;
mod properties;
mod stored_item;
mod transition;
mod worklog_feed;

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    ids::{InstanceId, IssueId},
    issue_key::IssueKey,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use add_comment::{Audience, CommentBody, add_comment, add_comment_for};
pub use attached::{
    AttachedRecords, AttachedStore, AttachmentRecord, AttachmentRow, Counts, IssueDetails, RemoteLinkRecord,
};
pub use contents::ContentStore;
pub use followers::{FollowedIssue, Follower, FollowerStore};
pub use paged::ChildrenStore;
pub use payload::{AUTHOR, Head, Payload, UPDATE_AUTHOR};
pub use properties::PropertyStore;
pub use stored_item::{IN_COLUMNS, ITEM_COLUMNS, item_from_columns};
pub use transition::{
    TransitionChoice, list_transitions, transition_issue, transition_with, transitions_at_site,
};
pub use worklog_feed::{ChangedWorklog, FeedOrder, WorklogFeedStore};

use crate::{
    error::{Error, Result},
    instances::Dialect,
    reference::{FieldValueRecord, ReferenceRecords},
};

/// One issue with all that hangs on it, read from Jira's JSON (see [`crate::ingest`]), ready to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct IssueBundle {
    /// The issue.
    pub issue: IssueRecord,
    /// Its multi-valued and custom fields.
    pub values: Vec<FieldValueRecord>,
    /// Its comments.
    pub comments: Vec<CommentRecord>,
    /// Whether a comment that is not listed is gone.
    pub comments_complete: bool,
    /// Its worklogs.
    pub worklogs: Vec<WorklogRecord>,
    /// Whether a worklog that is not listed is gone.
    pub worklogs_complete: bool,
    /// Its histories. They are never deleted one by one, so there is no completeness.
    pub histories: Vec<HistoryRecord>,
    /// Its links.
    pub links: Vec<LinkRecord>,
    /// Whether a link that is not listed is gone: a project may hide the field, which is then absent (jira-facts 2.4).
    pub links_complete: bool,
    /// Its attachments, and how many watch it and voted for it.
    pub attached: AttachedRecords,
    /// The reference data seen inside it.
    pub reference: ReferenceRecords,
    /// When it was asked for at its source: what is known from later is not overwritten. `None` counts as now.
    pub read_at: Option<DateTime<Utc>>,
}

/// The typed columns of an issue and its raw payload.
#[derive(Clone, Debug, PartialEq)]
pub struct IssueRecord {
    /// Numeric id: the identity.
    pub jira_id: String,
    /// The same as a number.
    pub jira_number: i64,
    /// The present key.
    pub key: IssueKey,
    /// The project's numeric id.
    pub project_jira_id: String,
    /// Type name and id.
    pub issue_type: Option<(String, String)>,
    /// −1 sub-task, 0 standard, 1 epic.
    pub hierarchy_level: Option<i16>,
    /// Status name.
    pub status: String,
    /// Status id.
    pub status_id: String,
    /// Status category key.
    pub status_category: String,
    /// Priority name and id.
    pub priority: Option<(String, String)>,
    /// Resolution name and id.
    pub resolution: Option<(String, String)>,
    /// Summary.
    pub summary: String,
    /// Description as plain text (ADF) or wiki markup.
    pub description_text: Option<String>,
    /// `accountId` or user key.
    pub assignee: Option<String>,
    /// `accountId` or user key.
    pub reporter: Option<String>,
    /// `accountId` or user key.
    pub creator: Option<String>,
    /// Created.
    pub created: DateTime<Utc>,
    /// Updated, as the site says; equals created where the site leaves it out.
    pub updated: DateTime<Utc>,
    /// Resolution date; may be absent on done issues.
    pub resolved: Option<DateTime<Utc>>,
    /// Due date.
    pub due: Option<NaiveDate>,
    /// The parent's numeric id and key.
    pub parent: Option<(String, String)>,
    /// The epic's key: the parent where it is an epic, or the epic-link field.
    pub epic_key: Option<String>,
    /// Sprint ids, oldest first.
    pub sprint_ids: Vec<i32>,
    /// Story points.
    pub story_points: Option<f64>,
    /// Labels.
    pub labels: Vec<String>,
    /// Component names.
    pub components: Vec<String>,
    /// Whether its source says that it is in the archive: Data Center shows archived issues by their ids (jira-facts 2.6).
    pub archived: bool,
    /// The issue whole, without e-mail addresses, and without the lists that have tables of their own.
    pub raw: Payload,
    /// The shape of `raw`.
    pub dialect: Dialect,
    /// The paging envelope of the changelog, where the source gave one.
    pub changelog_envelope: Option<Value>,
    /// SHA-256 over what is stored.
    pub source_hash: Vec<u8>,
}

/// A comment.
#[derive(Clone, Debug, PartialEq)]
pub struct CommentRecord {
    /// Numeric id.
    pub jira_id: String,
    /// The same as a number.
    pub jira_number: i64,
    /// `accountId` or user key; absent for anonymous and deleted authors.
    pub author: Option<String>,
    /// As plain text.
    pub body_text: String,
    /// Created.
    pub created: DateTime<Utc>,
    /// Updated.
    pub updated: DateTime<Utc>,
    /// ADF, or a JSON string of wiki markup; `None` where the site shows none.
    pub body: Option<Payload>,
    /// As served, without e-mail addresses and without its body.
    pub head: Head,
    /// SHA-256 over what was served.
    pub source_hash: Vec<u8>,
}

impl CommentRecord {
    /// As served, without e-mail addresses.
    ///
    /// # Errors
    /// As [`Payload::value`].
    pub fn whole(&self) -> serde_json::Result<Value> {
        let mut comment = self.head.value()?;
        if let Some(body) = &self.body {
            comment["body"] = body.value()?;
        }
        Ok(comment)
    }
}

/// A worklog.
#[derive(Clone, Debug, PartialEq)]
pub struct WorklogRecord {
    /// Numeric id.
    pub jira_id: String,
    /// The same as a number.
    pub jira_number: i64,
    /// `accountId` or user key.
    pub author: Option<String>,
    /// When the work was done.
    pub started: DateTime<Utc>,
    /// How long it took, in seconds.
    pub seconds: i64,
    /// Created.
    pub created: DateTime<Utc>,
    /// Updated.
    pub updated: DateTime<Utc>,
    /// As served, without e-mail addresses.
    pub head: Head,
    /// SHA-256 over what was served.
    pub source_hash: Vec<u8>,
}

/// A history: one change event with many items (jira-facts 6.4).
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRecord {
    /// Numeric id.
    pub jira_id: String,
    /// The same as a number.
    pub jira_number: i64,
    /// `accountId` or user key; absent for automation and deleted authors.
    pub author: Option<String>,
    /// When.
    pub created: DateTime<Utc>,
    /// As served, without e-mail addresses and without its items.
    pub head: Head,
    /// Its items, in order.
    pub items: Vec<HistoryItemRecord>,
}

impl HistoryRecord {
    /// As served, without e-mail addresses.
    ///
    /// # Errors
    /// As [`Payload::value`].
    pub fn whole(&self) -> serde_json::Result<Value> {
        let mut history = self.head.value()?;
        history["items"] = self.items.iter().map(HistoryItemRecord::whole).collect::<Result<_, _>>()?;
        Ok(history)
    }
}

/// One changed field of a history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryItemRecord {
    /// The field's name as the history shows it.
    pub field: String,
    /// The field's id, where given.
    pub field_id: Option<String>,
    /// `jira` or `custom`.
    pub field_type: Option<String>,
    /// Id before.
    pub from: Option<String>,
    /// Id after.
    pub to: Option<String>,
    /// Text before.
    pub from_string: Option<String>,
    /// Text after.
    pub to_string: Option<String>,
    /// As served, where that is more than the above say.
    pub payload: Option<Payload>,
}

/// A link, as one of its two issues shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRecord {
    /// Numeric id, the same on both issues.
    pub jira_id: String,
    /// Type name.
    pub link_type: String,
    /// Type id.
    pub link_type_id: Option<String>,
    /// How the inward end reads ("is blocked by").
    pub inward_name: Option<String>,
    /// How the outward end reads ("blocks").
    pub outward_name: Option<String>,
    /// Id and key of the issue from which the link goes out ("A blocks B": A).
    pub inward_issue: (String, String),
    /// Id and key of the issue to which it goes ("A blocks B": B).
    pub outward_issue: (String, String),
}

/// An issue as read back. `raw` is whole but for the lists that have tables of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssueRow {
    /// Our id.
    pub id: IssueId,
    /// Its instance.
    pub instance_id: InstanceId,
    /// The instance's name.
    pub instance: String,
    /// Jira's numeric id.
    pub jira_id: String,
    /// The present key.
    pub key: String,
    /// The project's key.
    pub project_key: String,
    /// Summary.
    pub summary: String,
    /// Type name.
    pub issue_type: Option<String>,
    /// Status name.
    pub status: String,
    /// Status id.
    pub status_id: String,
    /// Status category key.
    pub status_category: String,
    /// Priority name.
    pub priority: Option<String>,
    /// Resolution name.
    pub resolution: Option<String>,
    /// The assignee's name.
    pub assignee: Option<String>,
    /// The reporter's name.
    pub reporter: Option<String>,
    /// Labels.
    pub labels: Vec<String>,
    /// Created.
    pub created: DateTime<Utc>,
    /// Updated.
    pub updated: DateTime<Utc>,
    /// Resolution date.
    pub resolved: Option<DateTime<Utc>>,
    /// Due date.
    pub due: Option<NaiveDate>,
    /// Story points.
    pub story_points: Option<f64>,
    /// The issue as served.
    pub raw: Value,
    /// The shape of `raw`.
    pub dialect: Dialect,
    /// The changelog's paging envelope, where the source gave one.
    pub changelog_envelope: Option<Value>,
    /// When it was last stored.
    pub synced_at: DateTime<Utc>,
}

/// A comment as read back.
#[derive(Clone, Debug)]
pub struct CommentRow {
    /// Its issue.
    pub issue_id: IssueId,
    /// Numeric id.
    pub jira_id: String,
    /// The author's name.
    pub author: Option<String>,
    /// As plain text.
    pub body_text: String,
    /// Created.
    pub created: DateTime<Utc>,
    /// Updated.
    pub updated: DateTime<Utc>,
    /// As served.
    pub raw: Value,
    /// The shape of `raw`.
    pub dialect: Dialect,
}

/// A history as read back: `raw` has its items again.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// Its issue.
    pub issue_id: IssueId,
    /// As served.
    pub raw: Value,
}

/// A worklog as read back.
#[derive(Clone, Debug)]
pub struct WorklogRow {
    /// Its issue.
    pub issue_id: IssueId,
    /// As served.
    pub raw: Value,
    /// The shape of `raw`.
    pub dialect: Dialect,
}

/// What an upsert changed: rows that were equal already are not rewritten and do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpsertCounts {
    /// Issues inserted or rewritten.
    pub issues: u64,
    /// Comments inserted or rewritten.
    pub comments: u64,
    /// Items of histories inserted or rewritten.
    pub changelog_items: u64,
    /// Worklogs inserted or rewritten.
    pub worklogs: u64,
    /// Issues that the tables cannot hold. They are kept aside, in `sync_rejects`.
    #[serde(skip)]
    pub rejected: u64,
}

impl std::ops::Add for UpsertCounts {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            issues: self.issues + more.issues,
            comments: self.comments + more.comments,
            changelog_items: self.changelog_items + more.changelog_items,
            worklogs: self.worklogs + more.worklogs,
            rejected: self.rejected + more.rejected,
        }
    }
}

/// How present a row is at its source (design: presence).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There.
    Present,
    /// Gone for good.
    Deleted,
    /// In an archive: it can be read by its id, and is in no search.
    Archived,
    /// In a project that is in the trash.
    Trashed,
    /// Not visible to our account any more: deleted and hidden look the same.
    AccessLost,
    /// Another issue has its key now; where it is itself nobody has looked yet.
    Unobserved,
}

impl Presence {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Deleted => "deleted",
            Self::Archived => "archived",
            Self::Trashed => "trashed",
            Self::AccessLost => "access_lost",
            Self::Unobserved => "unobserved",
        }
    }
}

/// Storage of issues.
#[async_trait]
pub trait IssueStore: Send {
    /// Stores issues with all that hangs on them, and the reference data seen inside them. Takes only what is newer
    /// or different; a page may hold two issues that swapped keys.
    async fn upsert_issues(&mut self, instance: InstanceId, bundles: &[IssueBundle]) -> Result<UpsertCounts>;

    /// The present issue with this key (an old key too; a live key wins) or numeric id. Without an instance, a key
    /// that several instances have is [`Error::Conflict`], naming them.
    async fn issue(&mut self, instance: Option<InstanceId>, key_or_id: &str) -> Result<Option<IssueRow>>;

    /// The present issues of an instance with these keys (old ones too; a live key wins) or numeric ids, each with the name by
    /// which it was asked for. What is not there is absent.
    async fn issues_named(
        &mut self,
        instance: InstanceId,
        names: &[String],
    ) -> Result<Vec<(String, IssueRow)>>;

    /// How many present issues an instance has.
    async fn issue_count(&mut self, instance: InstanceId) -> Result<u64>;

    /// How many present issues each of these instances has; none of those that have none.
    async fn issue_counts(&mut self, instances: &[InstanceId]) -> Result<HashMap<InstanceId, u64>>;

    /// Present comments of these issues, oldest first within each.
    async fn comments(&mut self, issues: &[IssueId]) -> Result<Vec<CommentRow>>;

    /// Histories of these issues, oldest first within each.
    async fn histories(&mut self, issues: &[IssueId]) -> Result<Vec<HistoryRow>>;

    /// Present worklogs of these issues, by start.
    async fn worklogs(&mut self, issues: &[IssueId]) -> Result<Vec<WorklogRow>>;

    /// Notes how present issues (by Jira's numeric id) are at the source.
    async fn set_presence(
        &mut self,
        instance: InstanceId,
        jira_ids: &[String],
        presence: Presence,
    ) -> Result<u64>;

    /// Locks an issue until the end of the transaction, so that two writes to a sandbox's issue follow each other.
    async fn lock_issue(&mut self, issue: IssueId) -> Result<()>;
}

/// The issue, or [`Error::NotFound`].
pub async fn require_issue(
    tx: &mut dyn crate::ports::TenantTx,
    instance: Option<InstanceId>,
    key_or_id: &str,
) -> Result<IssueRow> {
    tx.issue(instance, key_or_id).await?.ok_or_else(|| Error::not_found("issue", key_or_id))
}
