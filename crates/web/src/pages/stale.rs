//! Copies that may be old: what pages say about mirrors whose site cannot be read.

use application::sync::SyncTrouble;
use chrono::{DateTime, Utc};

use super::{addresses, fault, wording::Moment};

/// A mirror that fails, for people.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    /// The instance's name.
    pub(super) instance: String,
    /// Its page.
    pub(super) address: String,
    /// Since when.
    pub(super) since: Moment,
    /// Why; empty for those who may not know.
    pub(super) error: String,
    /// When it is tried again.
    pub(super) next: Option<Moment>,
    /// When the copy was last shown to be whole.
    pub(super) proof: Option<Moment>,
}

impl Stale {
    pub(super) fn new(trouble: &SyncTrouble, now: DateTime<Utc>) -> Self {
        Self {
            instance: trouble.instance.clone(),
            address: addresses::instance(&trouble.instance),
            since: Moment::of(trouble.failing_since, now),
            error: trouble.last_error.as_deref().map(fault::sentence).unwrap_or_default(),
            next: trouble.next_try.map(|at| Moment::of(at, now)),
            proof: trouble.last_proof.map(|at| Moment::of(at, now)),
        }
    }
}
