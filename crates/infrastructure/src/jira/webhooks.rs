//! Webhooks at a site: what they are told, and how they are registered (jira-facts 3).

use application::{
    Result,
    ports::{FailedDeliveries, NewSiteWebhook, RegisteredWebhook, SiteWebhook, SiteWebhooks, WebhookKind},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use jira_client::{JiraClient, JiraError, NewDynamicWebhook, NewWebhook};
use serde_json::Value;

use super::site::Site;

/// What every Jira tells (jira-facts 3.3).
const EVERYWHERE: [&str; 27] = [
    "jira:issue_created",
    "jira:issue_updated",
    "jira:issue_deleted",
    "comment_created",
    "comment_updated",
    "comment_deleted",
    "worklog_created",
    "worklog_updated",
    "worklog_deleted",
    "issuelink_created",
    "issuelink_deleted",
    "project_created",
    "project_updated",
    "project_deleted",
    "jira:version_created",
    "jira:version_updated",
    "jira:version_deleted",
    "jira:version_released",
    "jira:version_unreleased",
    "jira:version_moved",
    "sprint_created",
    "sprint_updated",
    "sprint_deleted",
    "sprint_started",
    "sprint_closed",
    "user_created",
    "user_updated",
];

/// What some tell besides: a server that does not know one of these refuses all.
const BESIDES: [&str; 17] = [
    "attachment_created",
    "attachment_deleted",
    "board_created",
    "board_updated",
    "board_deleted",
    "board_configuration_changed",
    "project_soft_deleted",
    "project_restored_deleted",
    "project_archived",
    "project_restored_archived",
    "issuetype_created",
    "issuetype_updated",
    "issuetype_deleted",
    "filter_created",
    "filter_updated",
    "filter_deleted",
    "user_deleted",
];

/// What apps are told, as Jira's OpenAPI document has it.
const OF_APPS: [&str; 6] = [
    "jira:issue_created",
    "jira:issue_updated",
    "jira:issue_deleted",
    "comment_created",
    "comment_updated",
    "comment_deleted",
];

/// What apps are told by the word of other documents of Atlassian's: registered by itself, since it may be refused.
const OF_APPS_PERHAPS: [&str; 11] = [
    "sprint_created",
    "sprint_updated",
    "sprint_deleted",
    "sprint_started",
    "sprint_closed",
    "jira:version_created",
    "jira:version_updated",
    "jira:version_deleted",
    "jira:version_released",
    "jira:version_unreleased",
    "jira:version_moved",
];

/// Events of properties, which issues do not count as changes of theirs: listened to where properties are copied.
const OF_PROPERTIES: [&str; 2] = ["issue_property_set", "issue_property_deleted"];

/// Every issue. Apps' webhooks take no empty query and none with `IS NOT`; Jira takes this one.
const EVERY_ISSUE: &str = "project != null";

fn owned<const N: usize>(events: [&str; N]) -> Vec<String> {
    events.map(str::to_owned).to_vec()
}

/// Whether the site says that our account may not.
fn is_refusal(error: &JiraError) -> bool {
    matches!(
        error,
        JiraError::Forbidden { .. }
            | JiraError::NotFound { .. }
            | JiraError::Unauthenticated { .. }
            | JiraError::ForeignPage { .. }
    )
}

/// `None` where our account may not.
fn allowed<T>(found: std::result::Result<T, JiraError>) -> std::result::Result<Option<T>, JiraError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_refusal(&error) => {
            tracing::info!(%error, "webhooks of the site are not for our account");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn time(sent: &Value) -> Option<DateTime<Utc>> {
    domain::jira_time::parse_json(sent).ok()
}

impl Site {
    fn properties(&self) -> Vec<String> {
        match self.client().issue_properties().is_empty() {
            true => Vec::new(),
            false => owned(OF_PROPERTIES),
        }
    }

    /// What an administrator's webhook is told by every Jira.
    fn usual_events(&self) -> Vec<String> {
        [owned(EVERYWHERE), self.properties()].concat()
    }

    fn admin_webhook(&self, new: &NewSiteWebhook, events: Vec<String>) -> NewWebhook {
        NewWebhook {
            name: new.name.clone(),
            url: new.url.clone(),
            events,
            jql: None,
            secret: Some(new.secret.clone()),
        }
    }

    async fn register_at(
        &self,
        client: &JiraClient,
        new: &NewSiteWebhook,
    ) -> std::result::Result<RegisteredWebhook, JiraError> {
        let all = self.webhook_events(WebhookKind::Admin);
        match client.create_webhook(&self.admin_webhook(new, all)).await {
            Err(JiraError::BadRequest { .. }) => {
                let made = client.create_webhook(&self.admin_webhook(new, self.usual_events())).await?;
                Ok(RegisteredWebhook { ids: vec![made.id], problem: None })
            }
            made => Ok(RegisteredWebhook { ids: vec![made?.id], problem: None }),
        }
    }

    async fn register_app(
        &self,
        client: &JiraClient,
        new: &NewSiteWebhook,
    ) -> std::result::Result<RegisteredWebhook, JiraError> {
        let groups = [[owned(OF_APPS), self.properties()].concat(), owned(OF_APPS_PERHAPS)];
        let wanted = groups.map(|events| NewDynamicWebhook { events, jql: EVERY_ISSUE.to_owned() });
        let mut results = client.create_dynamic_webhooks(&new.url, &wanted).await?.into_iter();
        let first = match results.next() {
            Some(Ok(id)) => id,
            Some(Err(said)) => {
                return Err(JiraError::BadRequest {
                    messages: vec![said],
                    field_errors: std::collections::BTreeMap::new(),
                });
            }
            None => {
                let cause = "the answer names no webhook".to_owned();
                return Err(JiraError::Indeterminate { operation: "create_dynamic_webhooks", cause });
            }
        };
        let mut registered = RegisteredWebhook { ids: vec![first], problem: None };
        match results.next() {
            Some(Ok(id)) => registered.ids.push(id),
            Some(Err(said)) => {
                registered.problem = Some(format!("apps are not told of sprints and versions here: {said}"));
            }
            None => {}
        }
        Ok(registered)
    }
}

#[async_trait]
impl SiteWebhooks for Site {
    fn webhook_events(&self, kind: WebhookKind) -> Vec<String> {
        match kind {
            WebhookKind::Admin => [owned(EVERYWHERE), owned(BESIDES), self.properties()].concat(),
            WebhookKind::Dynamic => [owned(OF_APPS), self.properties(), owned(OF_APPS_PERHAPS)].concat(),
        }
    }

    fn lacks_events(&self, kind: WebhookKind, events: &[String]) -> bool {
        let least = match kind {
            WebhookKind::Admin => self.usual_events(),
            WebhookKind::Dynamic => [owned(OF_APPS), self.properties()].concat(),
        };
        least.iter().any(|event| !events.contains(event))
    }

    async fn webhooks(&self, kind: WebhookKind) -> Result<Option<Vec<SiteWebhook>>> {
        let client = self.client();
        let listed = match kind {
            WebhookKind::Admin => client.list_webhooks().await.map(|listed| {
                let read = |webhook: jira_client::Webhook| SiteWebhook {
                    id: webhook.id,
                    url: webhook.url.unwrap_or_default(),
                    events: webhook.events,
                    enabled: webhook.enabled,
                    is_signed: webhook.is_signed,
                    expires_at: None,
                };
                listed.into_iter().map(read).collect()
            }),
            WebhookKind::Dynamic => client.list_dynamic_webhooks().await.map(|listed| {
                let read = |webhook: jira_client::DynamicWebhook| SiteWebhook {
                    id: webhook.id,
                    url: webhook.url.unwrap_or_default(),
                    events: webhook.events,
                    enabled: true,
                    is_signed: None,
                    expires_at: time(&webhook.expires),
                };
                listed.into_iter().map(read).collect()
            }),
        };
        allowed(listed).map_err(|error| self.error(error))
    }

    async fn register_webhook(&self, new: &NewSiteWebhook) -> Result<Option<RegisteredWebhook>> {
        let client = self.client();
        let registered = match new.kind {
            WebhookKind::Admin => self.register_at(&client, new).await,
            WebhookKind::Dynamic => self.register_app(&client, new).await,
        };
        allowed(registered).map_err(|error| self.write_error(error))
    }

    async fn replace_webhook(&self, id: &str, new: &NewSiteWebhook) -> Result<()> {
        let client = self.client();
        let all = self.webhook_events(WebhookKind::Admin);
        let written = match client.replace_webhook(id, &self.admin_webhook(new, all)).await {
            Err(JiraError::BadRequest { .. }) => {
                client.replace_webhook(id, &self.admin_webhook(new, self.usual_events())).await
            }
            written => written,
        };
        written.map_err(|error| self.write_error(error))
    }

    async fn refresh_webhooks(&self, ids: &[String]) -> Result<Option<DateTime<Utc>>> {
        let until =
            self.client().refresh_dynamic_webhooks(ids).await.map_err(|error| self.write_error(error))?;
        Ok(time(&until))
    }

    async fn remove_webhooks(&self, kind: WebhookKind, ids: &[String]) -> Result<()> {
        let client = self.client();
        if kind == WebhookKind::Dynamic {
            return client.delete_dynamic_webhooks(ids).await.map_err(|error| self.write_error(error));
        }
        for id in ids {
            match client.delete_webhook(id).await {
                Ok(()) | Err(JiraError::NotFound { .. }) => {}
                Err(error) => return Err(self.write_error(error)),
            }
        }
        Ok(())
    }

    async fn failed_deliveries(&self, after: DateTime<Utc>) -> Result<Option<FailedDeliveries>> {
        let listed = self.client().failed_webhooks(after.timestamp_millis()).await;
        let listed = allowed(listed).map_err(|error| self.error(error))?.unwrap_or_default();
        let latest =
            listed.iter().map(|failed| failed.failed_at).max().and_then(DateTime::from_timestamp_millis);
        Ok(latest.map(|latest| FailedDeliveries { count: listed.len(), latest }))
    }
}
