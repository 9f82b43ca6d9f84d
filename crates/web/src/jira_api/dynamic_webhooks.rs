//! Dynamic webhooks of a sandbox: what apps register at a site (jira-facts 3.1). Jira knows apps by how they sign in; here every key
//! that may administer the sandbox is one and the same app.

use std::sync::Arc;

use application::{
    Action, Error,
    instances::Instance,
    ports::TenantTx,
    search::{parse_jql, request_of},
    webhooks::Webhook,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::jira_time;
use jql::{CompareOp, Field, FieldName, Predicate};
use serde_json::{Map, Value, json};

use super::{
    answer,
    body::Body,
    page::Window,
    params::Params,
    refusal::Refusal,
    site::Site,
    webhooks::{audit, noted, sandbox},
};

/// The events that these take.
const EVENTS: [&str; 8] = [
    "jira:issue_created",
    "jira:issue_updated",
    "jira:issue_deleted",
    "comment_created",
    "comment_updated",
    "comment_deleted",
    "issue_property_set",
    "issue_property_deleted",
];

/// Fields that their JQL may name, besides `cf[…]` and properties of issues.
const FIELDS: [&str; 9] =
    ["issue", "issuekey", "key", "project", "issuetype", "status", "assignee", "reporter", "priority"];

/// Webhooks of one app.
const MOST: usize = 100;
/// On a page, unless asked for otherwise.
const PAGE: usize = 100;
/// They end after that, unless their life is extended.
const LIFE: TimeDelta = TimeDelta::days(30);
/// So long it is told what could not be delivered.
const TOLD_FOR: TimeDelta = TimeDelta::hours(72);

/// `GET webhook`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, PAGE)?;
    let (mut tx, instance) = sandbox(&site).await?;
    let webhooks = dynamic(&site, tx.as_mut(), &instance).await?;
    let total = webhooks.len();
    let values: Vec<Value> = window.cut(webhooks).iter().map(served).collect();
    Ok(answer::ok(&json!({
        "startAt": window.start,
        "maxResults": window.size,
        "total": total,
        "isLast": window.start + values.len() >= total,
        "values": values,
    })))
}

/// Those that have not ended.
async fn dynamic(site: &Site, tx: &mut dyn TenantTx, instance: &Instance) -> Result<Vec<Webhook>, Refusal> {
    let now = site.state.services.clock.now();
    let mut webhooks = tx.webhooks(instance.id).await?;
    webhooks.retain(|webhook| webhook.expires_at.is_some_and(|end| end > now));
    Ok(webhooks)
}

/// `POST webhook`: each by itself, and answered in the order in which they were sent.
pub(super) async fn register(site: Site, body: Body) -> Result<Response, Refusal> {
    site.caller.permit(Action::RegisterWebhook)?;
    drop(sandbox(&site).await?);
    let url = body.text("url")?.unwrap_or_default().trim().to_owned();
    if !url::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Err(Refusal::field("url", "The URL of the webhooks must be a whole http or https address."));
    }
    let wanted = body.get("webhooks").and_then(Value::as_array).filter(|list| !list.is_empty());
    let wanted = wanted.ok_or_else(Refusal::invalid_payload)?;
    // A look-up may take its time: no transaction waits for it.
    site.state.services.deliveries.check_address(&url).await?;
    let (mut tx, instance) = sandbox(&site).await?;
    let mut known = dynamic(&site, tx.as_mut(), &instance).await?.len();
    let mut results = Vec::new();
    for wanted in wanted {
        let new = match New::read(wanted) {
            Ok(new) => new.checked(&site, tx.as_mut(), &instance).await?,
            Err(errors) => Err(errors),
        };
        let new = new.and_then(|new| match known < MOST {
            true => Ok(new),
            false => Err(vec![format!("An app takes {MOST} webhooks at most; delete one first.")]),
        });
        results.push(match new {
            Ok(new) => {
                let webhook = new.add(&site, tx.as_mut(), &instance, &url).await?;
                known += 1;
                json!({ "createdWebhookId": webhook.jira_id })
            }
            Err(errors) => json!({ "errors": errors }),
        });
    }
    tx.commit().await?;
    Ok(answer::ok(&json!({ "webhookRegistrationResult": results })))
}

/// `DELETE webhook`: ids that there are not are passed over.
pub(super) async fn remove(site: Site, body: Body) -> Result<Response, Refusal> {
    site.caller.permit(Action::RemoveWebhook)?;
    let (mut tx, instance) = sandbox(&site).await?;
    for webhook in named(&site, tx.as_mut(), &instance, &body).await? {
        tx.remove_webhook(instance.id, webhook.jira_id).await?;
        let entry = audit(&site, &instance, Action::RemoveWebhook, &webhook, (noted(&webhook), Value::Null));
        tx.record(entry).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `PUT webhook/refresh`: they live for another month.
pub(super) async fn refresh(site: Site, body: Body) -> Result<Response, Refusal> {
    site.caller.permit(Action::RegisterWebhook)?;
    let (mut tx, instance) = sandbox(&site).await?;
    let expires_at = site.state.services.clock.now() + LIFE;
    for webhook in named(&site, tx.as_mut(), &instance, &body).await? {
        tx.save_webhook(instance.id, &Webhook { expires_at: Some(expires_at), ..webhook }).await?;
    }
    tx.commit().await?;
    Ok(answer::ok(&json!({ "expirationDate": jira_time::format(expires_at) })))
}

/// `GET webhook/failed`: the oldest first, and how to ask for what follows.
pub(super) async fn failed(site: Site, params: Params) -> Result<Response, Refusal> {
    let size = Window::of(&params, PAGE, PAGE)?.size;
    // The parameter is called `after`, and `failedAfter` in the address that Jira answers.
    let after = match params.integer("after")? {
        Some(after) => Some(after),
        None => params.integer("failedAfter")?,
    };
    let (mut tx, instance) = sandbox(&site).await?;
    let since = site.state.services.clock.now() - TOLD_FOR;
    let after = after.and_then(DateTime::<Utc>::from_timestamp_millis).filter(|after| *after > since);
    let listed = tx.failed_deliveries(instance.id, after.unwrap_or(since), size).await?;
    let values: Vec<Value> = listed
        .iter()
        .map(|failed| {
            let mut value = json!({
                "id": failed.id.to_string(), "url": failed.url, "failureTime": failed.failed_at.timestamp_millis(),
            });
            if let Some(body) = &failed.body {
                value["body"] = json!(body.to_string());
            }
            value
        })
        .collect();
    let mut page = json!({ "maxResults": size, "values": values });
    if let Some(last) = listed.last() {
        let after = last.failed_at.timestamp_millis();
        page["next"] = json!(site.api_url(&format!("webhook/failed?failedAfter={after}&maxResults={size}")));
    }
    Ok(answer::ok(&page))
}

/// The webhooks that `webhookIds` names.
async fn named(
    site: &Site,
    tx: &mut dyn TenantTx,
    instance: &Arc<Instance>,
    body: &Body,
) -> Result<Vec<Webhook>, Refusal> {
    let ids = body.list("webhookIds")?;
    if ids.is_empty() {
        return Err(Refusal::bad_request("The list of webhook ids is missing."));
    }
    let mut webhooks = dynamic(site, tx, instance).await?;
    webhooks.retain(|webhook| ids.contains(&webhook.jira_id.to_string()));
    Ok(webhooks)
}

fn served(webhook: &Webhook) -> Value {
    let mut shown = json!({
        "id": webhook.jira_id,
        "events": webhook.events,
        "jqlFilter": webhook.jql,
        "url": webhook.url,
        "expirationDate": webhook.expires_at.map(jira_time::format),
    });
    for (member, list) in
        [("fieldIdsFilter", &webhook.field_ids), ("issuePropertyKeysFilter", &webhook.property_keys)]
    {
        if let Some(list) = list {
            shown[member] = json!(list);
        }
    }
    shown
}

/// A webhook as sent.
#[derive(Debug)]
struct New {
    events: Vec<String>,
    jql: String,
    field_ids: Option<Vec<String>>,
    property_keys: Option<Vec<String>>,
}

impl New {
    /// What is wrong with one does not hold up the others.
    fn read(wanted: &Value) -> Result<Self, Vec<String>> {
        let members = wanted.as_object().cloned().unwrap_or_default();
        let mut errors = Vec::new();
        let events = texts(&members, "events").unwrap_or_default();
        if events.is_empty() {
            errors.push("At least one event must be named.".to_owned());
        }
        for event in events.iter().filter(|event| !EVENTS.contains(&event.as_str())) {
            errors.push(format!("The event {event} is unsupported"));
        }
        let jql = members.get("jqlFilter").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        errors.extend(unsupported(&jql));
        let (field_ids, property_keys) =
            (texts(&members, "fieldIdsFilter"), texts(&members, "issuePropertyKeysFilter"));
        if errors.is_empty() { Ok(Self { events, jql, field_ids, property_keys }) } else { Err(errors) }
    }

    /// Itself, if its query means something at the site.
    async fn checked(
        self,
        site: &Site,
        tx: &mut dyn TenantTx,
        instance: &Instance,
    ) -> Result<Result<Self, Vec<String>>, Refusal> {
        let request = request_of(instance, parse_jql(&self.jql)?, site.state.services.clock.now());
        match tx.check(&request).await {
            Ok(()) => Ok(Ok(self)),
            Err(Error::InvalidJql(message)) => Ok(Err(vec![message])),
            Err(error) => Err(error.into()),
        }
    }

    async fn add(
        self,
        site: &Site,
        tx: &mut dyn TenantTx,
        instance: &Arc<Instance>,
        url: &str,
    ) -> Result<Webhook, Refusal> {
        let now = site.state.services.clock.now();
        let jira_id = tx.take_sandbox_ids(instance.id, 1).await?;
        let webhook = Webhook {
            jira_id,
            name: format!("webhook {jira_id}"),
            url: url.to_owned(),
            events: self.events,
            jql: Some(self.jql),
            exclude_body: false,
            enabled: true,
            secret_sealed: None,
            updated_at: now,
            expires_at: Some(now + LIFE),
            field_ids: self.field_ids,
            property_keys: self.property_keys,
        };
        tx.add_webhook(instance.id, &webhook).await?;
        let entry = audit(site, instance, Action::RegisterWebhook, &webhook, (Value::Null, noted(&webhook)));
        tx.record(entry).await?;
        Ok(webhook)
    }
}

fn texts(members: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let list = members.get(name)?.as_array()?;
    Some(list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
}

/// What of a query these webhooks do not take.
fn unsupported(jql: &str) -> Vec<String> {
    let query = match parse_jql(jql) {
        Ok(query) => query,
        Err(error) => return vec![error.to_string()],
    };
    let Some(filter) = &query.filter else { return vec!["The JQL filter must not be empty".to_owned()] };
    let mut errors = Vec::new();
    if !query.order_by.is_empty() {
        errors.push("The clause ORDER BY is unsupported".to_owned());
    }
    for term in filter.terms() {
        let name = named_field(&term.field);
        let is_known = match &term.field.name {
            FieldName::CustomId(_) => true,
            _ if name.eq_ignore_ascii_case("issue.property") => true,
            _ => FIELDS.contains(&name.to_ascii_lowercase().as_str()) && term.field.properties.is_empty(),
        };
        let is_plain = match &term.predicate {
            Predicate::Compare { op, .. } => matches!(op, CompareOp::Equals | CompareOp::NotEquals),
            Predicate::In { .. } => true,
            _ => false,
        };
        if !is_known {
            errors.push(format!("The clause {name} is unsupported"));
        } else if !is_plain {
            errors.push(format!("The operator of the clause {name} is unsupported"));
        }
    }
    errors
}

fn named_field(field: &Field) -> String {
    match &field.name {
        FieldName::Name(name) => name.clone(),
        FieldName::CustomId(id) => format!("cf[{id}]"),
        FieldName::Id(id) => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_about_few_fields_with_few_operators() {
        for jql in [
            "project = PAY",
            "project in (PAY, OPS) AND status != Done OR cf[10010] = x",
            "issue.property[review].state = open",
            "issueKey = PAY-1 AND NOT issuetype = Bug",
        ] {
            assert_eq!(unsupported(jql), Vec::<String>::new(), "{jql}");
        }
        assert_eq!(unsupported("watchCount > 1"), ["The clause watchCount is unsupported"]);
        for jql in ["", "project ~ PAY", "status WAS Open", "project = PAY ORDER BY key", "project ="] {
            assert_eq!(unsupported(jql).len(), 1, "{jql}");
        }
    }

    #[test]
    fn what_is_wrong_with_one_is_told_of_it() {
        let read = |value: Value| New::read(&value);
        let good = json!({ "events": ["comment_created"], "jqlFilter": "project = PAY", "fieldIdsFilter": ["summary"] });
        let new = read(good).unwrap();
        assert_eq!((new.field_ids.unwrap(), new.property_keys), (vec!["summary".to_owned()], None));
        let bad = json!({ "events": ["sprint_started"], "jqlFilter": "watchCount = 1" });
        assert_eq!(read(bad).unwrap_err().len(), 2);
        assert_eq!(read(json!("nonsense")).unwrap_err().len(), 2);
    }
}
