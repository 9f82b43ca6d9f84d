//! Percentiles by linear interpolation.

use chrono::TimeDelta;

/// The percentile of `values` at `fraction` (0.85 for P85), interpolating linearly between the two closest
/// ranks: with the values sorted, the rank is `fraction * (n - 1)` counted from 0. None without values, for a
/// fraction outside 0..=1, or if a value is not a number.
///
/// It is type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (The American Statistician,
/// 1996), and the same as PostgreSQL's `percentile_cont`, so that a number computed in SQL equals one
/// computed here.
#[must_use]
pub fn percentile(values: &[f64], fraction: f64) -> Option<f64> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    of_sorted(&sorted, fraction)
}

/// The percentile of durations as [`percentile`] defines it, rounded to milliseconds.
#[must_use]
pub fn duration_percentile(durations: &[TimeDelta], fraction: f64) -> Option<TimeDelta> {
    of_sorted(&sorted_millis(durations), fraction).map(from_millis)
}

/// The three percentiles that Forebay shows of lead and cycle times, as [`percentile`] defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationPercentiles {
    /// How many durations they are taken from.
    pub count: usize,
    /// The median.
    pub p50: TimeDelta,
    /// 85 of 100 issues take no longer: the usual basis of a service level expectation.
    pub p85: TimeDelta,
    /// 90 of 100 issues take no longer.
    pub p90: TimeDelta,
}

impl DurationPercentiles {
    /// The percentiles of these durations; None if there are none. Sorts once.
    #[must_use]
    pub fn of(durations: &[TimeDelta]) -> Option<Self> {
        let sorted = sorted_millis(durations);
        let at = |fraction| of_sorted(&sorted, fraction).map(from_millis);
        Some(Self { count: sorted.len(), p50: at(0.50)?, p85: at(0.85)?, p90: at(0.90)? })
    }
}

/// Interpolates between the two values around the rank. Values must be sorted and hold no NaN.
fn of_sorted(sorted: &[f64], fraction: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&fraction) {
        return None;
    }
    let last = sorted.len().checked_sub(1)?;
    let rank = fraction * last as f64;
    // The rank is between 0 and `last`, so neither cast loses anything but the fraction it should.
    let (below, above) = (*sorted.get(rank.floor() as usize)?, *sorted.get(rank.ceil() as usize)?);
    let weight = rank.fract();
    // Equal neighbours are returned as they are: interpolating between infinities would give no number.
    if weight == 0.0 || below == above { Some(below) } else { Some(below + (above - below) * weight) }
}

fn sorted_millis(durations: &[TimeDelta]) -> Vec<f64> {
    let mut millis: Vec<_> = durations.iter().map(TimeDelta::num_milliseconds).collect();
    millis.sort_unstable();
    // Exact: 2^53 milliseconds are 285,000 years.
    millis.into_iter().map(|millis| millis as f64).collect()
}

fn from_millis(millis: f64) -> TimeDelta {
    TimeDelta::try_milliseconds(millis.round() as i64).unwrap_or(TimeDelta::MAX)
}
