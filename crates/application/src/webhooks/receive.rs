//! Webhooks in: a delivery is a hint that says *look at this issue*; its body is never taken for data.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{InboxEntry, InboxState};
use crate::{
    error::{Error, Result},
    instances::{self, Instance},
    issues::Presence,
    jobs::{Job, JobError, JobRequest},
    ports::{IssueText, TenantTx},
    pulse::RefreshMetrics,
    services::Services,
    sync::{self, SyncInstance},
    tenant_context::TenantContext,
};

/// After how long an issue is read again that was older than the event that spoke of it, each time. Then the polls are left.
const AGAIN: [TimeDelta; 3] = [TimeDelta::seconds(5), TimeDelta::seconds(30), TimeDelta::seconds(120)];

/// A delivery as it came over HTTP.
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    /// `X-Atlassian-Webhook-Identifier`; Data Center sends none.
    pub identifier: Option<&'a str>,
    /// `X-Hub-Signature`.
    pub signature: Option<&'a str>,
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
    let sealed = tx.sealed_secrets(instance).await?;
    let secret = match &sealed.webhook {
        Some(sealed) => services.secrets.open(instance, sealed)?,
        None => return Err(Error::not_found("instance", instance.to_string())),
    };
    let expected = services.secrets.sign(&secret, delivery.body);
    if !services.secrets.equal(expected.as_bytes(), delivery.signature.unwrap_or_default().as_bytes()) {
        return Err(Error::Unauthenticated("the signature of the webhook is missing or wrong".into()));
    }
    let mut body: Value = serde_json::from_slice(delivery.body)
        .map_err(|_| Error::invalid("body", "must be the JSON of a Jira webhook"))?;
    let erased = tx.erased_people(instance).await?;
    crate::ingest::clean_payload(&mut body, services.secrets.as_ref(), &erased);
    let event = body["webhookEvent"].as_str().unwrap_or("unknown").chars().take(100).collect::<String>();
    let issues = issues_named(&body);
    let updated = updated_told(&body);
    let entry = InboxEntry {
        id: Uuid::now_v7(),
        instance,
        delivery_id: delivery
            .identifier
            .map_or_else(|| digest(delivery.body), |id| id.chars().take(255).collect()),
        event: event.clone(),
        issue_jira_id: issues.first().cloned(),
        body,
        received_at: services.clock.now(),
    };
    let new = tx.receive_delivery(&entry).await?;
    if new {
        let deleted = event == "jira:issue_deleted";
        for issue in &issues {
            let hint = ProcessHint { deleted, updated, ..ProcessHint::of(tenant, instance, issue) };
            tx.enqueue(hint.request()?).await?;
        }
        if issues.is_empty() {
            tx.enqueue(SyncInstance { tenant, instance }.request()?).await?;
        }
    }
    tx.commit().await?;
    Ok(new)
}

fn digest(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The issues a body speaks of (jira-facts 3.4): issue and comment events carry an issue, worklog events an `issueId`,
/// link events two ids, as numbers.
fn issues_named(body: &Value) -> Vec<String> {
    let places = [
        &body["issue"]["id"],
        &body["worklog"]["issueId"],
        &body["issueLink"]["sourceIssueId"],
        &body["issueLink"]["destinationIssueId"],
    ];
    let mut ids: Vec<String> = places
        .into_iter()
        .filter_map(|id| match id {
            Value::String(id) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => Some(id.clone()),
            Value::Number(id) => id.as_u64().map(|id| id.to_string()),
            _ => None,
        })
        .collect();
    ids.dedup();
    ids
}

/// When the issue that a body carries was updated.
fn updated_told(body: &Value) -> Option<DateTime<Utc>> {
    domain::jira_time::parse(body["issue"]["fields"]["updated"].as_str()?).ok()
}

/// Reads an issue again because a webhook spoke of it. Bursts for one issue coalesce by the job's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessHint {
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub instance: InstanceId,
    /// The issue's numeric id.
    pub issue: String,
    /// Whether the event said that it was deleted: tells an honest presence from a lost permission.
    pub deleted: bool,
    /// When the event said that the issue was updated: what is read and older comes from a replica that lags (jira-facts 1.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<DateTime<Utc>>,
    /// How often it was read since, and was older.
    #[serde(default)]
    pub older: usize,
}

#[async_trait]
impl Job for ProcessHint {
    const NAME: &'static str = "process_hint";
    const PRIORITY: i32 = 0;

    fn key(&self) -> Option<String> {
        // Whoever looks again later does not put off who looks now.
        let again = if self.older > 0 { ":again" } else { "" };
        Some(format!("hint:{}:{}:{}{again}", self.instance, self.issue, self.deleted))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        let began = services.clock.now();
        let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let Some(instance) = tx.instance(&self.instance.to_string()).await? else { return Ok(()) };
        // A delivery that was answered 202 must not be lost to a passing refusal of our credentials.
        self.look(services, tx, &instance, began).await.map_err(|error| match error {
            Error::RateLimited { .. } | Error::Paused { .. } => JobError::from(error),
            error => JobError::Retry(error),
        })
    }
}

impl ProcessHint {
    /// A look at an issue (by its numeric id) of which nothing is known.
    pub fn of(tenant: TenantId, instance: InstanceId, issue: &str) -> Self {
        Self { tenant, instance, issue: issue.to_owned(), deleted: false, updated: None, older: 0 }
    }

    /// Another look, a while later, where what was read is older than the event; none where that has lasted.
    fn again(&self, read: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Option<JobRequest>> {
        // Not every event tells milliseconds as the issue does.
        let second = TimeDelta::seconds(1);
        let is_older = self.updated.is_some_and(|told| read.is_none_or(|read| told - read >= second));
        match AGAIN.get(self.older) {
            Some(pause) if is_older && !self.deleted => {
                let again = Self { older: self.older + 1, ..self.clone() };
                Ok(Some(JobRequest { run_at: Some(now + *pause), ..again.request()? }))
            }
            _ => Ok(None),
        }
    }

    async fn look(
        &self,
        services: &Services,
        mut tx: Box<dyn TenantTx>,
        instance: &Instance,
        began: DateTime<Utc>,
    ) -> Result<()> {
        let site = instances::connect_within(services, tx.as_mut(), instance).await?;
        // No transaction is open while a site is waited for.
        drop(tx);
        let fetched = sync::fetch_from(site.as_ref(), instance, &self.issue).await?;
        let bytes = fetched.as_ref().map_or(0, IssueText::bytes);
        let _room = services.sync.memory.one_issue(bytes).await;
        let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        match fetched {
            Some(fetched) => {
                let bundle =
                    sync::read_fetched(services, tx.as_mut(), instance, fetched, Some(began)).await?;
                let again = self.again(Some(bundle.issue.updated), began)?;
                let stored = tx.upsert_issues(instance.id, &[bundle]).await?;
                if stored.issues > 0 {
                    tx.enqueue(RefreshMetrics::soon(services)?).await?;
                }
                if let Some(again) = again {
                    tx.enqueue(again).await?;
                    return tx.commit().await;
                }
            }
            None => {
                if let Some(again) = self.again(None, began)? {
                    // A replica that lags does not know a new issue yet.
                    tx.enqueue(again).await?;
                    return tx.commit().await;
                }
                let presence = if self.deleted { Presence::Deleted } else { Presence::AccessLost };
                let gone = tx.set_presence(instance.id, std::slice::from_ref(&self.issue), presence).await?;
                if gone > 0 {
                    tx.enqueue(RefreshMetrics::soon(services)?).await?;
                }
            }
        }
        tx.settle_deliveries(instance.id, Some(&self.issue), InboxState::Processed, began).await?;
        tx.commit_again_if_lost().await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_older_than_its_event_is_read_again_for_a_while() {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let body =
            json!({ "issue": { "id": "7", "fields": { "updated": domain::jira_time::format(at(100)) } } });
        let hint = ProcessHint {
            updated: updated_told(&body),
            ..ProcessHint::of(TenantId(Uuid::nil()), InstanceId(Uuid::nil()), "7")
        };
        assert!(hint.again(Some(at(100)), at(200)).unwrap().is_none(), "as new as the event");
        let mut pauses = Vec::new();
        let mut next = hint.clone();
        while let Some(request) = next.again(Some(at(99)), at(200)).unwrap() {
            pauses.push((request.run_at.unwrap() - at(200)).num_seconds());
            assert!(request.key.unwrap().ends_with(":again"));
            next = serde_json::from_value(request.payload).unwrap();
        }
        assert_eq!(pauses, [5, 30, 120]);
        assert!(hint.again(None, at(200)).unwrap().is_some(), "not there yet");
        let deleted = ProcessHint { deleted: true, ..hint.clone() };
        assert!(deleted.again(None, at(200)).unwrap().is_none());
        let silent = ProcessHint { updated: None, ..hint };
        assert!(silent.again(None, at(200)).unwrap().is_none(), "the event did not say");
    }

    #[test]
    fn every_kind_of_body_names_its_issues() {
        assert_eq!(issues_named(&json!({"issue": {"id": "10002"}, "comment": {"id": "1"}})), ["10002"]);
        assert_eq!(issues_named(&json!({"worklog": {"issueId": "7"}})), ["7"]);
        assert_eq!(
            issues_named(
                &json!({"issueLink": {"id": 1, "sourceIssueId": 18715, "destinationIssueId": 11917}})
            ),
            ["18715", "11917"]
        );
        assert!(issues_named(&json!({"sprint": {"id": 4}})).is_empty());
        assert!(issues_named(&json!({"issue": {"id": "1 or 1=1"}})).is_empty());
    }
}
