//! Rows of a site that cannot be read: kept aside with the reason, so that one bad issue never stops a run.
//!
//! They are looked for again by id with growing pauses, from within the hour to once a day, and whenever a sync meets them. The
//! payload is kept once a look of its own has fetched it again, without e-mail addresses and erased people, so that the hot path
//! of a sync does not copy payloads in case they are bad.

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use domain::ids::{InstanceId, TenantId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::Caller,
    error::{Error, Result},
    ingest::{FieldRoles, Reader, Reject, clean_payload, read_issue},
    instances::{self, Instance, require_instance},
    issues::IssueBundle,
    ports::Urgency,
    pulse::RefreshMetrics,
    reference::Roster,
    services::Services,
    sync::engine::{require_going_on, require_mirror},
    tenant_context::TenantContext,
};

/// Looked for again in one go.
const AT_ONCE: i64 = 50;
/// The longest pause between two looks.
const LONGEST_PAUSE_HOURS: i64 = 24;

/// A row kept aside.
#[derive(Clone, Debug)]
pub struct RejectedRow {
    /// Its id.
    pub id: Uuid,
    /// The issue's numeric id, where it could be read. Without one nobody can look for it again.
    pub jira_id: Option<String>,
    /// Why it cannot be read.
    pub reason: String,
    /// How often it was met.
    pub attempts: u32,
    /// When it was first met.
    pub created_at: DateTime<Utc>,
    /// When it was last met.
    pub tried_at: DateTime<Utc>,
    /// When it is looked for again.
    pub retry_at: DateTime<Utc>,
    /// As served, without e-mail addresses and erased people; only its id until it was fetched again.
    pub payload: Option<Value>,
}

/// What became of a row that was looked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It can be read now, and is stored.
    Stored,
    /// It still cannot be read, for this reason.
    StillBad(String),
    /// The site does not show it any more; a census says what became of it.
    Gone,
    /// The site has no answer just now.
    Unanswered,
}

impl Retried {
    /// Its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::StillBad(_) => "still_bad",
            Self::Gone => "gone",
            Self::Unanswered => "unanswered",
        }
    }
}

/// Storage of rows kept aside.
#[async_trait]
pub trait RejectStore: Send {
    /// Rows of an instance, the latest first, without payloads; older than `before`.
    async fn rejected_rows(
        &mut self,
        instance: InstanceId,
        before: Option<DateTime<Utc>>,
        limit: i64,
    ) -> Result<Vec<RejectedRow>>;

    /// One row, with its payload.
    async fn rejected_row(&mut self, instance: InstanceId, id: Uuid) -> Result<Option<RejectedRow>>;

    /// How many there are.
    async fn rejected_count(&mut self, instance: InstanceId) -> Result<u64>;

    /// Rows that are to be looked for again by now, after forgetting those whose issues were stored since.
    async fn due_rejects(
        &mut self,
        instance: InstanceId,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<RejectedRow>>;

    /// Forgets a row.
    async fn forget_reject(&mut self, id: Uuid) -> Result<()>;

    /// Notes that a row is still bad, with its payload.
    async fn keep_reject(
        &mut self,
        id: Uuid,
        reason: Option<&str>,
        payload: Option<&Value>,
        tried_at: DateTime<Utc>,
        retry_at: DateTime<Utc>,
    ) -> Result<()>;
}

/// Looks again for the rows of an instance that are due; answers how many could be stored.
pub async fn retry_due(services: &Services, tenant: TenantId, instance: InstanceId) -> Result<u64> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    require_going_on(tx.as_mut(), &instance).await?;
    let due = tx.due_rejects(instance.id, services.clock.now(), AT_ONCE).await?;
    tx.commit().await?;
    let mut stored = 0;
    for row in due {
        stored += u64::from(retry(services, tenant, &instance, &row).await? == Retried::Stored);
    }
    Ok(stored)
}

/// Looks for one row now, because somebody asked.
///
/// # Errors
/// [`Error::Conflict`] for a row without an id.
pub async fn retry_now(services: &Services, caller: &Caller, name: &str, id: Uuid) -> Result<Retried> {
    caller.permit(Action::StartSync)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_mirror(&instance)?;
    let row = require_reject(tx.as_mut().rejected_row(instance.id, id).await?, id)?;
    drop(tx);
    if row.jira_id.is_none() {
        return Err(Error::Conflict(
            "this row came without a numeric id, so that nobody can look for it again; a sync that meets it in order will store it"
                .into(),
        ));
    }
    let outcome = retry(services, caller.tenant, &instance, &row).await?;
    let after = json!({ "instance": instance.name, "rejected_row": id, "outcome": outcome.as_str() });
    let (target, now) = (Some(instance.id), services.clock.now());
    let action = Action::StartSync.as_str();
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.record(NewAuditEntry::success(caller, target, action, &instance.name, Value::Null, after, now))
        .await?;
    tx.commit().await?;
    Ok(outcome)
}

/// The row, or [`Error::NotFound`].
pub fn require_reject(row: Option<RejectedRow>, id: Uuid) -> Result<RejectedRow> {
    row.ok_or_else(|| Error::not_found("rejected row", id.to_string()))
}

async fn retry(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    row: &RejectedRow,
) -> Result<Retried> {
    let Some(jira_id) = &row.jira_id else { return Ok(Retried::Unanswered) };
    let site = instances::connect_as(services, tenant, instance, Urgency::Rest).await?;
    // A 404 to somebody else must not make us forget the row.
    let identity = instances::identify(services, tenant, instance, site.as_ref()).await?;
    let read_at = services.clock.now();
    let mut fetched = site.issues(identity.dialect, std::slice::from_ref(jira_id)).await?;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let now = services.clock.now();
    let Some(issue) = fetched.issues.pop() else {
        if fetched.retry.is_empty() {
            tx.forget_reject(row.id).await?;
        } else {
            tx.keep_reject(row.id, None, None, now, next_look(now, row.attempts)).await?;
        }
        tx.commit().await?;
        return Ok(if fetched.retry.is_empty() { Retried::Gone } else { Retried::Unanswered });
    };
    let roles = FieldRoles::from_fields(&tx.roster(instance.id, Roster::Fields).await?);
    let erased = tx.erased_people(instance.id).await?;
    let secrets = services.secrets.as_ref();
    let reader = Reader::new(identity.dialect, &roles, secrets, &erased);
    let opened = issue.open();
    let mut payload = opened.as_ref().map_or(Value::Null, |issue| issue.raw.clone());
    let refused = |reason| Reject { jira_id: Some(jira_id.clone()), reason };
    let outcome = match opened.map_err(refused).and_then(|issue| read_issue(&reader, issue)) {
        Ok(bundle) => {
            let bundle = IssueBundle { read_at: Some(read_at), ..bundle };
            if tx.upsert_issues(instance.id, &[bundle]).await?.rejected > 0 {
                // The tables cannot hold it; its reason has been noted.
                tx.keep_reject(row.id, None, None, now, next_look(now, row.attempts)).await?;
                Retried::StillBad(row.reason.clone())
            } else {
                tx.forget_reject(row.id).await?;
                tx.enqueue(RefreshMetrics::soon(services)?).await?;
                Retried::Stored
            }
        }
        Err(reject) => {
            clean_payload(&mut payload, secrets, &erased);
            let again = next_look(now, row.attempts);
            tx.keep_reject(row.id, Some(&reject.reason), Some(&payload), now, again).await?;
            Retried::StillBad(reject.reason)
        }
    };
    tx.commit().await?;
    Ok(outcome)
}

/// After 1, 2, 4, 8, 16 and then 24 hours.
fn next_look(now: DateTime<Utc>, attempts: u32) -> DateTime<Utc> {
    let hours = 1_i64.checked_shl(attempts.saturating_sub(1).min(30)).unwrap_or(LONGEST_PAUSE_HOURS);
    now + Duration::hours(hours.min(LONGEST_PAUSE_HOURS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_day() {
        let hours = |attempts| (next_look(DateTime::UNIX_EPOCH, attempts) - DateTime::UNIX_EPOCH).num_hours();
        assert_eq!([0, 1, 2, 3, 5, 6, 1_000].map(hours), [1, 1, 2, 4, 16, 24, 24]);
    }
}
