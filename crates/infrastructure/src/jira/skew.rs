//! How far a site's clock is from the database's, by the `Date` of its answers.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// What is more is told: times of changes are compared with ours.
const MOST: TimeDelta = TimeDelta::seconds(30);
/// It is told so often.
const TELL_EVERY: TimeDelta = TimeDelta::hours(1);

/// How far the site is ahead, at least; zero where it may be right. It answered at `site_time`, cut to the second, within the time that the
/// answer took until `now`.
pub(super) fn ahead(site_time: DateTime<Utc>, now: DateTime<Utc>, took: Duration) -> TimeDelta {
    let began = now - TimeDelta::from_std(took).unwrap_or_default();
    let (earliest, latest) = (site_time - now, site_time + TimeDelta::seconds(1) - began);
    match (earliest > TimeDelta::zero(), latest < TimeDelta::zero()) {
        (true, _) => earliest,
        (_, true) => latest,
        _ => TimeDelta::zero(),
    }
}

/// Whether that is to be told now, where it was last told then.
pub(super) fn is_news(ahead: TimeDelta, told_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    ahead.abs() > MOST && told_at.is_none_or(|told| now - told >= TELL_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_right_as_far_as_its_answer_can_tell() {
        let at = |millis| DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis);
        let ahead =
            |site, now, took| ahead(at(site), at(now), Duration::from_millis(took)).num_milliseconds();
        assert_eq!(ahead(10_000, 10_900, 100), 0, "the second says no more");
        assert_eq!(ahead(10_000, 15_000, 4_500), 0, "it answered at once, and the answer took its time");
        assert_eq!(ahead(50_000, 10_900, 100), 39_100);
        assert_eq!(ahead(10_000, 60_000, 2_000), -47_000);
    }

    #[test]
    fn what_is_far_off_is_told_once_an_hour() {
        let at = |minutes| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        let far = TimeDelta::seconds(-31);
        assert!(!is_news(TimeDelta::seconds(30), None, at(0)));
        assert!(
            is_news(far, None, at(0))
                && !is_news(far, Some(at(0)), at(59))
                && is_news(far, Some(at(0)), at(60))
        );
    }
}
