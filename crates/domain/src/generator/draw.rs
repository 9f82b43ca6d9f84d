//! Random draws, in integer arithmetic only.
//!
//! Floating-point `exp` and `ln` differ between C libraries, so the long tails come from quantile tables instead: the
//! same seed gives the same bytes on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is for; each (purpose, number) pair has a stream of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Site = 1,
    Block = 2,
    Outline = 3,
    Detail = 4,
}

/// The seed of a site, from which independent streams are taken.
#[derive(Clone, Debug)]
pub(super) struct Seed(ChaCha8Rng);

impl Seed {
    pub(super) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// The stream number `number` of `purpose`, from its beginning.
    pub(super) fn stream(&self, purpose: Purpose, number: u64) -> Draw {
        let mut generator = self.0.clone();
        generator.set_stream(((purpose as u64) << 48) | number);
        Draw(generator)
    }
}

/// One stream of random draws.
#[derive(Debug)]
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// A number below `bound`; 0 when `bound` is 0. `bound` stays below 2^32 here, so one 32-bit word is enough.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        (u64::from(self.0.next_u32()) * bound) >> 32
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A duration in `low..high` milliseconds, at a granularity of one second plus some milliseconds.
    pub(super) fn span(&mut self, low: i64, high: i64) -> i64 {
        let seconds = ((high - low) / 1000).max(1);
        low + self.below(seconds.unsigned_abs()).cast_signed() * 1000 + self.below(1000).cast_signed()
    }

    /// True in `permille` of 1000 cases.
    pub(super) fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of `choices`, all equally likely.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.index(choices.len())]
    }

    /// One of `choices`, all equally likely.
    pub(super) fn pick_number(&mut self, choices: &[u64]) -> u64 {
        choices[self.index(choices.len())]
    }

    /// An index below `length`.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// The index drawn from `weights`, with a probability proportional to each.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut rest = self.below(weights.iter().sum());
        for (index, &weight) in weights.iter().enumerate() {
            if rest < weight {
                return index;
            }
            rest -= weight;
        }
        0
    }

    /// A log-normal duration around `median` milliseconds with a moderate tail (P90 = 2.8 medians).
    pub(super) fn moderate(&mut self, median: i64) -> i64 {
        self.quantile(&MODERATE, median)
    }

    /// A log-normal duration around `median` milliseconds with a long tail (P90 = 5 medians).
    pub(super) fn long_tailed(&mut self, median: i64) -> i64 {
        self.quantile(&LONG_TAILED, median)
    }

    fn quantile(&mut self, table: &[i64; 65], median: i64) -> i64 {
        let position = self.below(64 << 10).cast_signed();
        let (knot, fraction) = ((position >> 10) as usize, position & 1023);
        let factor = table[knot] + (table[knot + 1] - table[knot]) * fraction / 1024;
        median / 1000 * factor + self.below(60_000).cast_signed()
    }
}

/// Log-normal with sigma 0.8 at 65 equidistant quantiles (the ends at 0.3 and 99.7 %), in thousandths of the median.
const MODERATE: [i64; 65] = [
    111, 179, 225, 262, 293, 322, 348, 374, 398, 422, 446, 469, 492, 515, 537, 560, 583, 606, 629, 653, 676,
    700, 725, 750, 775, 801, 827, 854, 882, 910, 939, 969, 1000, 1032, 1065, 1099, 1134, 1171, 1209, 1249,
    1290, 1334, 1380, 1428, 1478, 1532, 1589, 1650, 1715, 1785, 1861, 1943, 2033, 2133, 2243, 2368, 2510,
    2675, 2870, 3109, 3412, 3822, 4438, 5602, 9009,
];

/// Log-normal with sigma 1.25, likewise.
const LONG_TAILED: [i64; 65] = [
    32, 68, 97, 123, 147, 170, 193, 215, 237, 260, 283, 306, 330, 354, 379, 404, 430, 457, 485, 513, 543,
    573, 605, 638, 671, 707, 743, 782, 821, 863, 907, 952, 1000, 1050, 1103, 1159, 1217, 1279, 1345, 1415,
    1489, 1569, 1653, 1744, 1842, 1948, 2062, 2187, 2324, 2474, 2639, 2824, 3031, 3266, 3534, 3845, 4212,
    4652, 5194, 5884, 6805, 8125, 10262, 14766, 31023,
];
