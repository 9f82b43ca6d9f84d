//! The arithmetic of a token bucket. The script in `limits.rs` does the same with the same names.

use std::time::Duration;

/// A bucket. Times are microseconds on one clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// When the bucket will be full, if nobody takes a token any more.
    full_at: u64,
}

impl Bucket {
    /// Takes a token if one is free: zero. Otherwise takes none, and answers how long until one is.
    pub(super) fn admit(&mut self, now: u64, per_minute: u32, burst: u32) -> u64 {
        let interval = interval(per_minute);
        // What a full bucket lends in advance.
        let ahead = interval.saturating_mul(u64::from(burst.max(1)) - 1);
        let full_at = self.full_at.max(now);
        let wait = full_at.saturating_sub(ahead).saturating_sub(now);
        if wait == 0 {
            self.full_at = full_at.saturating_add(interval);
        }
        wait
    }

    /// Whether the bucket is full, so that forgetting it changes nothing.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        self.full_at <= now
    }
}

/// The time in which one token comes back.
pub(super) fn interval(per_minute: u32) -> u64 {
    60_000_000 / u64::from(per_minute.max(1))
}

/// Whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_who_is_not_admitted_takes_nothing() {
        let mut bucket = Bucket::default();
        let waits: Vec<_> = (0..5).map(|_| bucket.admit(1_000_000, 600, 3)).collect();
        assert_eq!(waits, [0, 0, 0, 100_000, 100_000]);
        assert_eq!(bucket.admit(1_100_000, 600, 3), 0);
        assert!(!bucket.is_idle(1_399_999));
        assert!(bucket.is_idle(1_400_000), "after three intervals it is full again");
    }

    /// However the calls come, no stretch of time sees more than the burst and what was refilled in it.
    #[test]
    fn the_rate_is_never_exceeded() {
        let mut random = rand::rng();
        for _ in 0..200 {
            let (per_minute, burst) = (random.random_range(1..2000), random.random_range(1..20));
            let mut bucket = Bucket::default();
            let mut now = 0;
            let mut admitted: Vec<u64> = Vec::new();
            for _ in 0..200 {
                now += random.random_range(0..interval(per_minute));
                if bucket.admit(now, per_minute, burst) == 0 {
                    admitted.push(now);
                }
            }
            for (first, &from) in admitted.iter().enumerate() {
                for (last, &to) in admitted.iter().enumerate().skip(first) {
                    let allowed = u64::from(burst) + (to - from) / interval(per_minute);
                    let seen = (last - first + 1) as u64;
                    assert!(
                        seen <= allowed,
                        "{per_minute}/min, burst {burst}: {seen} between {from} and {to}"
                    );
                }
            }
        }
    }
}
