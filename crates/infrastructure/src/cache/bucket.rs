//! The arithmetic of a token bucket with reservations. The script in `redis.rs` does the same with the same names.

use std::time::Duration;

/// A bucket. Times are microseconds on one clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// When the bucket will be full, if nobody takes a token any more. Reservations move it into the future.
    full_at: u64,
    /// Nobody goes before that.
    paused_until: u64,
}

impl Bucket {
    /// Takes a token; answers how long to wait for it.
    pub(super) fn reserve(&mut self, now: u64, per_minute: u32, burst: u32) -> u64 {
        let interval = interval(per_minute);
        // What a full bucket lends in advance.
        let ahead = interval.saturating_mul(u64::from(burst.max(1)) - 1);
        self.full_at = self.full_at.max(now);
        if self.paused_until > now {
            // The pause empties the bucket, so that those who waited do not all come at its end.
            self.full_at = self.full_at.max(self.paused_until.saturating_add(ahead));
        }
        let wait = self.full_at.saturating_sub(ahead).saturating_sub(now);
        self.full_at = self.full_at.saturating_add(interval);
        wait
    }

    /// Takes a token if one is free: zero. Otherwise takes none, and answers how long until one is.
    pub(super) fn admit(&mut self, now: u64, per_minute: u32, burst: u32) -> u64 {
        let mut after = *self;
        let wait = after.reserve(now, per_minute, burst);
        if wait == 0 {
            *self = after;
        }
        wait
    }

    /// Lets nobody through for that long.
    pub(super) fn pause(&mut self, now: u64, pause: Duration) {
        self.paused_until = self.paused_until.max(now.saturating_add(micros(pause)));
    }

    /// Whether the bucket is full, so that forgetting it changes nothing.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        self.full_at <= now && self.paused_until <= now
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
    fn a_burst_goes_at_once_and_the_rest_in_step() {
        let mut bucket = Bucket::default();
        let waits: Vec<_> = (0..5).map(|_| bucket.reserve(1_000_000, 600, 3)).collect();
        assert_eq!(waits, [0, 0, 0, 100_000, 200_000]);
        // Three seconds later all reservations are used up and the bucket is full again.
        assert!(bucket.is_idle(4_000_000));
        assert_eq!(bucket.reserve(4_000_000, 600, 3), 0);
    }

    #[test]
    fn who_is_not_admitted_takes_nothing() {
        let mut bucket = Bucket::default();
        let waits: Vec<_> = (0..5).map(|_| bucket.admit(1_000_000, 600, 2)).collect();
        assert_eq!(waits, [0, 0, 100_000, 100_000, 100_000]);
        assert_eq!(bucket.admit(1_100_000, 600, 2), 0);
    }

    #[test]
    fn a_pause_holds_everyone_and_lets_them_go_one_by_one() {
        let mut bucket = Bucket::default();
        bucket.pause(0, Duration::from_secs(2));
        bucket.pause(0, Duration::from_secs(1));
        assert!(!bucket.is_idle(1_999_999));
        let waits: Vec<_> = (0..3).map(|_| bucket.reserve(500_000, 600, 10)).collect();
        assert_eq!(waits, [1_500_000, 1_600_000, 1_700_000]);
    }

    /// However the calls come, no stretch of time sees more than the burst and what was refilled in it.
    #[test]
    fn the_rate_is_never_exceeded() {
        let mut random = rand::rng();
        for _ in 0..200 {
            let (per_minute, burst) = (random.random_range(1..2000), random.random_range(1..20));
            let mut bucket = Bucket::default();
            let mut now = 0;
            let mut admitted: Vec<u64> = (0..100)
                .map(|_| {
                    now += random.random_range(0..2 * interval(per_minute));
                    if random.random_ratio(1, 20) {
                        bucket.pause(now, Duration::from_micros(random.random_range(0..5_000_000)));
                    }
                    now + bucket.reserve(now, per_minute, burst)
                })
                .collect();
            admitted.sort_unstable();
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
