//! What a process knows of the sites of its mirrors: as whom it was answered, and whether they are slow.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::InstanceId;

/// A site that was slow counts as slow for so long.
const SLOW_FOR: TimeDelta = TimeDelta::minutes(5);

/// What tells one credential of an instance from another.
pub(crate) type CredentialVersion = [u8; 32];

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Acquaintances(Arc<Mutex<HashMap<InstanceId, Acquaintance>>>);

#[derive(Debug, Default)]
struct Acquaintance {
    /// With which credential it was asked who we are there, and what it said.
    account: Option<(CredentialVersion, String)>,
    slow_until: Option<DateTime<Utc>>,
}

impl Acquaintances {
    fn all(&self) -> MutexGuard<'_, HashMap<InstanceId, Acquaintance>> {
        // Nothing in it panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a site was asked who we are there with this credential, and said that we are this account.
    pub(crate) fn is_known_as(&self, instance: InstanceId, with: &CredentialVersion, account: &str) -> bool {
        let all = self.all();
        let known = all.get(&instance).and_then(|known| known.account.as_ref());
        known.is_some_and(|(version, known)| version == with && known == account)
    }

    /// Notes what a site said.
    pub(crate) fn meet(&self, instance: InstanceId, with: CredentialVersion, account: String) {
        self.all().entry(instance).or_default().account = Some((with, account));
    }

    /// Has a site asked again: it did not know us.
    pub(crate) fn forget(&self, instance: InstanceId) {
        if let Some(known) = self.all().get_mut(&instance) {
            known.account = None;
        }
    }

    /// Notes that a site was slow to answer.
    pub(crate) fn note_slow(&self, instance: InstanceId, now: DateTime<Utc>) {
        self.all().entry(instance).or_default().slow_until = Some(now + SLOW_FOR);
    }

    /// Whether a site was slow of late.
    pub(crate) fn is_slow(&self, instance: InstanceId, now: DateTime<Utc>) -> bool {
        let all = self.all();
        all.get(&instance).and_then(|known| known.slow_until).is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_account_is_known_by_one_credential_and_a_slow_site_for_a_while() {
        let (known, clone) = (Acquaintances::default(), Acquaintances::default());
        let site = InstanceId(Uuid::nil());
        assert!(!known.is_known_as(site, &[1; 32], "ann"));
        known.meet(site, [1; 32], "ann".into());
        assert!(known.clone().is_known_as(site, &[1; 32], "ann"), "clones share it");
        assert!(!known.is_known_as(site, &[2; 32], "ann"), "another credential");
        assert!(!known.is_known_as(site, &[1; 32], "bob"), "another account is expected");
        assert!(!clone.is_known_as(site, &[1; 32], "ann"));
        known.forget(site);
        assert!(!known.is_known_as(site, &[1; 32], "ann"));
        let at = |minutes| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        known.note_slow(site, at(0));
        assert!(known.is_slow(site, at(4)) && !known.is_slow(site, at(5)));
    }
}
