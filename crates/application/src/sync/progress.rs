//! Live progress of a run, for a terminal or a page.

use super::{RunCounts, RunKind};

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// What it does.
    pub kind: RunKind,
    /// The present step, for people.
    pub step: String,
    /// Issues done.
    pub done: u64,
    /// Issues in all, where the site tells.
    pub total: Option<u64>,
    /// Counts so far.
    pub counts: RunCounts,
}

/// Who watches.
pub trait ProgressSink: Send + Sync {
    /// Called after every committed page.
    fn update(&self, progress: &Progress);
}

/// Nobody watches.
impl ProgressSink for () {
    fn update(&self, _progress: &Progress) {}
}
