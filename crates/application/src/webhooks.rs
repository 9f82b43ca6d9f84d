//! Webhooks: hints that come in from sites, and deliveries that go out from sandboxes.

mod address;
mod deliver;
mod door;
mod events;
mod hints;
mod keep;
mod receive;
mod registration;
mod setup;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde_json::Value;
use uuid::Uuid;

pub use deliver::{DeliverWebhook, Flow, announce, announce_in};
pub use door::NamedByAddress;
pub use events::Named;
pub use hints::{Hint, HintStore, Look, OpenHint, ProcessHint, ProcessHintPatiently, RingForHints};
pub use keep::KeepWebhook;
pub(crate) use keep::{keep, remove_from_site};
pub use receive::{Delivery, receive};
pub use registration::{Registration, RegistrationState, RegistrationStore, WebhookHealth, health};
pub use setup::{
    WebhookValues, register_webhook, remove_webhook, rotate_webhook, webhook_health, webhook_values,
};

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

/// A webhook registered at a sandbox: by an administrator, or by an app (then it ends, jira-facts 3.1).
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
    /// When it ends; those of administrators never do.
    pub expires_at: Option<DateTime<Utc>>,
    /// The fields by whose changes updates are told; any when absent.
    pub field_ids: Option<Vec<String>>,
    /// The properties of issues that are told of; any when absent.
    pub property_keys: Option<Vec<String>>,
}

impl Webhook {
    /// Whether an app registered it.
    pub fn is_dynamic(&self) -> bool {
        self.expires_at.is_some()
    }
}

/// A delivery to an app that was given up.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedDelivery {
    /// As its `X-Atlassian-Webhook-Identifier`.
    pub id: Uuid,
    /// Where it was to go.
    pub url: String,
    /// Its body, where it had one.
    pub body: Option<Value>,
    /// When it was given up.
    pub failed_at: DateTime<Utc>,
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

    /// Writes everything of a webhook but its id anew; `false` when there is none.
    async fn save_webhook(&mut self, instance: InstanceId, webhook: &Webhook) -> Result<bool>;

    /// Notes a delivery that was given up, once; what was given up more than 72 hours before is forgotten.
    async fn note_failed_delivery(&mut self, instance: InstanceId, failed: &FailedDelivery) -> Result<()>;

    /// At most so many deliveries that were given up after that, the oldest first; and all that were given up at the same millisecond
    /// as the last of them.
    async fn failed_deliveries(
        &mut self,
        instance: InstanceId,
        after: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<FailedDelivery>>;

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
