//! A backfill in ranges. Page tokens are sequential, ranges are not (jira-facts 1.1): a site is split into windows of creation
//! time, which never change, until each holds few enough issues; the newest come first.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::pages::Position;

/// A restriction that everything meets: Cloud refuses queries without one (jira-facts 1.1).
pub(super) const EVERYTHING: &str = "created >= \"1970-01-01\"";
/// JQL compares times by the minute (jira-facts 2.2), so bounds are whole minutes.
pub(super) const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Issues created in a window, from (inclusive) and to (exclusive) a whole minute; open at an end without one. A minute that
/// holds too many is split by the issues' ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Created at or after.
    pub created_from: Option<DateTime<Utc>>,
    /// Created before.
    pub created_to: Option<DateTime<Utc>>,
    /// With that id or a larger one.
    pub id_from: Option<i64>,
    /// With a smaller id.
    pub id_to: Option<i64>,
}

/// A range that is not done yet.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRange {
    /// Its id.
    pub id: Uuid,
    /// What it covers.
    pub range: Range,
    /// About how many issues it holds, where the site was asked.
    pub estimate: Option<u64>,
    /// Where it goes on.
    pub position: Position,
}

impl StoredRange {
    pub(super) fn new(range: Range, estimate: Option<u64>) -> Self {
        Self { id: Uuid::now_v7(), range, estimate, position: Position::default() }
    }
}

/// What a backfill found at its beginning; it outlives every worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// When it was made, by our clock: what happened later need not have been copied.
    #[serde(default)]
    pub(super) planned_at: Option<DateTime<Utc>>,
    /// The largest `updated` at the source then: what happened later is the poll's.
    pub(super) began_at: Option<DateTime<Utc>>,
    /// The creation of the oldest issue, as far as it was asked for: where splitting may stop.
    pub(super) oldest: Option<DateTime<Utc>>,
    /// How many issues a range may hold.
    #[serde(default)]
    pub(super) range: u64,
    /// Whether the site gave no way to all of a range.
    #[serde(default)]
    pub(super) cut: bool,
    /// Whether the site is right wherever it is older than the copy.
    #[serde(default)]
    pub(super) anew: bool,
}

impl Plan {
    /// From where polls go on once everything is copied. Never in the future: an issue may say that it will be updated next year
    /// (an import, a clock that was wrong), and polls from there on would see no change until then.
    pub(super) fn watermark(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        // An empty site has no `updated`: the epoch stands for "complete, and nothing there yet".
        let latest = self.began_at.unwrap_or(DateTime::UNIX_EPOCH);
        latest.min(self.planned_at.unwrap_or(now)).min(now)
    }
}

impl Range {
    /// The restriction. `upper` ends the window earlier: what was created from there on is stored.
    pub(super) fn jql(&self, upper: Option<DateTime<Utc>>) -> String {
        let to = match (self.created_to, upper) {
            (Some(to), Some(upper)) => Some(to.min(upper)),
            (to, upper) => to.or(upper),
        };
        let parts = [
            self.created_from.map(|at| format!("created >= {}", at.timestamp_millis())),
            to.map(|at| format!("created < {}", at.timestamp_millis())),
            self.id_from.map(|id| format!("id >= {id}")),
            self.id_to.map(|id| format!("id < {id}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { EVERYTHING.to_owned() } else { parts.join(" AND ") }
    }

    /// What has this id or a larger one, and what has a smaller one.
    pub(super) fn at_id(&self, id: i64) -> (Self, Self) {
        (Self { id_from: Some(id), ..*self }, Self { id_to: Some(id), ..*self })
    }

    /// Two halves, the newer one first; `None` where the window is one minute, or beyond what is known to hold issues.
    pub(super) fn halves(&self, plan: &Plan) -> Option<(Self, Self)> {
        let from = self.created_from.or_else(|| minute(plan.oldest?))?;
        let to = self.created_to.or_else(|| minute(plan.began_at?)?.checked_add_signed(MINUTE))?;
        let middle = minute(from + (to - from) / 2)?;
        let (newer, older) =
            (Self { created_from: Some(middle), ..*self }, Self { created_to: Some(middle), ..*self });
        (middle > from && middle < to).then_some((newer, older))
    }

    /// Whether it is within one minute.
    pub(super) fn is_one_minute(&self) -> bool {
        let width = self.created_from.zip(self.created_to).map(|(from, to)| to - from);
        width.is_some_and(|width| width <= MINUTE)
    }
}

/// The beginning of the minute.
pub(super) fn minute(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    at.duration_trunc(MINUTE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn plan(oldest: i64, newest: i64) -> Plan {
        Plan {
            planned_at: None,
            began_at: Some(at(newest)),
            oldest: Some(at(oldest)),
            range: 100,
            cut: false,
            anew: false,
        }
    }

    #[test]
    fn halves_cover_the_whole_and_nothing_twice_down_to_a_minute() {
        let plan = plan(1_000, 100_000);
        let mut open = vec![Range::default()];
        let mut leaves = Vec::new();
        while let Some(range) = open.pop() {
            match range.halves(&plan) {
                Some((newer, older)) => {
                    assert_eq!(
                        (newer.created_to, older.created_from),
                        (range.created_to, range.created_from)
                    );
                    assert_eq!(newer.created_from, older.created_to);
                    open.extend([older, newer]);
                }
                None => leaves.push(range),
            }
        }
        // Newest first, each beginning where the next one ends, open at both ends.
        assert_eq!((leaves[0].created_to, leaves[leaves.len() - 1].created_from), (None, None));
        for pair in leaves.windows(2) {
            assert_eq!(pair[0].created_from, pair[1].created_to);
        }
        let inner = &leaves[1..leaves.len() - 1];
        assert!(inner.iter().all(Range::is_one_minute), "{inner:?}");
        assert_eq!(leaves.len(), 1_651);
    }

    #[test]
    fn polls_go_on_from_no_later_than_when_the_copy_was_planned() {
        let planned = |seconds| Plan { planned_at: Some(at(seconds)), ..plan(0, 5_000) };
        assert_eq!(planned(9_000).watermark(at(9_500)), at(5_000), "the latest change that was there then");
        assert_eq!(planned(4_000).watermark(at(9_500)), at(4_000), "an issue of the future says nothing");
        assert_eq!(plan(0, 5_000).watermark(at(3_000)), at(3_000), "a plan of an older version");
        assert_eq!(Plan::default().watermark(at(3_000)), at(0), "nothing there yet");
    }

    #[test]
    fn a_range_ends_where_it_was_read_to() {
        let range =
            Range { created_from: Some(at(60)), created_to: Some(at(180)), id_from: Some(7), id_to: None };
        assert_eq!(range.jql(None), "created >= 60000 AND created < 180000 AND id >= 7");
        assert_eq!(range.jql(Some(at(120))), "created >= 60000 AND created < 120000 AND id >= 7");
        assert_eq!(range.jql(Some(at(240))), range.jql(None));
        assert_eq!(Range::default().jql(None), EVERYTHING);
        assert_eq!(Range::default().jql(Some(at(1))), "created < 1000");
    }

    #[test]
    fn a_full_minute_is_split_by_ids_without_an_end_so_that_no_order_of_ids_loses_any() {
        let minute = Range { created_from: Some(at(0)), created_to: Some(at(60)), ..Range::default() };
        assert_eq!(minute.halves(&plan(0, 0)), None);
        let (newer, older) = minute.at_id(1_000);
        let (upper, lower) = newer.at_id(2_000);
        // As numbers and as texts: each id is in one part at least.
        let texts = |a: i64, b: i64| a.to_string().cmp(&b.to_string());
        for compare in [i64::cmp as fn(&i64, &i64) -> _, |a, b| a.to_string().cmp(&b.to_string())] {
            let within = |range: &Range, id: i64| {
                range.id_from.is_none_or(|from| compare(&id, &from).is_ge())
                    && range.id_to.is_none_or(|to| compare(&id, &to).is_lt())
            };
            for id in [1, 9, 99, 999, 1_000, 1_001, 1_999, 2_000, 10_000] {
                assert!([&older, &lower, &upper].iter().any(|range| within(range, id)), "{id}");
            }
        }
        assert!(texts(999, 1_000).is_gt());
        assert!(older.is_one_minute() && upper.is_one_minute());
    }

    #[test]
    fn nothing_is_split_where_nothing_is_known() {
        assert_eq!(Range::default().halves(&Plan::default()), None);
    }
}
