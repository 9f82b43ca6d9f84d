//! Admin webhooks, which an account with Jira administration may register (jira-facts 3.1).

use std::fmt;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::body::{array, id_text, object, text, unexpected};
use crate::request::Call;
use crate::{JiraClient, JiraError};

/// Under this key Jira keeps the JQL of a webhook.
const JQL_FILTER: &str = "issue-related-events-section";

/// A webhook to register.
#[derive(Clone)]
pub struct NewWebhook {
    /// Name shown to administrators.
    pub name: String,
    /// Where to deliver; may hold Jira's variables, such as `${issue.id}`.
    pub url: String,
    /// Event names, such as `jira:issue_updated` (jira-facts 3.3).
    pub events: Vec<String>,
    /// Restriction of issue-related events; `None` for all issues.
    pub jql: Option<String>,
    /// Key with which Jira signs deliveries. Jira never returns it. Without one, a webhook that is written anew keeps its own.
    pub secret: Option<SecretString>,
}

impl NewWebhook {
    fn body(&self) -> Value {
        let mut body = json!({
            "name": self.name,
            "url": self.url,
            "events": self.events,
            "filters": {},
            "excludeBody": false,
            "enabled": true,
        });
        if let Some(jql) = &self.jql {
            body["filters"] = json!({ JQL_FILTER: jql });
        }
        if let Some(secret) = &self.secret {
            body["secret"] = json!(secret.expose_secret());
        }
        body
    }
}

impl fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a token, and the JQL an e-mail address.
        f.debug_struct("NewWebhook")
            .field("name", &self.name)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// A registered webhook.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// Its id, which Jira shows only as the last segment of `self`.
    pub id: String,
    /// Name shown to administrators.
    pub name: Option<String>,
    /// Where it delivers.
    pub url: Option<String>,
    /// Its event names.
    pub events: Vec<String>,
    /// Whether it delivers at all.
    pub enabled: bool,
    /// Whether its deliveries are signed; `None` where the site does not say.
    pub is_signed: Option<bool>,
    /// The whole answer.
    pub raw: Value,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a token, and `raw` the address of the user who changed it last.
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("events", &self.events)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

impl JiraClient {
    /// All admin webhooks of the site.
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] or [`JiraError::Unauthenticated`] if the account is not a Jira administrator.
    pub async fn list_webhooks(&self) -> Result<Vec<Webhook>, JiraError> {
        const WHAT: &str = "list_webhooks";
        let call = Call::read(WHAT, Method::GET, self.webhook_url(&[])?);
        let webhooks = array(WHAT, self.json(call).await?)?;
        webhooks.into_iter().map(|webhook| read_webhook(WHAT, webhook)).collect()
    }

    /// Registers an admin webhook. Jira does not mind two that are alike: list them first.
    ///
    /// # Errors
    /// [`JiraError::Indeterminate`] if it may have been registered although no usable answer came.
    pub async fn create_webhook(&self, webhook: &NewWebhook) -> Result<Webhook, JiraError> {
        const WHAT: &str = "create_webhook";
        let call = Call::write(WHAT, Method::POST, self.webhook_url(&[])?).json(webhook.body());
        read_webhook(WHAT, self.json(call).await?)
            .map_err(|error| JiraError::Indeterminate { operation: WHAT, cause: error.to_string() })
    }

    /// Writes an admin webhook anew, and enables it.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if it does not exist; [`JiraError::Indeterminate`] if it may have been written although no answer
    /// came.
    pub async fn replace_webhook(&self, id: &str, webhook: &NewWebhook) -> Result<(), JiraError> {
        let call = Call::write("replace_webhook", Method::PUT, self.webhook_url(&[id])?).json(webhook.body());
        self.json_or_empty::<Value>(call).await.map(drop)
    }

    /// Removes an admin webhook.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if it does not exist; [`JiraError::Indeterminate`] if it may have been removed
    /// although no answer came.
    pub async fn delete_webhook(&self, id: &str) -> Result<(), JiraError> {
        let call = Call::write("delete_webhook", Method::DELETE, self.webhook_url(&[id])?);
        self.json_or_empty::<Value>(call).await.map(drop)
    }

    fn webhook_url(&self, segments: &[&str]) -> Result<Url, JiraError> {
        self.url(&["rest", "webhooks", "1.0", "webhook"], segments)
    }
}

fn read_webhook(what: &str, raw: Value) -> Result<Webhook, JiraError> {
    let webhook = object(what, raw)?;
    let last_segment = text(&webhook, "self").and_then(|url| url.rsplit('/').next().map(str::to_owned));
    let id = last_segment.filter(|id| !id.is_empty()).or_else(|| id_text(webhook.get("id")));
    let Some(id) = id else {
        return Err(unexpected(format!("{what}: a webhook without `self`"), &Value::Null));
    };
    let events = webhook.get("events").and_then(Value::as_array).into_iter().flatten();
    Ok(Webhook {
        id,
        name: text(&webhook, "name"),
        url: text(&webhook, "url"),
        events: events.filter_map(Value::as_str).map(str::to_owned).collect(),
        enabled: webhook.get("enabled").and_then(Value::as_bool).unwrap_or(true),
        is_signed: webhook.get("isSigned").and_then(Value::as_bool),
        raw: Value::Object(webhook),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_last_segment_of_self() {
        let raw = json!({"self": "https://a.example/rest/webhooks/1.0/webhook/72", "name": "n",
                         "url": "https://b.example/hook", "events": ["jira:issue_created"], "enabled": false});
        let webhook = read_webhook("test", raw.clone()).unwrap();
        assert_eq!(webhook.id, "72");
        assert_eq!(webhook.events, ["jira:issue_created"]);
        assert!(!webhook.enabled);
        assert_eq!(webhook.raw, raw);
    }

    #[test]
    fn debug_output_shows_neither_secret_nor_url() {
        let webhook = NewWebhook {
            name: "forebay".into(),
            url: "https://b.example/hook?token=abc".into(),
            events: vec!["jira:issue_created".into()],
            jql: None,
            secret: Some("s3cr3t".into()),
        };
        let text = format!("{webhook:?}");
        assert!(text.contains("forebay") && !text.contains("abc") && !text.contains("s3cr3t"), "{text}");
    }
}
