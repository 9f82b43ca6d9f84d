//! What becomes of issues that were read because of hints, and of the hints.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Look, OpenHint, RingForHints};
use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_text},
    instances::Instance,
    issues::{IssueBundle, Presence, UpsertCounts},
    jobs::{Job, JobRequest},
    ports::TenantTx,
    pulse::RefreshMetrics,
    services::Services,
    sync::{Looked, STORE_TRIES, bytes_of, losses},
    tenant_context::TenantContext,
};

/// After how long an issue is read again that was older than the event that spoke of it, or that its site had no answer for, each time.
/// Then the polls are left with the one, and the other is kept aside.
const AGAIN: [TimeDelta; 3] = [TimeDelta::seconds(5), TimeDelta::seconds(30), TimeDelta::seconds(120)];

/// Stores what was read and closes the hints; answers whether the job was let go. Somebody else may be storing some of the issues:
/// whoever the database turns away for that tries again.
pub(super) async fn store(
    services: &Services,
    instance: &Instance,
    hints: &[OpenHint],
    looked: Looked,
    read_at: DateTime<Utc>,
) -> Result<bool> {
    let _room = services.sync.memory.a_few(bytes_of(&looked.shown)).await;
    for tries in 1..STORE_TRIES {
        match try_to_store(services, instance, hints, &looked, read_at).await {
            Err(error @ (Error::Unavailable(_) | Error::Busy { .. })) => {
                tracing::info!(%error, tries, "issues could not be stored and are tried again");
            }
            stored => return stored,
        }
    }
    try_to_store(services, instance, hints, &looked, read_at).await
}

async fn try_to_store(
    services: &Services,
    instance: &Instance,
    hints: &[OpenHint],
    looked: &Looked,
    read_at: DateTime<Utc>,
) -> Result<bool> {
    let mut tx = services.db.tenant(&TenantContext::whole(instance.tenant)).await?;
    let mut looks = Looks::of(hints, services.clock.now());
    let mut changed = keep(services, tx.as_mut(), instance, looked, read_at, &mut looks).await?;
    for issue in &looked.unanswered {
        if !looks.is_unanswered(issue) {
            let reason = "its site has no answer for it";
            tx.reject(instance.id, Some(issue), reason, &Value::from(issue.as_str())).await?;
        }
    }
    changed |= take_out(tx.as_mut(), instance, &looked.gone, &mut looks).await?;
    if changed {
        tx.enqueue(RefreshMetrics::soon(services)?).await?;
    }
    let looks = looks.into_all();
    if looks.iter().any(|look| look.again_at.is_some()) {
        let ring = RingForHints { tenant: instance.tenant, instance: instance.id }.request()?;
        let at = services.clock.now() + RingForHints::EVERY;
        tx.enqueue(JobRequest { run_at: Some(at), ..ring }).await?;
    }
    let is_over = tx.settle_hints(instance.id, &looks, false).await?;
    tx.commit_again_if_lost().await?;
    Ok(is_over)
}

/// Stores the issues that were shown; keeps aside what cannot be read.
async fn keep(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    looked: &Looked,
    read_at: DateTime<Utc>,
    looks: &mut Looks,
) -> Result<bool> {
    if looked.shown.is_empty() {
        return Ok(false);
    }
    let roles = FieldRoles::from_fields(&tx.fields_with_roles(instance.id).await?);
    let erased = tx.erased_people(instance.id).await?;
    let reader = Reader::new(instance.dialect, &roles, services.secrets.as_ref(), &erased);
    let mut bundles = Vec::with_capacity(looked.shown.len());
    for issue in &looked.shown {
        let shown = issue.id().map_or(Value::Null, Value::from);
        match read_text(&reader, issue.clone()) {
            Ok(bundle) => {
                looks.was_read(&bundle.issue.jira_id, bundle.issue.updated);
                bundles.push(IssueBundle { read_at: Some(read_at), ..bundle });
            }
            Err(reject) => {
                tx.reject(instance.id, reject.jira_id.as_deref(), &reject.reason, &shown).await?;
            }
        }
    }
    let stored = tx.upsert_issues(instance.id, &bundles).await?;
    Ok(UpsertCounts { rejected: 0, ..stored } != UpsertCounts::default())
}

/// What is not shown by its id: deleted where a webhook said so, and otherwise as far as the brake lets it.
async fn take_out(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    gone: &[String],
    looks: &mut Looks,
) -> Result<bool> {
    // A replica that lags does not know a new issue yet.
    let gone: Vec<String> = gone.iter().filter(|issue| !looks.is_too_new(issue)).cloned().collect();
    let (deleted, lost): (Vec<String>, Vec<String>) =
        gone.into_iter().partition(|issue| looks.is_said_to_be_deleted(issue));
    let mut changed = false;
    if !deleted.is_empty() {
        changed |= tx.set_presence(instance.id, &deleted, Presence::Deleted).await? > 0;
    }
    if !lost.is_empty() {
        changed |= losses::lose(tx, instance, &lost).await? > 0;
    }
    Ok(changed)
}

/// What becomes of hints, by issue: each is closed, unless something is said of it here.
struct Looks {
    looks: HashMap<String, Look>,
    now: DateTime<Utc>,
}

impl Looks {
    fn of(hints: &[OpenHint], now: DateTime<Utc>) -> Self {
        let look = |hint: &OpenHint| (hint.issue.clone(), Look { hint: hint.clone(), again_at: None });
        Self { looks: hints.iter().map(look).collect(), now }
    }

    /// The issue was read: it is looked at again where it is older than the event, unless that has lasted.
    fn was_read(&mut self, issue: &str, updated: DateTime<Utc>) {
        // Not every event tells milliseconds as the issue does.
        let second = TimeDelta::seconds(1);
        self.again_if(issue, |told| told - updated >= second);
    }

    /// Whether an issue that is not shown may be too new for whoever answered: it is looked at again.
    fn is_too_new(&mut self, issue: &str) -> bool {
        self.again_if(issue, |_| true)
    }

    fn again_if(&mut self, issue: &str, is_older: impl Fn(DateTime<Utc>) -> bool) -> bool {
        let now = self.now;
        let Some(look) = self.looks.get_mut(issue).filter(|look| !look.hint.deleted) else { return false };
        let pause = usize::try_from(look.hint.older).ok().and_then(|older| AGAIN.get(older));
        match pause.filter(|_| look.hint.updated.is_some_and(is_older)) {
            Some(pause) => {
                look.hint.older += 1;
                look.again_at = Some(now + *pause);
                true
            }
            None => false,
        }
    }

    /// The site had no answer for the issue just now: whether it is asked again.
    fn is_unanswered(&mut self, issue: &str) -> bool {
        let now = self.now;
        let Some(look) = self.looks.get_mut(issue) else { return true };
        let pause = usize::try_from(look.hint.unread).ok().and_then(|unread| AGAIN.get(unread));
        look.hint.unread += 1;
        look.again_at = pause.map(|pause| now + *pause);
        pause.is_some()
    }

    fn is_said_to_be_deleted(&self, issue: &str) -> bool {
        self.looks.get(issue).is_some_and(|look| look.hint.deleted)
    }

    fn into_all(self) -> Vec<Look> {
        self.looks.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn hint(updated: Option<DateTime<Utc>>) -> OpenHint {
        let issue = "7".to_owned();
        OpenHint { issue, deleted: false, updated, noted_at: at(100), older: 0, unread: 0 }
    }

    fn again(hint: &OpenHint, look: impl Fn(&mut Looks)) -> Option<(i64, OpenHint)> {
        let mut looks = Looks::of(std::slice::from_ref(hint), at(200));
        look(&mut looks);
        let look = looks.into_all().pop()?;
        Some(((look.again_at? - at(200)).num_seconds(), look.hint))
    }

    #[test]
    fn what_is_older_than_its_event_is_read_again_for_a_while() {
        let told = hint(Some(at(100)));
        assert!(again(&told, |looks| looks.was_read("7", at(100))).is_none(), "as new as the event");
        let mut pauses = Vec::new();
        let mut next = told.clone();
        while let Some((pause, left)) = again(&next, |looks| looks.was_read("7", at(99))) {
            pauses.push(pause);
            next = left;
        }
        assert_eq!(pauses, [5, 30, 120]);
        let not_there = |looks: &mut Looks| assert!(looks.is_too_new("7"));
        assert!(again(&told, not_there).is_some(), "not there yet");
        let gone = |looks: &mut Looks| assert!(!looks.is_too_new("7"));
        assert!(again(&OpenHint { deleted: true, ..told }, gone).is_none());
        assert!(again(&hint(None), gone).is_none(), "the event did not say");
    }

    #[test]
    fn what_has_no_answer_is_asked_for_again_ever_later_and_then_no_more() {
        let mut pauses = Vec::new();
        let mut next = hint(None);
        while let Some((pause, left)) = again(&next, |looks| assert!(looks.is_unanswered("7"))) {
            pauses.push(pause);
            next = left;
            if next.unread as usize == AGAIN.len() {
                break;
            }
        }
        assert_eq!(pauses, [5, 30, 120]);
        assert!(again(&next, |looks| assert!(!looks.is_unanswered("7"))).is_none());
    }
}
