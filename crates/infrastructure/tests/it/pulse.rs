//! Work Pulse in SQL against the same numbers worked out by hand.

use application::{instances::InstanceKind, issues::IssueBundle, pulse::PulseFilter};
use chrono::{DateTime, NaiveDate, Utc};
use domain::metrics::percentile;

use crate::{
    bundles::{at, changed, issue, status, status_change},
    database::TestDatabase,
};

const DAY: i64 = 24 * 60;

fn day(number: i64) -> DateTime<Utc> {
    at(number * DAY)
}

/// An issue created on a day whose status then went through these: (day, from, to), as ids 1 new, 3 in progress, 5 done.
fn flow(id: u32, created: i64, moves: &[(i64, u8, u8)]) -> IssueBundle {
    let name = |status: u8| match status {
        1 => ("1", "To Do", "new"),
        3 => ("3", "In Bearbeitung", "indeterminate"),
        _ => ("5", "Erledigt", "done"),
    };
    let last = moves.last().map_or(1, |(_, _, to)| *to);
    changed(&issue(id, &format!("PAY-{id}")), 40 * DAY, |bundle| {
        bundle.issue.created = day(created);
        (bundle.issue.status_id, bundle.issue.status, bundle.issue.status_category) =
            (name(last).0.into(), name(last).1.into(), name(last).2.into());
        bundle.histories = moves
            .iter()
            .zip(0_u32..)
            .map(|((day, from, to), n)| {
                let (from, to) = (name(*from), name(*to));
                status_change(id * 100 + n, day * DAY, (from.0, from.1), (to.0, to.1))
            })
            .collect();
        bundle.reference.statuses =
            [1, 3, 5].into_iter().map(name).map(|(id, name, category)| status(id, name, category)).collect();
    })
}

fn typed(bundle: &IssueBundle, level: Option<i16>, name: &str) -> IssueBundle {
    changed(bundle, 40 * DAY, |bundle| {
        bundle.issue.hierarchy_level = level;
        bundle.issue.issue_type = Some((name.into(), name.into()));
    })
}

/// Equal but for the last bits of a float.
#[track_caller]
fn assert_close(found: Option<f64>, expected: Option<f64>) {
    let close = found.zip(expected).is_some_and(|(found, expected)| (found - expected).abs() < 1e-9);
    assert!(close, "{found:?} is not {expected:?}");
}

/// Day 0 is Monday 2 March 2026, 09:00 UTC; the period is days 0 to 27, and now is noon of day 27.
#[tokio::test]
async fn the_numbers_are_those_of_their_definitions() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut overdue = flow(8, 25, &[]);
    overdue = changed(&overdue, 40 * DAY, |b| b.issue.due = NaiveDate::from_ymd_opt(2026, 3, 27));
    let page = [
        // Done after 2, 4 and 10 days.
        flow(1, 0, &[(1, 1, 3), (2, 3, 5)]),
        flow(2, 1, &[(2, 1, 3), (5, 3, 5)]),
        flow(3, 10, &[(12, 1, 3), (20, 3, 5)]),
        // Done, reopened, done again on day 9: completed once, 9 days after its creation.
        flow(4, 0, &[(3, 1, 5), (6, 5, 3), (9, 3, 5)]),
        // Done, then reopened: not completed, but it counts as reopened.
        flow(5, 0, &[(3, 1, 5), (26, 5, 3)]),
        flow(12, 20, &[(22, 1, 5)]),
        // Done before the period.
        flow(6, -30, &[(-20, 1, 5)]),
        // In progress and not moved for 27 days, hence stuck; older than the P85 of 9.4 days, hence at risk.
        flow(7, -5, &[(0, 1, 3)]),
        overdue,
        // Completed, but an epic, a sub-task, and an epic of a site without levels.
        typed(&flow(9, 0, &[(2, 1, 5)]), Some(1), "Initiative"),
        typed(&flow(10, 0, &[(2, 1, 5)]), Some(-1), "Sub-task"),
        typed(&flow(11, 0, &[(2, 1, 5)]), None, "Epic"),
    ];
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.commit().await.unwrap();
    base.refresh_metrics().await;

    let filter =
        PulseFilter { until: NaiveDate::from_ymd_opt(2026, 3, 29).unwrap(), weeks: 4, ..Default::default() };
    let now = at(27 * DAY + 3 * 60);
    let mut tx = base.begin(tenant).await;
    let pulse = tx.pulse(&filter, now).await.unwrap();

    assert_eq!((pulse.throughput, pulse.issues, pulse.as_of), (5, 12, Some(at(40 * DAY))));
    let lead_times = [2.0, 2.0, 4.0, 9.0, 10.0];
    let [p50, p85, p90] = [0.50, 0.85, 0.90].map(|share| percentile(&lead_times, share));
    assert_close(pulse.lead_time_days.p50, p50);
    assert_close(pulse.lead_time_days.p85, p85);
    assert_close(pulse.lead_time_days.p90, p90);
    // 1 to 3 were in progress before they were done; 4 only between its two completions, 12 never.
    assert_close(pulse.cycle_time_days.p50, percentile(&[1.0, 3.0, 3.0, 8.0], 0.5));
    assert_eq!((pulse.wip, pulse.stuck), (2, 1));
    // Entered done in the period: 1 to 5 and 12. Left it again: 4 and 5.
    assert_close(pulse.reopen_rate, Some(2.0 / 6.0));
    let reopened: Vec<_> =
        pulse.reopened.iter().map(|issue| (issue.instance.as_str(), issue.key.as_str())).collect();
    assert_eq!(reopened, [("main", "PAY-4"), ("main", "PAY-5")]);
    assert_eq!(pulse.open, 3, "5, 7 and 8");

    assert_eq!(pulse.sla_risk, 3);
    let risks: Vec<_> =
        pulse.top_risks.iter().map(|risk| (risk.key.as_str(), risk.reason.as_str())).collect();
    assert_eq!(risks, [("PAY-8", "overdue"), ("PAY-7", "older than P85"), ("PAY-5", "older than P85")]);
    assert_eq!((pulse.top_risks[1].age_days, pulse.top_risks[1].instance.as_str()), (32.125, "main"));

    let weeks: Vec<_> =
        pulse.trend.iter().map(|w| (w.created, w.completed, w.lead_time_p50, w.lead_time_p85)).collect();
    assert_eq!(
        weeks,
        [
            (7, 2, Some(3.0), Some(3.7)),
            (1, 1, Some(9.0), Some(9.0)),
            (1, 1, Some(10.0), Some(10.0)),
            (1, 1, Some(2.0), Some(2.0))
        ]
    );
    assert_eq!(pulse.trend[0].from, NaiveDate::from_ymd_opt(2026, 3, 2).unwrap());
    assert_eq!(pulse.trend[3].to, filter.until);
    drop(tx);
    base.remove().await;
}

/// Old Servers log names without ids, and a script may close and reopen within one instant.
#[tokio::test]
async fn a_reopen_counts_without_ids_and_within_an_instant() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let nameless = changed(&flow(1, 0, &[(1, 1, 5), (3, 5, 3)]), 40 * DAY, |bundle| {
        for item in bundle.histories.iter_mut().flat_map(|history| &mut history.items) {
            (item.from, item.to) = (None, None);
        }
    });
    let page =
        [nameless, flow(2, 0, &[(2, 1, 5), (2, 5, 3)]), flow(3, 0, &[(2, 1, 5)]), flow(4, 0, &[(2, 1, 3)])];
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &page).await.unwrap();
    let until = NaiveDate::from_ymd_opt(2026, 3, 8).unwrap();
    let pulse = tx.pulse(&PulseFilter { until, weeks: 1, ..Default::default() }, day(6)).await.unwrap();
    assert_close(pulse.reopen_rate, Some(2.0 / 3.0));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn the_filter_narrows_to_an_instance_and_a_project() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.instance(tenant, "other", InstanceKind::Server).await;
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[flow(1, 0, &[(2, 1, 5)]), issue(2, "OPS-1")]).await.unwrap();
    tx.upsert_issues(other, &[flow(1, 0, &[(2, 1, 5)])]).await.unwrap();
    tx.commit().await.unwrap();
    base.refresh_metrics().await;
    let filter =
        PulseFilter { until: NaiveDate::from_ymd_opt(2026, 3, 8).unwrap(), weeks: 1, ..Default::default() };
    let mut tx = base.begin(tenant).await;
    for (filter, expected) in [
        (filter.clone(), (3, 2)),
        (PulseFilter { instance: Some(other), ..filter.clone() }, (1, 1)),
        (PulseFilter { project: Some("OPS".into()), ..filter.clone() }, (1, 0)),
        (PulseFilter { project: Some("PAY".into()), ..filter.clone() }, (2, 2)),
        (PulseFilter { weeks: 0, ..filter.clone() }, (3, 0)),
    ] {
        let pulse = tx.pulse(&filter, at(6 * DAY)).await.unwrap();
        assert_eq!((pulse.issues, pulse.throughput), expected, "{filter:?}");
        assert_eq!(pulse.trend.len(), usize::from(filter.weeks));
    }
    drop(tx);
    base.remove().await;
}
