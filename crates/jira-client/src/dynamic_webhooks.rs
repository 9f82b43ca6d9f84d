//! Dynamic webhooks, which apps of OAuth 2.0 register: they end after 30 days unless their life is extended (jira-facts 3.1).

use std::fmt;

use reqwest::Method;
use serde_json::{Value, json};

use crate::body::{count, id_text, object, take_array, text, unexpected};
use crate::paging::Paged;
use crate::request::Call;
use crate::{JiraClient, JiraError};

/// On a page, Jira's cap.
const PAGE: usize = 100;

/// A dynamic webhook to register.
#[derive(Clone, Debug)]
pub struct NewDynamicWebhook {
    /// Event names.
    pub events: Vec<String>,
    /// Which issues: a query of few fields and the operators `=`, `!=`, `IN` and `NOT IN`. Jira takes no empty one.
    pub jql: String,
}

/// A dynamic webhook of our app.
#[derive(Clone, PartialEq)]
pub struct DynamicWebhook {
    /// Its id.
    pub id: String,
    /// Where it delivers.
    pub url: Option<String>,
    /// Its event names.
    pub events: Vec<String>,
    /// When it ends, as sent: milliseconds or a text, Jira's documents have both.
    pub expires: Value,
}

impl fmt::Debug for DynamicWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a token.
        f.debug_struct("DynamicWebhook")
            .field("id", &self.id)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// A delivery that Jira has given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedWebhook {
    /// Its id.
    pub id: String,
    /// When, in milliseconds since 1970 UTC.
    pub failed_at: i64,
}

impl JiraClient {
    /// The dynamic webhooks of our app.
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] if we are no app.
    pub async fn list_dynamic_webhooks(&self) -> Result<Vec<DynamicWebhook>, JiraError> {
        const WHAT: &str = "list_dynamic_webhooks";
        let call = self.get(WHAT, &["webhook"])?;
        let listed = self.all_pages(Paged { call, items_key: "values", page_size: PAGE }).await?;
        listed.into_iter().map(|webhook| read(WHAT, webhook)).collect()
    }

    /// Registers dynamic webhooks at one address; answers for each, in their order, its id or what Jira has against it. Jira does not
    /// mind two that are alike: list them first.
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] if we are no app; [`JiraError::Indeterminate`] if they may have been registered although no usable
    /// answer came.
    pub async fn create_dynamic_webhooks(
        &self,
        url: &str,
        webhooks: &[NewDynamicWebhook],
    ) -> Result<Vec<Result<String, String>>, JiraError> {
        const WHAT: &str = "create_dynamic_webhooks";
        let wanted: Vec<Value> = webhooks
            .iter()
            .map(|webhook| json!({ "events": webhook.events, "jqlFilter": webhook.jql }))
            .collect();
        let body = json!({ "url": url, "webhooks": wanted });
        let call = Call::write(WHAT, Method::POST, self.dynamic_url(&[])?).json(body);
        let read = |answer| {
            let mut answer = object(WHAT, answer)?;
            take_array(WHAT, &mut answer, "webhookRegistrationResult")
        };
        let results = read(self.json(call).await?)
            .map_err(|error| JiraError::Indeterminate { operation: WHAT, cause: error.to_string() })?;
        Ok(results.into_iter().map(result).collect())
    }

    /// Lets dynamic webhooks live for another 30 days; answers when they end then, as sent. Ids that there are not are passed over.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn refresh_dynamic_webhooks(&self, ids: &[String]) -> Result<Value, JiraError> {
        const WHAT: &str = "refresh_dynamic_webhooks";
        let call = Call::write(WHAT, Method::PUT, self.dynamic_url(&["refresh"])?).json(named(ids));
        let mut answer = object(WHAT, self.json(call).await?)?;
        Ok(answer.remove("expirationDate").unwrap_or(Value::Null))
    }

    /// Removes dynamic webhooks. Ids that there are not are passed over.
    ///
    /// # Errors
    /// [`JiraError::Indeterminate`] if they may have been removed although no answer came.
    pub async fn delete_dynamic_webhooks(&self, ids: &[String]) -> Result<(), JiraError> {
        let call =
            Call::write("delete_dynamic_webhooks", Method::DELETE, self.dynamic_url(&[])?).json(named(ids));
        self.json_or_empty::<Value>(call).await.map(drop)
    }

    /// A page of the deliveries that were given up after that (milliseconds since 1970 UTC), the oldest first; Jira remembers three
    /// days.
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] for all apps but Connect's.
    pub async fn failed_webhooks(&self, after: i64) -> Result<Vec<FailedWebhook>, JiraError> {
        const WHAT: &str = "failed_webhooks";
        let call = self.get(WHAT, &["webhook", "failed"])?.query("after", &after.to_string());
        let mut page = object(WHAT, self.json(call).await?)?;
        let failed = take_array(WHAT, &mut page, "values")?;
        let read = |failed: Value| {
            let failed = object(WHAT, failed)?;
            let at = count(&failed, "failureTime").and_then(|at| i64::try_from(at).ok());
            match (id_text(failed.get("id")), at) {
                (Some(id), Some(failed_at)) => Ok(FailedWebhook { id, failed_at }),
                _ => Err(unexpected(format!("{WHAT}: a failure without id or time"), &Value::Null)),
            }
        };
        failed.into_iter().map(read).collect()
    }

    fn dynamic_url(&self, segments: &[&str]) -> Result<url::Url, JiraError> {
        self.api_url(&[&["webhook"], segments].concat())
    }
}

fn named(ids: &[String]) -> Value {
    // Numbers in Jira's documents.
    let ids: Vec<Value> =
        ids.iter().map(|id| id.parse::<u64>().map_or_else(|_| json!(id), Value::from)).collect();
    json!({ "webhookIds": ids })
}

fn result(raw: Value) -> Result<String, String> {
    if let Some(id) = id_text(raw.get("createdWebhookId")) {
        return Ok(id);
    }
    let errors = raw.get("errors").and_then(Value::as_array).into_iter().flatten();
    let errors: Vec<&str> = errors.filter_map(Value::as_str).collect();
    Err(if errors.is_empty() { "no reason given".to_owned() } else { errors.join("; ") })
}

fn read(what: &str, raw: Value) -> Result<DynamicWebhook, JiraError> {
    let mut webhook = object(what, raw)?;
    let Some(id) = id_text(webhook.get("id")) else {
        return Err(unexpected(format!("{what}: a webhook without an id"), &Value::Null));
    };
    let events = webhook.get("events").and_then(Value::as_array).into_iter().flatten();
    let events = events.filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(DynamicWebhook {
        id,
        url: text(&webhook, "url"),
        events,
        expires: webhook.remove("expirationDate").unwrap_or(Value::Null),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_answered_for_by_itself() {
        assert_eq!(result(json!({ "createdWebhookId": 1000 })), Ok("1000".to_owned()));
        let refused = json!({ "errors": ["The clause watchCount is unsupported", "and more"] });
        assert_eq!(result(refused), Err("The clause watchCount is unsupported; and more".to_owned()));
        assert_eq!(result(json!({})), Err("no reason given".to_owned()));
    }

    #[test]
    fn ids_are_sent_as_numbers_and_an_address_is_not_shown() {
        assert_eq!(named(&["1000".into(), "x".into()]), json!({ "webhookIds": [1000, "x"] }));
        let raw = json!({ "id": 7, "url": "https://b.example/s3cr3t", "events": ["jira:issue_created"],
                          "jqlFilter": "project != null", "expirationDate": 1_767_225_600_000_u64 });
        let webhook = read("test", raw).unwrap();
        assert_eq!((webhook.id.as_str(), webhook.expires.as_i64()), ("7", Some(1_767_225_600_000)));
        assert!(!format!("{webhook:?}").contains("s3cr3t"));
    }
}
