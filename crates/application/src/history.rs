//! What issues were: their fields over time, their state at a moment, and how long they were in which status.
//!
//! The rules stand in migration 0013, which computes all of it from the changelog (jira-facts 6.4): the value of a field at
//! creation is what its first change came from, and a field that never changed has had its present value all along.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::IssueId;

use crate::error::Result;

/// A value that a field had from one moment until another.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldSpan {
    /// Jira's field id: `status`, `customfield_10016` ... Where neither the change nor the site's list of fields tells it, the
    /// name that the changelog uses.
    pub field_id: String,
    /// The field's present name.
    pub field: String,
    /// The id of the value; several in one text, as Jira logs them ("1, 2"), but for fields whose values come and go one by one
    /// (versions, components, links, attachments), which have a span for each.
    pub value: Option<String>,
    /// The value as it was shown then.
    pub string: Option<String>,
    /// Since when.
    pub started: DateTime<Utc>,
    /// Until when, that moment not included; `None` while it lasts.
    pub ended: Option<DateTime<Utc>>,
}

/// A value that a field had at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldState {
    /// As [`FieldSpan::field_id`].
    pub field_id: String,
    /// The field's present name.
    pub field: String,
    /// As [`FieldSpan::value`].
    pub value: Option<String>,
    /// The value as it was shown then.
    pub string: Option<String>,
    /// Since when it had it.
    pub since: DateTime<Utc>,
}

/// How long an issue was in a status.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeInStatus {
    /// The status's id; `None` where an old Server did not log it.
    pub status_id: Option<String>,
    /// The status's present name; as it was shown then, where the site has it no more.
    pub status: String,
    /// The key of its category; `undefined` where it cannot be told.
    pub category: String,
    /// Seconds, all visits together.
    pub seconds: f64,
    /// How often the issue entered it; the creation counts.
    pub visits: u64,
    /// When it entered it first.
    pub first_entered: DateTime<Utc>,
    /// When it left it last; `None` while it is there.
    pub last_left: Option<DateTime<Utc>>,
}

/// How long an issue was in a status category. Moves within the category are no new visits.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeInCategory {
    /// The category's key.
    pub category: String,
    /// Seconds, all visits together.
    pub seconds: f64,
    /// How often the issue entered it; the creation counts.
    pub visits: u64,
    /// When it entered it first.
    pub first_entered: DateTime<Utc>,
    /// When it left it last; `None` while it is there.
    pub last_left: Option<DateTime<Utc>>,
}

/// The past of issues. Answers nothing about issues that are not present.
#[async_trait]
pub trait HistoryStore: Send {
    /// Every field over time, by field id, each from the creation on.
    async fn field_history(&mut self, issue: IssueId) -> Result<Vec<FieldSpan>>;

    /// The fields that were set at a moment, by field id. Empty before the creation.
    async fn issue_at(&mut self, issue: IssueId, moment: DateTime<Utc>) -> Result<Vec<FieldState>>;

    /// The time in each status until a moment, in the order of first entry. Empty before the creation.
    async fn time_in_status(&mut self, issue: IssueId, moment: DateTime<Utc>) -> Result<Vec<TimeInStatus>>;

    /// The time in each status category until a moment, in the order of first entry. Empty before the creation.
    async fn time_in_category(
        &mut self,
        issue: IssueId,
        moment: DateTime<Utc>,
    ) -> Result<Vec<TimeInCategory>>;
}
