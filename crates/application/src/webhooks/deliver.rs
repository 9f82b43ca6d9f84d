//! Webhooks out: what a sandbox tells those who registered (jira-facts 3).

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{FailedDelivery, Webhook, address};
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
};

/// A delivery is tried again so often (jira-facts 3.2).
const MOST_RETRIES: u32 = 5;
/// Seconds between two tries, at least and at most.
const BETWEEN_TRIES: std::ops::Range<u128> = 300..901;
/// What is larger is not delivered at all.
const LARGEST_BODY: usize = 25 * 1024 * 1024;

/// `X-Atlassian-Webhook-Flow`: how a change came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flow {
    /// By itself.
    #[default]
    Primary,
    /// As one of many at once, or as what follows from another change.
    Secondary,
}

impl Flow {
    fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "Primary",
            Self::Secondary => "Secondary",
        }
    }
}

/// Enqueues the deliveries of an event to every webhook that listens to it, in the transaction of the change itself.
pub async fn announce(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    event: &str,
    body: Value,
) -> Result<()> {
    announce_in(services, tx, instance, Flow::Primary, event, body).await
}

/// [`announce`], in a flow.
pub async fn announce_in(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    flow: Flow,
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
    let mut met = Vec::new();
    for webhook in listening {
        let is_heard = webhook.enabled && webhook.events.iter().any(|name| name == event);
        if is_heard && is_wanted(tx, instance, &webhook, &body, now).await? {
            met.push(webhook);
        }
    }
    let trace = Uuid::now_v7();
    for (webhook, body) in deliveries(&met, &body) {
        let job = DeliverWebhook {
            tenant: instance.tenant,
            instance: instance.id,
            webhook: webhook.jira_id,
            delivery: Uuid::now_v7(),
            variables: address::variables(&webhook.url, &body),
            body: if webhook.exclude_body { Value::Null } else { body.clone() },
            forged: false,
            flow,
            trace: Some(trace),
            retry: 0,
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

/// What is sent, and by which webhook: an app hears of an event once for all of its webhooks that met it (`matchedWebhookIds`).
fn deliveries<'w>(met: &'w [Webhook], body: &Value) -> Vec<(&'w Webhook, Value)> {
    let mut sent: Vec<(&Webhook, Value)> = Vec::new();
    for webhook in met {
        if !webhook.is_dynamic() {
            sent.push((webhook, body.clone()));
            continue;
        }
        let is_same_app =
            |(other, _): &&mut (&Webhook, Value)| other.is_dynamic() && other.url == webhook.url;
        match sent.iter_mut().find(is_same_app) {
            Some((_, body)) => {
                if let Some(ids) = body["matchedWebhookIds"].as_array_mut() {
                    ids.push(json!(webhook.jira_id));
                }
            }
            None => {
                let mut body = body.clone();
                body["matchedWebhookIds"] = json!([webhook.jira_id]);
                sent.push((webhook, body));
            }
        }
    }
    sent
}

/// Whether a webhook is meant by an event: it has not ended, and the issue that the event speaks of meets its filter, as it is stored by
/// now. An event that speaks of no issue meets none, and a filter that means nothing any more is met by nothing, as at Jira.
async fn is_wanted(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    webhook: &Webhook,
    body: &Value,
    now: DateTime<Utc>,
) -> Result<bool> {
    if webhook.expires_at.is_some_and(|end| end <= now) || !meets_lists(webhook, body) {
        return Ok(false);
    }
    let Some(jql) = &webhook.jql else { return Ok(true) };
    let Some(issue) = issue_of(body) else { return Ok(false) };
    let Ok(query) = parse_jql(jql) else { return Ok(false) };
    match tx.matching(&request_of(instance, query, now), &[issue]).await {
        Ok(found) => Ok(!found.is_empty()),
        Err(Error::InvalidJql(_) | Error::Unsupported(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an event is about one of the fields, or of the properties, that a webhook is limited to. Fields limit updates only, and
/// properties those of issues.
fn meets_lists(webhook: &Webhook, body: &Value) -> bool {
    let is_listed = |list: &Option<Vec<String>>, value: &Value| {
        list.as_ref().is_none_or(|list| list.iter().any(|name| value == name.as_str()))
    };
    match body["webhookEvent"].as_str() {
        Some("jira:issue_updated") => {
            let items = body["changelog"]["items"].as_array().map_or(&[][..], Vec::as_slice);
            webhook.field_ids.is_none()
                || items.iter().any(|item| is_listed(&webhook.field_ids, &item["fieldId"]))
        }
        Some("issue_property_set" | "issue_property_deleted") => {
            is_listed(&webhook.property_keys, &body["property"]["key"])
        }
        _ => true,
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
    /// How the change came about.
    #[serde(default)]
    pub flow: Flow,
    /// `X-Atlassian-Webhook-Trace`: the same for all that are told of one change.
    #[serde(default)]
    pub trace: Option<Uuid>,
    /// What stands for the variables of the address.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// `X-Atlassian-Webhook-Retry`: which try it is after the first.
    #[serde(default)]
    pub retry: u32,
}

#[async_trait]
impl Job for DeliverWebhook {
    const NAME: &'static str = "deliver_webhook";
    const PRIORITY: i32 = 5;
    /// What goes wrong before a delivery is sent, here; what the receiver does is told by [`DeliverWebhook::retry`].
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
        if body.len() > LARGEST_BODY {
            tracing::warn!(webhook = self.webhook, bytes = body.len(), "a delivery is too large to be sent");
            return Ok(());
        }
        let headers = self.headers(services, &webhook, &body)?;
        let url = address::filled_in(&webhook.url, &self.variables);
        let outcome = match services.deliveries.post(&url, &headers, body).await {
            Ok(status) => verdict(status),
            Err(error) => Err(JobError::from(error)),
        };
        match outcome {
            Err(JobError::Retry(error)) => Err(self.again(services, &webhook, error).await?),
            outcome => outcome,
        }
    }
}

impl DeliverWebhook {
    fn headers(
        &self,
        services: &Services,
        webhook: &Webhook,
        body: &[u8],
    ) -> Result<Vec<(&'static str, String)>> {
        let mut headers = vec![
            ("content-type", "application/json; charset=UTF-8".to_owned()),
            ("user-agent", "Atlassian Webhook HTTP Client".to_owned()),
            ("x-atlassian-webhook-identifier", self.delivery.to_string()),
            ("x-atlassian-webhook-flow", self.flow.as_str().to_owned()),
            ("x-atlassian-webhook-trace", self.trace.unwrap_or(self.delivery).simple().to_string()),
        ];
        if self.retry > 0 {
            headers.push(("x-atlassian-webhook-retry", self.retry.to_string()));
        }
        if let Some(sealed) = &webhook.secret_sealed {
            let secret = match self.forged {
                true => services.secrets.random_text(32),
                false => services.secrets.open(self.instance, sealed)?,
            };
            headers.push(("x-hub-signature", services.secrets.sign(&secret, body)));
        }
        Ok(headers)
    }

    /// Sees to the next try, or gives up; answers how this one ended.
    async fn again(
        &self,
        services: &Services,
        webhook: &Webhook,
        error: Error,
    ) -> std::result::Result<JobError, JobError> {
        let now = services.clock.now();
        let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        if self.retry < MOST_RETRIES {
            let next = Self { retry: self.retry + 1, ..self.clone() };
            let request = next.request()?;
            tx.enqueue(crate::jobs::JobRequest { run_at: Some(now + self.pause()), ..request }).await?;
            tx.commit().await?;
            return Ok(JobError::Settled(error));
        }
        if webhook.is_dynamic() {
            let failed = FailedDelivery {
                id: self.delivery,
                url: webhook.url.clone(),
                body: (!self.body.is_null()).then(|| self.body.clone()),
                failed_at: now,
            };
            tx.note_failed_delivery(self.instance, &failed).await?;
            tx.commit().await?;
        }
        Ok(JobError::Fail(error))
    }

    /// Until the next try: 5 to 15 minutes, otherwise for each delivery and each try.
    fn pause(&self) -> Duration {
        let chance = self.delivery.as_u128().rotate_right(11 * (self.retry + 1));
        let seconds = BETWEEN_TRIES.start + chance % (BETWEEN_TRIES.end - BETWEEN_TRIES.start);
        Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
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

    fn webhook(id: i64, url: &str, dynamic: bool) -> Webhook {
        Webhook {
            jira_id: id,
            name: "hook".into(),
            url: url.into(),
            events: Vec::new(),
            jql: None,
            exclude_body: false,
            enabled: true,
            secret_sealed: None,
            updated_at: DateTime::UNIX_EPOCH,
            expires_at: dynamic.then_some(DateTime::UNIX_EPOCH),
            field_ids: None,
            property_keys: None,
        }
    }

    #[test]
    fn only_passing_refusals_are_tried_again() {
        assert!(verdict(204).is_ok());
        assert!(matches!(verdict(503), Err(JobError::Retry(_))));
        assert!(matches!(verdict(410), Err(JobError::Fail(_))));
    }

    #[test]
    fn an_app_hears_of_an_event_once() {
        let met = [
            webhook(1, "https://a", false),
            webhook(2, "https://b", true),
            webhook(3, "https://b", true),
            webhook(4, "https://c", true),
        ];
        let sent = deliveries(&met, &json!({ "webhookEvent": "x" }));
        let told: Vec<(i64, &Value)> =
            sent.iter().map(|(webhook, body)| (webhook.jira_id, &body["matchedWebhookIds"])).collect();
        assert_eq!(told, [(1, &Value::Null), (2, &json!([2, 3])), (4, &json!([4]))]);
    }

    #[test]
    fn fields_and_properties_limit_what_is_told() {
        let mut limited = webhook(1, "https://a", true);
        limited.field_ids = Some(vec!["summary".into()]);
        limited.property_keys = Some(vec!["review".into()]);
        let updated = |field: &str| json!({ "webhookEvent": "jira:issue_updated", "changelog": { "items": [{ "fieldId": field }] } });
        let property =
            |key: &str| json!({ "webhookEvent": "issue_property_set", "property": { "key": key } });
        assert!(meets_lists(&limited, &updated("summary")) && !meets_lists(&limited, &updated("labels")));
        assert!(meets_lists(&limited, &property("review")) && !meets_lists(&limited, &property("other")));
        assert!(meets_lists(&limited, &json!({ "webhookEvent": "jira:issue_created" })));
    }

    #[test]
    fn tries_are_five_to_fifteen_minutes_apart() {
        let job = |delivery: u128, retry: u32| DeliverWebhook {
            tenant: TenantId(Uuid::nil()),
            instance: InstanceId(Uuid::nil()),
            webhook: 1,
            delivery: Uuid::from_u128(delivery),
            body: Value::Null,
            forged: false,
            flow: Flow::Primary,
            trace: None,
            variables: BTreeMap::new(),
            retry,
        };
        for delivery in [0, 7, u128::MAX, 0x0193_0000_0000_7000_8000_1234_5678_9abc] {
            for retry in 0..MOST_RETRIES {
                let pause = job(delivery, retry).pause();
                assert!((300..=900).contains(&pause.num_seconds()), "{delivery} {retry}: {pause}");
            }
        }
        assert_ne!(
            job(0x0193_0000_0000_7000_8000_1234_5678_9abc, 0).pause(),
            job(0x0193_0000_0000_7000_8000_1234_5678_9abc, 1).pause()
        );
    }
}
