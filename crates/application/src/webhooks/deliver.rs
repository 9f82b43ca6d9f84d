//! Webhooks out: what a sandbox tells those who registered (jira-facts 3).

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    instances::Instance,
    jobs::{Job, JobError},
    ports::TenantTx,
    sandbox::faults::{
        ActivePlan,
        announce::{Sending, sendings},
    },
    search::{parse_jql, request_of},
    services::Services,
    tenant_context::TenantContext,
    webhooks::Webhook,
};

/// Enqueues the deliveries of an event to every webhook that listens to it, in the transaction of the change itself.
pub async fn announce(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    event: &str,
    mut body: Value,
) -> Result<()> {
    let listening = tx.webhooks(instance.id).await?;
    if !listening.is_empty() {
        // People who are erased come back in no text that somebody sends on.
        tx.erased_people(instance.id).await?.take_out(&mut body, services.secrets.as_ref());
    }
    let faulty = active_plan(tx, instance).await?;
    let mut faults = BTreeMap::new();
    let now = services.clock.now();
    body["timestamp"] = json!(now.timestamp_millis());
    body["webhookEvent"] = json!(event);
    for webhook in
        listening.into_iter().filter(|hook| hook.enabled && hook.events.iter().any(|name| name == event))
    {
        if !is_wanted(tx, instance, &webhook, &body, now).await? {
            continue;
        }
        let job = DeliverWebhook {
            tenant: instance.tenant,
            instance: instance.id,
            webhook: webhook.jira_id,
            delivery: Uuid::now_v7(),
            body: if webhook.exclude_body { Value::Null } else { body.clone() },
            forged: false,
        };
        let sent = match &faulty {
            Some(active) => sendings(active, webhook.jira_id, event, &body, now, &mut faults),
            None => vec![Sending::default()],
        };
        for sending in sent {
            let mut request = DeliverWebhook { forged: sending.forged, ..job.clone() }.request()?;
            request.run_at = (sending.delay > Duration::zero()).then(|| now + sending.delay);
            tx.enqueue(request).await?;
        }
    }
    if let Some(active) = faulty.filter(|_| !faults.is_empty()) {
        tx.count_faults(instance.id, active.revision, &faults).await?;
    }
    Ok(())
}

/// Whether the issue that the event speaks of meets the webhook's filter, as it is stored by now. An event that speaks of no issue
/// meets none, and a filter that means nothing any more is met by nothing, as at Jira.
async fn is_wanted(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    webhook: &Webhook,
    body: &Value,
    now: DateTime<Utc>,
) -> Result<bool> {
    let Some(jql) = &webhook.jql else { return Ok(true) };
    let Some(issue) = issue_of(body) else { return Ok(false) };
    let Ok(query) = parse_jql(jql) else { return Ok(false) };
    match tx.matching(&request_of(instance, query, now), &[issue]).await {
        Ok(found) => Ok(!found.is_empty()),
        Err(Error::InvalidJql(_) | Error::Unsupported(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The numeric id of the issue that an event speaks of.
fn issue_of(body: &Value) -> Option<i64> {
    let id = [&body["issue"]["id"], &body["worklog"]["issueId"], &body["issueLink"]["sourceIssueId"]]
        .into_iter()
        .find(|id| !id.is_null())?;
    id.as_i64().or_else(|| id.as_str()?.parse().ok())
}

/// The plan of a sandbox that serves faults; asked for only where the instance says that there is one.
async fn active_plan(tx: &mut dyn TenantTx, instance: &Instance) -> Result<Option<ActivePlan>> {
    if instance.faults.is_none() {
        return Ok(None);
    }
    let stored = tx.fault_plan(instance.id).await?;
    Ok(stored.and_then(|stored| Some(ActivePlan::new(stored.revision, stored.set_at, stored.plan?))))
}

/// Posts one delivery, signed; tried again as Jira does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliverWebhook {
    /// Whose.
    pub tenant: TenantId,
    /// The sandbox.
    pub instance: InstanceId,
    /// The webhook's id there.
    pub webhook: i64,
    /// `X-Atlassian-Webhook-Identifier`: the same on every try.
    pub delivery: Uuid,
    /// The body.
    pub body: Value,
    /// Whether it is signed with another secret: a fault that the sandbox was asked for.
    #[serde(default)]
    pub forged: bool,
}

#[async_trait]
impl Job for DeliverWebhook {
    const NAME: &'static str = "deliver_webhook";
    const PRIORITY: i32 = 5;
    /// Jira tries a delivery again up to five times.
    const MAX_ATTEMPTS: i32 = 6;

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let webhook = tx.webhooks(self.instance).await?.into_iter().find(|hook| hook.jira_id == self.webhook);
        drop(tx);
        let Some(webhook) = webhook.filter(|hook| hook.enabled) else { return Ok(()) };
        let body = match &self.body {
            Value::Null => Vec::new(),
            body => serde_json::to_vec(body).map_err(Error::internal)?,
        };
        let mut headers = vec![
            ("content-type", "application/json; charset=UTF-8".to_owned()),
            ("user-agent", "Atlassian Webhook HTTP Client".to_owned()),
            ("x-atlassian-webhook-identifier", self.delivery.to_string()),
            ("x-atlassian-webhook-flow", "Primary".to_owned()),
        ];
        if let Some(sealed) = &webhook.secret_sealed {
            let secret = match self.forged {
                true => services.secrets.random_text(32),
                false => services.secrets.open(self.instance, sealed)?,
            };
            headers.push(("x-hub-signature", services.secrets.sign(&secret, &body)));
        }
        let status = services.deliveries.post(&webhook.url, &headers, body).await?;
        verdict(status)
    }
}

/// Retried on 408, 409, 425, 429 and 5xx; never on another refusal (jira-facts 3.2).
fn verdict(status: u16) -> Result<(), JobError> {
    let refused = |retryable| Error::Upstream {
        system: "webhook receiver",
        message: format!("answered {status}"),
        retryable,
    };
    match status {
        200..=299 => Ok(()),
        408 | 409 | 425 | 429 | 500..=599 => Err(JobError::Retry(refused(true))),
        _ => Err(JobError::Fail(refused(false))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passing_refusals_are_tried_again() {
        assert!(verdict(204).is_ok());
        assert!(matches!(verdict(503), Err(JobError::Retry(_))));
        assert!(matches!(verdict(410), Err(JobError::Fail(_))));
    }
}
