//! Who follows an issue: watchers and voters. Of a mirrored site only their number is known, unless they are asked for issue by issue.

use async_trait::async_trait;
use domain::ids::{InstanceId, IssueId};
use serde_json::Value;

use crate::error::Result;

/// Somebody who watches an issue or voted for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Follower {
    /// `accountId` or user key.
    pub account: String,
    /// As the site served them, where it did.
    pub raw: Option<Value>,
}

/// An issue whom somebody follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedIssue {
    /// Its numeric id.
    pub jira_id: String,
    /// The same as a number.
    pub number: i64,
    /// Whether somebody watches it, as its payload says, or is noted to.
    pub watched: bool,
    /// Whether somebody voted for it, likewise.
    pub voted: bool,
}

/// Storage of watchers and voters; how many there are is part of the issue's own payload.
#[async_trait]
pub trait FollowerStore: Send {
    /// The watchers of an issue that are known, by account.
    async fn watchers(&mut self, issue: IssueId) -> Result<Vec<Follower>>;

    /// The voters of an issue that are known, by account.
    async fn voters(&mut self, issue: IssueId) -> Result<Vec<Follower>>;

    /// Present issues of a site, by their number and after this one, whom somebody follows or is noted to.
    async fn followed_issues(
        &mut self,
        instance: InstanceId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<FollowedIssue>>;

    /// Notes that somebody watches an issue, or does not; `false` where that was so before. Accounts that are not known get a row.
    async fn set_watching(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        account: &str,
        watching: bool,
    ) -> Result<bool>;

    /// Notes that somebody voted for an issue, or took the vote back; `false` where that was so before.
    async fn set_voting(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        account: &str,
        voting: bool,
    ) -> Result<bool>;
}
