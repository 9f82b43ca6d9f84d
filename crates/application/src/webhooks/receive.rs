//! Webhooks in: a delivery is a hint that says *look at this issue*; its body is never taken for data.

use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Hint, InboxEntry, NamedByAddress, door, events};
use crate::{
    error::{Error, Result},
    instances,
    jobs::Job,
    ports::TenantTx,
    services::Services,
    sync::{ReadNamed, SyncInstance},
    tenant_context::TenantContext,
};

/// A delivery as it came over HTTP.
#[derive(Clone)]
pub struct Delivery<'a> {
    /// `X-Atlassian-Webhook-Identifier`; Data Center sends none.
    pub identifier: Option<&'a str>,
    /// `X-Hub-Signature`.
    pub signature: Option<&'a str>,
    /// The token of `Authorization: Bearer`, with which Jira signs what it sends to apps.
    pub token: Option<&'a str>,
    /// The secret part of the address.
    pub path: Option<&'a str>,
    /// What the address names, for a delivery without a body.
    pub named: NamedByAddress,
    /// The raw body: what the signature is over.
    pub body: &'a [u8],
}

/// Verifies and stores a delivery and enqueues its hints, in one transaction: once this answers, nothing is lost.
/// Answers whether the delivery was new.
pub async fn receive(services: &Services, instance: InstanceId, delivery: Delivery<'_>) -> Result<bool> {
    let mut platform = services.db.platform().await?;
    let tenant = platform.tenant_of_instance(instance).await?;
    drop(platform);
    let tenant = tenant.ok_or_else(|| Error::not_found("instance", instance.to_string()))?;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    door::believe(services, tx.as_mut(), instance, &delivery).await?;
    let mut body = body_of(tx.as_mut(), instance, &delivery).await?;
    let erased = tx.erased_people(instance).await?;
    crate::ingest::clean_payload(&mut body, services.secrets.as_ref(), &erased);
    let event = body["webhookEvent"].as_str().unwrap_or("unknown").chars().take(100).collect::<String>();
    let mut issues = events::issues_named(&body);
    let named = if issues.is_empty() { events::thing_named(&event, &body) } else { None };
    if let Some(attachment) = events::attachment_named(&body).filter(|_| issues.is_empty()) {
        issues.extend(tx.issue_of_attachment(instance, &attachment).await?);
    }
    let updated = updated_told(&body);
    let entry = InboxEntry {
        id: Uuid::now_v7(),
        instance,
        delivery_id: delivery
            .identifier
            .map_or_else(|| digest(&delivery), |id| id.chars().take(255).collect()),
        event: event.clone(),
        issue_jira_id: issues.first().cloned(),
        body,
        received_at: services.clock.now(),
    };
    let new = tx.receive_delivery(&entry).await?;
    if new {
        let deleted = event == "jira:issue_deleted";
        let hints: Vec<Hint> =
            issues.iter().map(|issue| Hint { deleted, updated, ..Hint::of(issue) }).collect();
        tx.hint(instance, &hints).await?;
        if let Some(what) = named {
            let request = ReadNamed { tenant, instance, what }.wanted(tx.as_mut()).await?;
            tx.enqueue(request).await?;
        } else if issues.is_empty() {
            tx.enqueue(SyncInstance { tenant, instance }.request()?).await?;
        }
    }
    tx.commit().await?;
    Ok(new)
}

/// The body as sent, or what the address says instead of one.
async fn body_of(tx: &mut dyn TenantTx, instance: InstanceId, delivery: &Delivery<'_>) -> Result<Value> {
    if delivery.body.trim_ascii().is_empty() {
        let instance = instances::require_instance(tx, &instance.to_string()).await?;
        return delivery.named.as_body(tx, &instance).await;
    }
    serde_json::from_slice(delivery.body)
        .map_err(|_| Error::invalid("body", "must be the JSON of a Jira webhook"))
}

/// Tells deliveries apart that nobody has numbered. Those without a body are all alike, and each is one of its own.
fn digest(delivery: &Delivery<'_>) -> String {
    if delivery.body.trim_ascii().is_empty() {
        return Uuid::now_v7().to_string();
    }
    Sha256::digest(delivery.body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// When the issue that a body carries was updated.
fn updated_told(body: &Value) -> Option<DateTime<Utc>> {
    domain::jira_time::parse(body["issue"]["fields"]["updated"].as_str()?).ok()
}
