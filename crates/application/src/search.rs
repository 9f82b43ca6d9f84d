//! Search by JQL over the copy.

mod lenient;
mod reference;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::ids::InstanceId;

use serde::Serialize;

pub use lenient::without_errors;
pub use reference::{FieldReference, FunctionReference, JqlReference};

use crate::{
    error::{Error, Result},
    instances::{Instance, InstanceKind},
    issues::IssueRow,
    sandbox,
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
    /// What of the query was not asked of every issue, and what to do about it: a field that only some instances have, a name
    /// that stands for fields of several types. For people.
    pub warnings: Vec<String>,
}

/// Search over the copy.
#[async_trait]
pub trait SearchStore: Send {
    /// Refuses what is no cursor at all. Whether it belongs to a query shows when that query is searched with it.
    ///
    /// # Errors
    /// [`Error::Invalid`] (field `cursor`).
    fn check_cursor(&self, cursor: &str) -> Result<()>;

    /// A page of issues.
    ///
    /// # Errors
    /// [`Error::InvalidJql`] with Jira's text, and for JQL that is right but that a copy cannot answer;
    /// [`Error::Invalid`] (field `cursor`) for a cursor of another query.
    async fn search(&mut self, request: &SearchRequest) -> Result<SearchPage>;

    /// How many issues the query finds.
    async fn count(&mut self, request: &SearchRequest) -> Result<u64>;

    /// Which of these issues (Jira's numeric ids) the query finds, in their order. Limit, start and order do not matter.
    ///
    /// # Errors
    /// As [`SearchStore::search`].
    async fn matching(&mut self, request: &SearchRequest, ids: &[i64]) -> Result<Vec<i64>>;

    /// The statements that find the page which the request asks for, as they are run one after the other, with their plans.
    ///
    /// # Errors
    /// As [`SearchStore::search`].
    async fn explain(&mut self, request: &SearchRequest) -> Result<Vec<ExplainedStatement>>;

    /// Checks everything of a query but its grammar: its fields, operators, functions, and what its values name.
    ///
    /// # Errors
    /// As [`SearchStore::search`].
    async fn check(&mut self, request: &SearchRequest) -> Result<()>;

    /// What JQL can be written with at an instance.
    async fn jql_reference(&mut self, instance: InstanceId) -> Result<JqlReference>;

    /// Values of a field whose names begin with a text, in any case; a few, by name. None for a field that suggests none.
    ///
    /// # Errors
    /// As [`SearchStore::search`], for a field that is not there.
    async fn suggestions(
        &mut self,
        instance: InstanceId,
        field: &jql::FieldName,
        beginning: &str,
    ) -> Result<Vec<String>>;
}

/// A statement as PostgreSQL gets it, and how it goes about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedStatement {
    /// The text. Values are no part of it: `$1` is the first parameter.
    pub sql: String,
    /// The parameters, in order, as text.
    pub parameters: Vec<String>,
    /// The plan, line by line.
    pub plan: Vec<String>,
}

/// The request by which an instance's own account asks: in its zone, and as the one that `currentUser()` is.
pub fn request_of(instance: &Instance, query: jql::Query, now: DateTime<Utc>) -> SearchRequest {
    request_at(Some(instance), query, now)
}

/// The zone in which the account of a site reads dates, as far as it is known.
pub fn zone_of(instance: &Instance) -> Option<Tz> {
    instance.time_zone.as_deref()?.parse().ok()
}

/// The request for one instance as [`request_of`] has it, or for all of them: then in UTC, and as nobody in particular.
pub fn request_at(instance: Option<&Instance>, query: jql::Query, now: DateTime<Utc>) -> SearchRequest {
    let zone = instance.and_then(zone_of);
    SearchRequest {
        query,
        instance: instance.map(|instance| instance.id),
        zone: zone.unwrap_or(Tz::UTC),
        now,
        current_user: instance.and_then(current_user),
        limit: 1,
        start: SearchStart::Offset(0),
        with_total: false,
    }
}

/// Who `currentUser()` is at an instance: the account that we are at the site.
pub fn current_user(instance: &Instance) -> Option<String> {
    if instance.kind == InstanceKind::Sandbox {
        let account = sandbox::account(instance.dialect);
        let id = account.get("accountId").or_else(|| account.get("key"));
        return id.and_then(|id| id.as_str()).map(str::to_owned);
    }
    instance.account_id.clone()
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
