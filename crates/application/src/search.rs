//! Search by JQL over the copy.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::ids::InstanceId;

use crate::{
    error::{Error, Result},
    issues::IssueRow,
};

/// A search.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// The query.
    pub query: jql::Query,
    /// Only this instance; all of the tenant's otherwise.
    pub instance: Option<InstanceId>,
    /// The zone in which dates without one are read, and days begin.
    pub zone: Tz,
    /// Now, for relative dates.
    pub now: DateTime<Utc>,
    /// Who `currentUser()` is: account id or user key.
    pub current_user: Option<String>,
    /// At most so many issues.
    pub limit: u32,
    /// Where to go on.
    pub start: SearchStart,
    /// Whether the exact total is wanted.
    pub with_total: bool,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchStart {
    /// At so many issues from the beginning, as Jira's `startAt`.
    Offset(u64),
    /// Behind the last issue of an earlier page: stable while issues change.
    After(String),
}

/// A page.
#[derive(Clone, Debug)]
pub struct SearchPage {
    /// The issues, in order.
    pub issues: Vec<IssueRow>,
    /// How to go on; `None` on the last page. Opaque.
    pub next: Option<String>,
    /// The exact total, where asked for.
    pub total: Option<u64>,
}

/// Search over the copy.
#[async_trait]
pub trait SearchStore: Send {
    /// A page of issues.
    ///
    /// # Errors
    /// [`Error::InvalidJql`] with Jira's text; [`Error::Unsupported`] for JQL that is right but not answered here;
    /// [`Error::Invalid`] (field `cursor`) for a cursor of another query.
    async fn search(&mut self, request: &SearchRequest) -> Result<SearchPage>;

    /// How many issues the query finds.
    async fn count(&mut self, request: &SearchRequest) -> Result<u64>;
}

/// Parses JQL, with Jira's error text.
///
/// # Errors
/// [`Error::InvalidJql`].
pub fn parse_jql(text: &str) -> Result<jql::Query> {
    const LONGEST: usize = 32_000;
    if text.len() > LONGEST {
        return Err(Error::invalid("jql", format!("is longer than {LONGEST} bytes")));
    }
    jql::parse(text).map_err(|error| Error::InvalidJql(error.to_string()))
}
