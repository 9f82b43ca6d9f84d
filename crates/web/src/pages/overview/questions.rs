//! The JQL behind each number: what its link opens.
//!
//! JQL cannot say everything that Work Pulse counts. Completions go by the status history, the queries by `resolved`;
//! the difference is issues that were closed without a resolution. Reopened issues are asked for by their keys, since no JQL
//! tells a status that was left from one that was come back to.

use application::pulse::Pulse;
use chrono::{DateTime, TimeDelta, Utc};
use domain::metrics::MIN_SAMPLE;

use super::Scope;
use crate::pages::addresses;

/// Addresses of issue lists.
pub(super) struct Questions {
    /// What was completed in the period, newest first.
    pub(super) completed: String,
    /// The same, longest open first.
    pub(super) slowest: String,
    /// What is at risk now.
    pub(super) at_risk: String,
    /// What is in progress now, quietest first.
    pub(super) in_progress: String,
    /// What is in progress and has not moved for too long.
    pub(super) stuck: String,
    /// What was done in the period and left it again; `None` when there is none.
    pub(super) reopened: Option<String>,
}

impl Questions {
    pub(super) fn new(scope: &Scope, pulse: &Pulse, now: DateTime<Utc>) -> Self {
        let ask = |condition: &str, order: &str| {
            let project = match scope.project.as_str() {
                "" => String::new(),
                key => format!("project = {} AND ", jql::quote(key)),
            };
            addresses::search(&format!("{project}{condition} ORDER BY {order}"), &scope.instance)
        };
        let completed = completed(scope, pulse);
        Self {
            slowest: ask(&completed, "created ASC"),
            completed: ask(&completed, "resolved DESC"),
            at_risk: ask(&at_risk(pulse, now), "due ASC, created ASC"),
            in_progress: ask("statusCategory = \"In Progress\"", "updated ASC"),
            stuck: ask(&stuck(), "updated ASC"),
            reopened: reopened(scope, pulse),
        }
    }
}

fn completed(scope: &Scope, pulse: &Pulse) -> String {
    let since = match pulse.trend.first() {
        Some(week) => format!("\"{}\"", week.from.format("%Y-%m-%d")),
        None => format!("-{}w", scope.weeks),
    };
    let level = if scope.levels_everywhere {
        "hierarchyLevel = 0"
    } else {
        "(hierarchyLevel = 0 OR hierarchyLevel IS EMPTY)"
    };
    format!("statusCategory = Done AND resolved >= {since} AND {level}")
}

/// Created and last moved longer ago than that.
fn stuck() -> String {
    let days = application::pulse::STUCK_AFTER_DAYS;
    format!("statusCategory = \"In Progress\" AND created < -{days}d AND NOT status CHANGED AFTER -{days}d")
}

fn reopened(scope: &Scope, pulse: &Pulse) -> Option<String> {
    let first = pulse.reopened.first()?;
    let keys: Vec<_> = pulse.reopened.iter().map(|issue| jql::quote(&issue.key)).collect();
    // Keys repeat across instances: where all are of one, it is named.
    let one = pulse.reopened.iter().all(|issue| issue.instance == first.instance);
    let instance = if one { &first.instance } else { &scope.instance };
    Some(addresses::search(&format!("key IN ({}) ORDER BY updated DESC", keys.join(", ")), instance))
}

/// The age in days above which an open issue is at risk; none while too few were completed to tell what is usual.
pub(super) fn age_limit(pulse: &Pulse) -> Option<f64> {
    pulse.lead_time_days.p85.filter(|_| pulse.throughput >= MIN_SAMPLE as u64)
}

fn at_risk(pulse: &Pulse, now: DateTime<Utc>) -> String {
    const MILLISECONDS_A_DAY: f64 = 86_400_000.0;
    let overdue = "due < startOfDay()";
    let limit = age_limit(pulse)
        .and_then(|days| TimeDelta::try_milliseconds((days * MILLISECONDS_A_DAY) as i64))
        .and_then(|age| now.checked_sub_signed(age));
    match limit {
        Some(limit) => {
            let limit = limit.format("%Y-%m-%d %H:%M");
            format!("statusCategory != Done AND ({overdue} OR created < \"{limit}\")")
        }
        None => format!("statusCategory != Done AND {overdue}"),
    }
}

#[cfg(test)]
mod tests {
    use application::pulse::{IssueName, Percentiles};
    use chrono::TimeZone;

    use super::*;

    fn scope(project: &str) -> Scope {
        Scope {
            instance: "acme".into(),
            project: project.into(),
            weeks: 4,
            instances: Vec::new(),
            projects: Vec::new(),
            levels_everywhere: true,
        }
    }

    fn pulse(throughput: u64, p85: Option<f64>) -> Pulse {
        Pulse {
            throughput,
            lead_time_days: Percentiles { p50: None, p85, p90: None },
            cycle_time_days: Percentiles::default(),
            sla_risk: 0,
            wip: 0,
            stuck: 0,
            reopen_rate: None,
            reopened: [("acme", "AB-1"), ("acme", "ORDER-2")]
                .map(|(instance, key)| IssueName { instance: instance.into(), key: key.into() })
                .to_vec(),
            issues: 0,
            open: 0,
            trend: Vec::new(),
            top_risks: Vec::new(),
            as_of: None,
        }
    }

    fn jql_of(address: &str) -> String {
        let (_, query) = address.split_once('?').unwrap();
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let (_, jql) = pairs.find(|(name, _)| name == "jql").unwrap();
        assert_eq!(pairs.find(|(name, _)| name == "instance").unwrap().1, "acme");
        jql.into_owned()
    }

    #[test]
    fn every_question_is_jql() {
        let now = Utc.with_ymd_and_hms(2026, 3, 31, 12, 0, 0).unwrap();
        for project in ["", "AB", "order", "we\"ird"] {
            let questions = Questions::new(&scope(project), &pulse(9, Some(2.5)), now);
            for address in [
                &questions.completed,
                &questions.slowest,
                &questions.at_risk,
                &questions.in_progress,
                &questions.stuck,
                questions.reopened.as_ref().unwrap(),
            ] {
                let jql = jql_of(address);
                assert!(jql::parse(&jql).is_ok(), "{jql}");
            }
        }
    }

    #[test]
    fn risk_is_overdue_or_older_than_is_usual_where_that_is_known() {
        let now = Utc.with_ymd_and_hms(2026, 3, 31, 12, 0, 0).unwrap();
        let at_risk = |pulse: &Pulse| jql_of(&Questions::new(&scope(""), pulse, now).at_risk);
        assert_eq!(
            at_risk(&pulse(5, Some(2.5))),
            "statusCategory != Done AND (due < startOfDay() OR created < \"2026-03-29 00:00\") ORDER BY due ASC, created ASC"
        );
        assert_eq!(
            at_risk(&pulse(4, Some(2.5))),
            "statusCategory != Done AND due < startOfDay() ORDER BY due ASC, created ASC"
        );
    }
}
