//! Admin webhooks of a sandbox (jira-facts 3.1). A mirror has none: what happens at its site, its site tells.

use std::sync::Arc;

use application::{
    Action, Error, Scope,
    audit::NewAuditEntry,
    instances::{Instance, InstanceKind},
    ports::TenantTx,
    search::{parse_jql, request_of},
    webhooks::Webhook,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::{answer, body::Body, refusal::Refusal, site::Site};

/// Under this name Jira keeps the JQL of a webhook.
const JQL_FILTER: &str = "issue-related-events-section";

/// Webhooks of one site.
const MOST_WEBHOOKS: usize = 100;

pub(super) async fn list(site: Site) -> Result<Response, Refusal> {
    let (mut tx, instance) = sandbox(&site).await?;
    let webhooks = of_administrators(tx.as_mut(), &instance).await?;
    Ok(answer::ok(&Value::Array(webhooks.iter().map(|webhook| served(&site, webhook)).collect())))
}

pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let (mut tx, instance) = sandbox(&site).await?;
    let webhook = find(tx.as_mut(), &instance, site.param("webhook")).await?;
    Ok(answer::ok(&served(&site, &webhook)))
}

pub(super) async fn register(site: Site, body: Body) -> Result<Response, Refusal> {
    site.caller.permit(Action::RegisterWebhook)?;
    drop(sandbox(&site).await?);
    let new = NewWebhook::read(&body)?;
    // A look-up may take its time: no transaction waits for it.
    site.state.services.deliveries.check_address(&new.url).await?;
    let (mut tx, instance) = sandbox(&site).await?;
    if of_administrators(tx.as_mut(), &instance).await?.len() >= MOST_WEBHOOKS {
        return Err(Refusal::bad_request(format!(
            "A site takes {MOST_WEBHOOKS} webhooks at most; remove one first."
        )));
    }
    let webhook = new.checked(&site, tx.as_mut(), &instance).await?;
    let webhook = Webhook { jira_id: tx.take_sandbox_ids(instance.id, 1).await?, ..webhook };
    tx.add_webhook(instance.id, &webhook).await?;
    let entry = audit(&site, &instance, Action::RegisterWebhook, &webhook, (Value::Null, noted(&webhook)));
    tx.record(entry).await?;
    tx.commit().await?;
    Ok(answer::json(StatusCode::CREATED, &served(&site, &webhook)))
}

/// `PUT webhook/{id}`: everything of it anew, but for a secret that is not sent: nobody can read it to send it back.
pub(super) async fn replace(site: Site, body: Body) -> Result<Response, Refusal> {
    site.caller.permit(Action::RegisterWebhook)?;
    let (mut tx, instance) = sandbox(&site).await?;
    find(tx.as_mut(), &instance, site.param("webhook")).await?;
    drop(tx);
    let new = NewWebhook::read(&body)?;
    site.state.services.deliveries.check_address(&new.url).await?;
    let (mut tx, instance) = sandbox(&site).await?;
    let before = find(tx.as_mut(), &instance, site.param("webhook")).await?;
    let mut webhook = new.checked(&site, tx.as_mut(), &instance).await?;
    webhook.jira_id = before.jira_id;
    if body.get("secret").is_none() {
        webhook.secret_sealed.clone_from(&before.secret_sealed);
    }
    tx.save_webhook(instance.id, &webhook).await?;
    let sides = (noted(&before), noted(&webhook));
    tx.record(audit(&site, &instance, Action::RegisterWebhook, &webhook, sides)).await?;
    tx.commit().await?;
    Ok(answer::ok(&served(&site, &webhook)))
}

pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    site.caller.permit(Action::RemoveWebhook)?;
    let (mut tx, instance) = sandbox(&site).await?;
    let webhook = find(tx.as_mut(), &instance, site.param("webhook")).await?;
    tx.remove_webhook(instance.id, webhook.jira_id).await?;
    let entry = audit(&site, &instance, Action::RemoveWebhook, &webhook, (noted(&webhook), Value::Null));
    tx.record(entry).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// As at Jira, webhooks are for administrators.
pub(super) async fn sandbox(site: &Site) -> Result<(Box<dyn TenantTx>, Arc<Instance>), Refusal> {
    let (tx, instance) = site.open(Scope::Admin).await?;
    if instance.kind != InstanceKind::Sandbox {
        let message =
            "webhooks of a mirror are not served by Forebay; register them at the site that it mirrors";
        return Err(Error::Unsupported(message.into()).into());
    }
    Ok((tx, instance))
}

/// Apps have an API of their own for theirs.
async fn of_administrators(tx: &mut dyn TenantTx, instance: &Instance) -> Result<Vec<Webhook>, Refusal> {
    let mut webhooks = tx.webhooks(instance.id).await?;
    webhooks.retain(|webhook| !webhook.is_dynamic());
    Ok(webhooks)
}

async fn find(tx: &mut dyn TenantTx, instance: &Instance, id: &str) -> Result<Webhook, Refusal> {
    let webhooks = of_administrators(tx, instance).await?;
    let found = webhooks.into_iter().find(|webhook| webhook.jira_id.to_string() == id);
    found.ok_or_else(|| Error::not_found("webhook", id).into())
}

/// A webhook as sent.
#[derive(Debug)]
struct NewWebhook {
    name: String,
    url: String,
    events: Vec<String>,
    exclude_body: bool,
    enabled: bool,
    jql: Option<String>,
    secret: Option<SecretString>,
}

/// The JQL that issues have to meet, where one is sent.
fn jql_filter(body: &Body) -> Result<Option<String>, Refusal> {
    let filters = match body.get("filters") {
        None => return Ok(None),
        Some(Value::Object(filters)) => filters,
        Some(_) => return Err(Refusal::invalid_payload()),
    };
    let mut jql = None;
    for (name, filter) in filters {
        match filter {
            Value::Null => {}
            Value::String(text) if text.trim().is_empty() => {}
            Value::String(text) if name == JQL_FILTER => jql = Some(text.trim().to_owned()),
            Value::String(_) => {
                let message = format!("The only filter that webhooks take is '{JQL_FILTER}'.");
                return Err(Refusal::field("filters", message));
            }
            _ => return Err(Refusal::invalid_payload()),
        }
    }
    Ok(jql)
}

impl NewWebhook {
    fn read(body: &Body) -> Result<Self, Refusal> {
        let text = |name| body.text(name).map(|text| text.unwrap_or_default().trim().to_owned());
        let flag = |name, default| match body.get(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Refusal::invalid_payload()),
        };
        let new = Self {
            name: text("name")?,
            url: text("url")?,
            events: body.list("events")?,
            exclude_body: flag("excludeBody", false)?,
            enabled: flag("enabled", true)?,
            jql: jql_filter(body)?,
            secret: body.text("secret")?.filter(|secret| !secret.is_empty()).map(SecretString::from),
        };
        if new.name.is_empty() {
            return Err(Refusal::field("name", "The name of the webhook must not be empty."));
        }
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if !Url::parse(&new.url).is_ok_and(|url| is_http(&url)) {
            return Err(Refusal::field(
                "url",
                "The URL of the webhook must be a whole http or https address.",
            ));
        }
        if new.events.is_empty() {
            return Err(Refusal::field("events", "A webhook needs at least one event."));
        }
        Ok(new)
    }

    /// As it is kept, still without an id.
    async fn checked(
        self,
        site: &Site,
        tx: &mut dyn TenantTx,
        instance: &Instance,
    ) -> Result<Webhook, Refusal> {
        let services = &site.state.services;
        let now = services.clock.now();
        if let Some(jql) = &self.jql {
            tx.check(&request_of(instance, parse_jql(jql)?, now)).await?;
        }
        let seal = |secret| services.secrets.seal(instance.id, &secret);
        Ok(Webhook {
            jira_id: 0,
            name: self.name,
            url: self.url,
            events: self.events,
            jql: self.jql,
            exclude_body: self.exclude_body,
            enabled: self.enabled,
            secret_sealed: self.secret.map(seal).transpose()?,
            updated_at: now,
            expires_at: None,
            field_ids: None,
            property_keys: None,
        })
    }
}

/// A webhook as Jira serves it; the secret is never shown again.
fn served(site: &Site, webhook: &Webhook) -> Value {
    json!({
        "name": webhook.name,
        "url": webhook.url,
        "excludeBody": webhook.exclude_body,
        "filters": { JQL_FILTER: webhook.jql.clone().unwrap_or_default() },
        "events": webhook.events,
        "enabled": webhook.enabled,
        "isSigned": webhook.secret_sealed.is_some(),
        "self": format!("{}/rest/webhooks/1.0/webhook/{}", site.base_url(), webhook.jira_id),
        "lastUpdatedUser": "forebay-sandbox",
        "lastUpdatedDisplayName": "Forebay Sandbox",
        "lastUpdated": webhook.updated_at.timestamp_millis(),
    })
}

pub(super) fn audit(
    site: &Site,
    instance: &Instance,
    action: Action,
    webhook: &Webhook,
    (before, after): (Value, Value),
) -> NewAuditEntry {
    let now = site.state.services.clock.now();
    NewAuditEntry::success(
        &site.caller,
        Some(instance.id),
        action.as_str(),
        &webhook.name,
        before,
        after,
        now,
    )
}

/// What the audit log keeps of a webhook. Its address may hold a token.
pub(super) fn noted(webhook: &Webhook) -> Value {
    let host = Url::parse(&webhook.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    json!({ "id": webhook.jira_id, "host": host, "events": webhook.events, "enabled": webhook.enabled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Result<NewWebhook, Refusal> {
        NewWebhook::read(&Body::parse(value.to_string().as_bytes()).unwrap())
    }

    fn body() -> Value {
        json!({
            "name": "forebay", "url": "https://b.example/hook", "events": ["jira:issue_updated"],
            "filters": {JQL_FILTER: ""}, "excludeBody": false, "enabled": true, "secret": "s3cr3t",
        })
    }

    #[test]
    fn a_webhook_is_read_as_administrators_send_it() {
        let new = read(&body()).unwrap();
        assert_eq!((new.name.as_str(), new.enabled, new.exclude_body), ("forebay", true, false));
        assert_eq!(new.events, ["jira:issue_updated"]);
        assert_eq!(new.jql, None);
        let mut filtered = body();
        filtered["filters"][JQL_FILTER] = json!(" project = ED ");
        assert_eq!(read(&filtered).unwrap().jql.as_deref(), Some("project = ED"));
        assert!(new.secret.is_some());
        assert!(!format!("{new:?}").contains("s3cr3t"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (member, wrong) in [
            ("name", json!("")),
            ("url", json!("ftp://b.example")),
            ("url", json!("b.example/hook")),
            ("events", json!([])),
            ("filters", json!({"comment-related-events-section": "project = ED"})),
        ] {
            let mut body = body();
            body[member] = wrong;
            let refusal = read(&body).unwrap_err();
            assert!(format!("{refusal:?}").contains(&format!("\"{member}\"")), "{refusal:?}");
        }
    }
}
