//! Numbers of an issue: votes, watchers, and its time tracking.

use application::Result;

use super::{
    compile::{Asked, Compiler, Entry, misfit},
    conditions::whole_number,
    fields::Amount,
    names::text_of,
    refusals,
};

/// A day of work and a week of it, as a site counts them unless it was told otherwise.
const HOURS_A_DAY: i64 = 8;
const DAYS_A_WEEK: i64 = 5;

/// The number as an expression over the issue `i`, of type `int8`.
pub(super) fn amount_column(amount: Amount) -> &'static str {
    match amount {
        Amount::Votes => {
            "coalesce((SELECT n.votes FROM issue_counts n WHERE n.tenant_id = i.tenant_id AND n.issue_id = i.id), 0)::int8"
        }
        Amount::Watchers => {
            "coalesce((SELECT n.watchers FROM issue_counts n WHERE n.tenant_id = i.tenant_id AND n.issue_id = i.id), 0)::int8"
        }
        Amount::TimeSpent => {
            "(CASE WHEN jsonb_typeof(i.raw_jsonb #> '{fields,timespent}') = 'number' \
             THEN (i.raw_jsonb #> '{fields,timespent}')::int8 END)"
        }
        Amount::OriginalEstimate => {
            "(CASE WHEN jsonb_typeof(i.raw_jsonb #> '{fields,timeoriginalestimate}') = 'number' \
             THEN (i.raw_jsonb #> '{fields,timeoriginalestimate}')::int8 END)"
        }
        Amount::RemainingEstimate => {
            "(CASE WHEN jsonb_typeof(i.raw_jsonb #> '{fields,timeestimate}') = 'number' \
             THEN (i.raw_jsonb #> '{fields,timeestimate}')::int8 END)"
        }
        // What was spent of what was estimated, in whole percent; there is none without an estimate (jira-facts 8.4).
        Amount::WorkRatio => {
            "(CASE WHEN jsonb_typeof(i.raw_jsonb #> '{fields,timeoriginalestimate}') = 'number' THEN div(\
             CASE WHEN jsonb_typeof(i.raw_jsonb #> '{fields,timespent}') = 'number' \
             THEN (i.raw_jsonb #> '{fields,timespent}')::numeric ELSE 0 END * 100, \
             nullif((i.raw_jsonb #> '{fields,timeoriginalestimate}')::numeric, 0))::int8 END)"
        }
    }
}

impl Compiler<'_> {
    /// What an amount is compared with.
    pub(super) fn amount(&self, asked: Asked<'_>, amount: Amount, entry: &Entry<'_>) -> Result<i64> {
        let Entry::Value(value) = entry else { return Err(misfit()) };
        match amount {
            Amount::Votes | Amount::Watchers | Amount::WorkRatio => whole_number(value, asked.name),
            Amount::TimeSpent | Amount::OriginalEstimate | Amount::RemainingEstimate => {
                let text = text_of(value);
                seconds(&text).ok_or_else(|| refusals::invalid_duration(&text, asked.name))
            }
        }
    }
}

/// A duration of work: `1w 2d 4h 30m`; a number alone is minutes.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut whole: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let count: i64 = rest[..digits].parse().ok()?;
        let mut behind = rest[digits..].trim_start().chars();
        let minutes = match behind.next() {
            Some('w') => DAYS_A_WEEK * HOURS_A_DAY * 60,
            Some('d') => HOURS_A_DAY * 60,
            Some('h') => 60,
            Some('m') | None => 1,
            _ => return None,
        };
        whole = whole.checked_add(count.checked_mul(minutes * 60)?)?;
        rest = behind.as_str().trim_start();
    }
    (!text.trim().is_empty()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_weeks_are_those_of_work() {
        assert_eq!(seconds("1w 2d 4h 30m"), Some(((7 * 8 + 4) * 60 + 30) * 60));
        assert_eq!(seconds("90"), Some(90 * 60));
        assert_eq!(seconds(" 0h "), Some(0));
        for text in ["", "h", "1y", "-1h", "1.5h", "99999999999999999999h", "9223372036854775807w", "ü"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
