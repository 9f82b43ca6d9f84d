//! Webhooks: hints that come in from sites, and deliveries that go out from sandboxes.

mod deliver;
mod receive;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde_json::Value;
use uuid::Uuid;

pub use deliver::{DeliverWebhook, announce};
pub use receive::{Delivery, ProcessHint, receive};

use crate::error::Result;

/// A delivery as stored in the inbox.
#[derive(Clone, Debug)]
pub struct InboxEntry {
    /// Our id.
    pub id: Uuid,
    /// The instance it came from.
    pub instance: InstanceId,
    /// `X-Atlassian-Webhook-Identifier`: the same on retries.
    pub delivery_id: String,
    /// `webhookEvent`.
    pub event: String,
    /// The issue it speaks of, where it names one.
    pub issue_jira_id: Option<String>,
    /// The body, without e-mail addresses.
    pub body: Value,
    /// When.
    pub received_at: DateTime<Utc>,
}

/// How the handling of a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxState {
    /// The issue was read again and stored.
    Processed,
    /// It spoke of nothing we keep.
    Ignored,
}

impl InboxState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Ignored => "ignored",
        }
    }
}

/// An admin webhook registered at a sandbox.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its id at the sandbox.
    pub jira_id: i64,
    /// Its name.
    pub name: String,
    /// Where deliveries go.
    pub url: String,
    /// Event names.
    pub events: Vec<String>,
    /// Only issues that match; all when absent.
    pub jql: Option<String>,
    /// Whether deliveries come without a body.
    pub exclude_body: bool,
    /// Whether it delivers.
    pub enabled: bool,
    /// The sealed secret that signs deliveries.
    pub secret_sealed: Option<String>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Storage of webhooks, in and out.
#[async_trait]
pub trait WebhookStore: Send {
    /// Stores a delivery; `false` when this delivery id is known already.
    async fn receive_delivery(&mut self, entry: &InboxEntry) -> Result<bool>;

    /// Closes all open deliveries of an instance that speak of this issue (or of none) and came before that time.
    async fn settle_deliveries(
        &mut self,
        instance: InstanceId,
        issue_jira_id: Option<&str>,
        state: InboxState,
        until: DateTime<Utc>,
    ) -> Result<u64>;

    /// Registers a webhook at a sandbox.
    async fn add_webhook(&mut self, instance: InstanceId, webhook: &Webhook) -> Result<()>;

    /// The webhooks of a sandbox, by id.
    async fn webhooks(&mut self, instance: InstanceId) -> Result<Vec<Webhook>>;

    /// Removes a webhook; `false` when there is none.
    async fn remove_webhook(&mut self, instance: InstanceId, jira_id: i64) -> Result<bool>;
}

/// Sends a sandbox's webhook deliveries over HTTP.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Whether this address may be called, for a clear answer to whoever registers it; [`Deliveries::post`] checks again.
    ///
    /// # Errors
    /// [`crate::error::Error::Invalid`] (field `url`) with what was refused and the remedy.
    async fn check_address(&self, url: &str) -> Result<()>;

    /// Posts a body with these headers; answers the HTTP status.
    ///
    /// # Errors
    /// [`crate::error::Error::Upstream`] when there was no answer, or the address may not be called (not retryable).
    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: Vec<u8>) -> Result<u16>;
}
