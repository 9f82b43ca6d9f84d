//! How many pages of one instance are on their way at the same time: fewer while the site refuses or fails, more again while it
//! serves.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::ports::SiteUsage;

/// Pages without a repeated request after which one more may be on its way.
const CALM: u64 = 10;

/// The pace of one run; its tasks share it.
pub(super) struct Pace {
    most: usize,
    allowed: AtomicUsize,
    running: AtomicUsize,
    calm: AtomicU64,
    retries: AtomicU64,
    stopped: AtomicBool,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            allowed: AtomicUsize::new(most),
            running: AtomicUsize::new(0),
            calm: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// Whether another task may begin.
    pub(super) fn has_room(&self) -> bool {
        !self.is_stopped() && self.running.load(Ordering::Relaxed) < self.allowed.load(Ordering::Relaxed)
    }

    /// Whether a task should end because fewer are allowed than are running.
    pub(super) fn is_too_many(&self) -> bool {
        self.running.load(Ordering::Relaxed) > self.allowed.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Lets every task end with the page it is at.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Halves what is allowed when requests had to be repeated since the last page; adds one after some pages without.
    pub(super) fn after_page(&self, usage: SiteUsage) {
        let allowed = self.allowed.load(Ordering::Relaxed);
        if usage.retries > self.retries.swap(usage.retries, Ordering::Relaxed) {
            self.calm.store(0, Ordering::Relaxed);
            self.allowed.store((allowed / 2).max(1), Ordering::Relaxed);
        } else if self.calm.fetch_add(1, Ordering::Relaxed) + 1 >= CALM {
            self.calm.store(0, Ordering::Relaxed);
            self.allowed.store((allowed + 1).min(self.most), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_requests_halve_the_pace_and_calm_pages_bring_it_back() {
        let pace = Pace::new(4);
        (0..4).for_each(|_| pace.begin());
        assert!(!pace.has_room() && !pace.is_too_many());
        pace.after_page(SiteUsage { retries: 2, ..SiteUsage::default() });
        assert!(pace.is_too_many());
        (0..2).for_each(|_| pace.end());
        assert!(!pace.has_room() && !pace.is_too_many());
        for _ in 0..CALM {
            pace.after_page(SiteUsage { retries: 2, ..SiteUsage::default() });
        }
        assert!(pace.has_room());
        for retries in 3..10 {
            pace.after_page(SiteUsage { retries, ..SiteUsage::default() });
        }
        pace.end();
        pace.end();
        assert!(pace.has_room(), "one is always allowed");
        pace.stop();
        assert!(!pace.has_room());
    }
}
