//! Chance that can be repeated: what happens to a request follows from the seed and from the request itself, whatever
//! happens beside it.

use sha2::{Digest, Sha256};

/// Three independent numbers, for one fault and one thing that it could meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw([u64; 3]);

impl Draw {
    /// Of these parts, in this order.
    pub fn of(seed: u64, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let bytes = hash.finalize();
        let number =
            |at: usize| bytes[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Self([number(0), number(8), number(16)])
    }

    /// Whether something of this probability happens.
    pub fn happens(self, probability: f64) -> bool {
        // 53 bits are what a float of 64 holds exactly: 1 always happens, 0 never.
        ((self.0[0] >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    /// A number between these, both included.
    pub fn between(self, least: u64, most: u64) -> u64 {
        match most.checked_sub(least).and_then(|width| width.checked_add(1)) {
            Some(width) => least + self.0[1] % width,
            None => least,
        }
    }

    /// One of so many, from 0; 0 of none.
    pub fn pick(self, of: usize) -> usize {
        usize::try_from(self.0[2] % (of.max(1) as u64)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_kept_and_certainties_are_certain() {
        let happened = |probability| {
            (0..10_000u32).filter(|n| Draw::of(7, &[&n.to_be_bytes()]).happens(probability)).count()
        };
        assert_eq!((happened(0.0), happened(1.0)), (0, 10_000));
        let tenth = happened(0.1);
        assert!((850..1_150).contains(&tenth), "{tenth}");
    }

    #[test]
    fn parts_are_not_run_together_and_the_seed_counts() {
        assert_ne!(Draw::of(1, &[b"ab", b"c"]), Draw::of(1, &[b"a", b"bc"]));
        assert_ne!(Draw::of(1, &[b"a"]), Draw::of(2, &[b"a"]));
        assert_eq!(Draw::of(1, &[b"a"]), Draw::of(1, &[b"a"]));
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        for n in 0..200u32 {
            let draw = Draw::of(3, &[&n.to_be_bytes()]);
            assert!((5..=9).contains(&draw.between(5, 9)));
            assert_eq!(draw.between(5, 5), 5);
            assert_eq!(draw.between(9, 5), 9, "a range the wrong way round is its beginning");
            assert!(draw.pick(4) < 4);
            assert_eq!(draw.pick(0), 0);
        }
    }
}
