//! How much finished work comes back.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::{DoneCrossing, StatusHistory};

/// Of the issues that entered `done` within a period, those that left it again within the same period.
///
/// Each issue counts once on either side, however often it went to and fro, and a reopen counts only if the
/// issue's completion lies in the period too. So the rate is between 0 and 1, and that of a past period never
/// changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReopenRate {
    /// Issues that entered `done` within the period.
    pub completed: usize,
    /// Those of them that left `done` after that, still within the period.
    pub reopened: usize,
}

impl ReopenRate {
    /// Counts the issues over a period; the end is not part of it.
    #[must_use]
    pub fn of<'a>(
        histories: impl IntoIterator<Item = &'a StatusHistory>,
        period: &Range<DateTime<Utc>>,
    ) -> Self {
        let mut rate = Self::default();
        for history in histories {
            let mut within = history.done_crossings().filter(|crossing| period.contains(&crossing.at()));
            if within.any(|crossing| matches!(crossing, DoneCrossing::Entered(_))) {
                rate.completed += 1;
                // What is left of the iterator comes after that entry.
                rate.reopened +=
                    usize::from(within.any(|crossing| matches!(crossing, DoneCrossing::Left(_))));
            }
        }
        rate
    }

    /// Reopened by completed, between 0 and 1; None if nothing was completed.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.completed > 0).then(|| self.reopened as f64 / self.completed as f64)
    }
}
