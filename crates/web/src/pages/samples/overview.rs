//! Work Pulse: a busy quarter, a year, a quiet one, none.

use application::pulse::{IssueName, Percentiles, Pulse, PulseWeek, RiskIssue};
use chrono::{Days, NaiveDate, TimeDelta};

use super::{HOSTILE, now, rendered, shell};
use crate::pages::{
    overview::{OverviewPage, Scope},
    shell::Section,
};

fn scope(instances: &[(&str, &str)], instance: &str) -> Scope {
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
    Scope {
        instance: instance.into(),
        project: String::new(),
        weeks: 12,
        instances: owned(instances),
        projects: owned(&[("FLOW", "Flow control"), ("PAY", "Payments"), ("WEB", "Web shop")]),
        levels_everywhere: true,
    }
}

fn pulse() -> Pulse {
    let completed = [9, 12, 11, 15, 8, 14, 17, 13, 19, 16, 21, 18];
    let created = [14, 11, 16, 12, 18, 13, 15, 17, 14, 20, 16, 12];
    let p50 = [8.2, 7.9, 9.1, 6.4, 11.2, 7.0, 6.1, 6.8, 5.2, 5.9, 4.8, 4.4];
    let p85 = [21.0, 19.5, 24.2, 18.8, 30.1, 20.4, 17.2, 18.0, 14.6, 16.3, 12.2, 11.9];
    let start = NaiveDate::from_ymd_opt(2026, 7, 23).unwrap();
    let trend = (0..12).map(|week| {
        let from = start.checked_add_days(Days::new(7 * week as u64)).unwrap();
        let quiet = week == 4;
        PulseWeek {
            from,
            to: from.checked_add_days(Days::new(6)).unwrap(),
            created: created[week],
            completed: if quiet { 0 } else { completed[week] },
            lead_time_p50: (!quiet).then_some(p50[week]),
            lead_time_p85: (!quiet).then_some(p85[week]),
        }
    });
    let risk =
        |key: &str, summary: &str, assignee: Option<&str>, age: f64, due: Option<NaiveDate>| RiskIssue {
            instance: "acme".into(),
            key: key.into(),
            summary: summary.into(),
            status: "In Review".into(),
            status_category: "indeterminate".into(),
            assignee: assignee.map(str::to_owned),
            age_days: age,
            due,
            reason: if due.is_some() { "overdue" } else { "older than P85" }.into(),
        };
    Pulse {
        throughput: 165,
        lead_time_days: Percentiles { p50: Some(6.25), p85: Some(18.4), p90: Some(23.94) },
        sla_risk: 23,
        wip: 37,
        stuck: 6,
        cycle_time_days: Percentiles { p50: Some(2.5), p85: Some(7.0), p90: Some(9.5) },
        reopen_rate: Some(0.0424),
        reopened: vec![IssueName { instance: "acme".into(), key: "PAY-7".into() }],
        issues: 2431,
        open: 310,
        trend: trend.collect(),
        top_risks: vec![
            risk(
                "PAY-212",
                "Refunds over 1,000 € wait for a second approval that nobody gets",
                Some("Grace Hopper"),
                48.3,
                NaiveDate::from_ymd_opt(2026, 9, 30),
            ),
            risk(
                "FLOW-88",
                "Backpressure is lost when the consumer reconnects",
                None,
                71.0,
                NaiveDate::from_ymd_opt(2026, 10, 9),
            ),
            risk(
                "WEB-1043",
                "Search suggestions flicker on slow connections",
                Some("Ada Lovelace"),
                112.9,
                None,
            ),
            risk(
                "WEB-977",
                "Cookie banner covers the checkout button on small screens",
                Some("Linus Torvalds"),
                63.1,
                None,
            ),
        ],
        as_of: Some(now() - TimeDelta::minutes(3)),
    }
}

fn quiet_pulse() -> Pulse {
    Pulse {
        throughput: 0,
        lead_time_days: Percentiles::default(),
        sla_risk: 0,
        wip: 0,
        stuck: 0,
        cycle_time_days: Percentiles::default(),
        reopen_rate: None,
        reopened: Vec::new(),
        issues: 1,
        open: 0,
        trend: pulse()
            .trend
            .into_iter()
            .map(|week| PulseWeek {
                created: 0,
                completed: 0,
                lead_time_p50: None,
                lead_time_p85: None,
                ..week
            })
            .collect(),
        top_risks: Vec::new(),
        as_of: None,
    }
}

/// A year: more weeks than there is room for labels.
fn a_year() -> Pulse {
    let pulse = pulse();
    let first = pulse.trend[0].from;
    let weeks = (0..52_u64).map(|week| {
        let from = first.checked_sub_days(Days::new(7 * (40 - week.min(40)))).unwrap();
        let from = from.checked_add_days(Days::new(7 * week.saturating_sub(40))).unwrap();
        let like = pulse.trend[(week % 12) as usize].clone();
        PulseWeek {
            from,
            to: from.checked_add_days(Days::new(6)).unwrap(),
            created: like.created * 40,
            ..like
        }
    });
    Pulse { trend: weeks.collect(), ..pulse }
}

pub(super) fn pages() -> Vec<(&'static str, String)> {
    let two = [("acme", "Acme Cloud"), ("legacy", "Legacy Data Center")];
    let page = |scope: Scope, pulse: Pulse| {
        rendered(OverviewPage::new(shell(Section::Pulse, "Work Pulse"), &scope, pulse, now()))
    };
    let hostile_scope =
        Scope { project: HOSTILE.into(), weeks: 104, ..scope(&[(HOSTILE, HOSTILE)], HOSTILE) };
    let mut hostile = pulse();
    for risk in &mut hostile.top_risks {
        for text in [&mut risk.instance, &mut risk.key, &mut risk.summary, &mut risk.status] {
            *text = HOSTILE.into();
        }
        risk.assignee = Some(HOSTILE.into());
    }
    vec![
        ("overview", page(scope(&two, ""), pulse())),
        ("overview-year", page(Scope { weeks: 52, ..scope(&two, "") }, a_year())),
        ("overview-quiet", page(scope(&[("acme", "Acme Cloud")], "acme"), quiet_pulse())),
        ("overview-empty", page(scope(&[], ""), Pulse { issues: 0, trend: Vec::new(), ..quiet_pulse() })),
        ("overview-filtered-empty", page(scope(&two, "acme"), Pulse { issues: 0, ..quiet_pulse() })),
        ("overview-hostile", page(hostile_scope, hostile)),
    ]
}
