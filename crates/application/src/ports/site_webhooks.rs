//! Webhooks at a remote site, of both kinds (jira-facts 3.1).

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;

use crate::error::{Error, Result};

/// Which of Jira's two kinds of webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookKind {
    /// Made by an administrator of Jira; without an end, and told every event.
    Admin,
    /// Registered by an app of OAuth 2.0; for 30 days at a time, and told of issues and comments at least.
    Dynamic,
}

impl WebhookKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Dynamic => "dynamic",
        }
    }
}

impl FromStr for WebhookKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Admin, Self::Dynamic]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::internal(format!("`{text}` is no kind of webhooks")))
    }
}

/// A webhook that a site has.
#[derive(Clone)]
pub struct SiteWebhook {
    /// Its id there.
    pub id: String,
    /// Where it delivers. It may end with a secret.
    pub url: String,
    /// Its event names.
    pub events: Vec<String>,
    /// Whether it delivers at all.
    pub enabled: bool,
    /// Whether its deliveries are signed; `None` where the site does not say.
    pub is_signed: Option<bool>,
    /// When it ends; dynamic ones do.
    pub expires_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for SiteWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiteWebhook")
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// A webhook to register.
#[derive(Clone)]
pub struct NewSiteWebhook {
    /// Which kind.
    pub kind: WebhookKind,
    /// Its name, for administrators.
    pub name: String,
    /// Where to deliver. It may end with a secret.
    pub url: String,
    /// What signs deliveries; apps' are signed with their client's secret.
    pub secret: SecretString,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct RegisteredWebhook {
    /// Its ids; an app's has one for each group of events.
    pub ids: Vec<String>,
    /// What it is not told, as the site says.
    pub problem: Option<String>,
}

/// Deliveries that a site has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedDeliveries {
    /// How many, on the first page.
    pub count: usize,
    /// The latest of them.
    pub latest: DateTime<Utc>,
}

/// The webhooks of a site.
#[async_trait]
pub trait SiteWebhooks: Send + Sync {
    /// What a webhook of this kind is to be told, all of it.
    fn webhook_events(&self, kind: WebhookKind) -> Vec<String>;

    /// Whether one that is told these is told less than any site tells.
    fn lacks_events(&self, kind: WebhookKind, events: &[String]) -> bool;

    /// Those of administrators, or those of our app; `None` where our account may not see them.
    async fn webhooks(&self, kind: WebhookKind) -> Result<Option<Vec<SiteWebhook>>>;

    /// Registers one; `None` where our account may not. Sites do not mind two that are alike: list them first.
    ///
    /// # Errors
    /// [`Error::Indeterminate`] when it may be registered although no answer came.
    async fn register_webhook(&self, new: &NewSiteWebhook) -> Result<Option<RegisteredWebhook>>;

    /// Writes an administrator's webhook anew, enabled.
    async fn replace_webhook(&self, id: &str, new: &NewSiteWebhook) -> Result<()>;

    /// Lets an app's webhooks live longer; answers until when.
    async fn refresh_webhooks(&self, ids: &[String]) -> Result<Option<DateTime<Utc>>>;

    /// Removes webhooks; one that is gone already is no error.
    async fn remove_webhooks(&self, kind: WebhookKind, ids: &[String]) -> Result<()>;

    /// Deliveries that were given up after that; `None` where there are none, or the site does not tell: it tells Connect's apps alone.
    async fn failed_deliveries(&self, after: DateTime<Utc>) -> Result<Option<FailedDeliveries>>;
}
