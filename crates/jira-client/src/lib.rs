//! A client for the REST API of Jira Cloud, Jira Server and Jira Data Center.
//!
//! [`JiraClient`] knows how Jira pages, truncates, limits and fails; it knows nothing of what its callers do
//! with the answers. Issues, comments, histories and rosters are handed out as the raw [`serde_json::Value`]
//! that Jira sent: nothing is dropped and nothing is renamed.
//!
//! - [`Dialect`] chooses between the version 3 API (Cloud: ADF texts, page tokens) and the version 2 API
//!   (Server and Data Center: wiki texts, `startAt` and `total`).
//! - [`Manners`] is where a caller hooks in its rate limiter, circuit breaker and counters.
//! - [`RetryPolicy`] says how often and how patiently reads are retried. Writes are replayed only after a 429,
//!   which promises that nothing was done; a write whose outcome is unknown is [`JiraError::Indeterminate`].
//! - [`JiraError`] is what every operation fails with. No error, log line or `Debug` output carries a token,
//!   a query string or an e-mail address.
//!
//! Behaviour that Jira does not declare in its OpenAPI document is marked with the section of the project's
//! "Jira facts" notes it comes from.

mod auth;
mod body;
mod bulk_issues;
mod changelog;
mod client;
mod comments;
mod desks;
mod dynamic_webhooks;
mod error;
mod error_body;
mod exchange;
mod foreign;
mod identity;
mod manners;
mod paging;
mod people;
mod redaction;
mod request;
mod retry;
mod rosters;
mod search;
mod transitions;
mod webhooks;
mod worklogs;

pub use auth::{Auth, Tokens};
pub use bulk_issues::{BulkIssues, IssueError};
pub use client::{Dialect, JiraClient};
pub use dynamic_webhooks::{DynamicWebhook, FailedWebhook, NewDynamicWebhook};
pub use error::JiraError;
pub use identity::{Myself, ServerInfo};
pub use manners::{Access, Hold, Manners, NoManners, Outcome, RateLimitHeaders, RequestKind, ResponseFacts};
pub use retry::RetryPolicy;
pub use rosters::RetiredProjects;
pub use search::{SearchCursor, SearchPage, SearchRequest};
pub use webhooks::{NewWebhook, Webhook};
pub use worklogs::{WorklogChange, WorklogFeed, WorklogFeedPage};
