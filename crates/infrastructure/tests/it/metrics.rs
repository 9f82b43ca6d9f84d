//! The materialized views and what reads them, by hand-made histories for each rule of migration 0015.

use application::{
    TenantContext,
    instances::InstanceKind,
    issues::IssueBundle,
    ports::{Database, SqlLimits},
    reference::{ReferenceRecords, StatusRecord},
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use infrastructure::postgres::roles;
use serde_json::{Value, json};
use sqlx::{Executor, Row};

use crate::{
    bundles::{at, changed, history, issue, item, status, status_change},
    database::TestDatabase,
};

fn statuses() -> Vec<StatusRecord> {
    vec![
        status("1", "To Do", "new"),
        status("3", "In Arbeit", "indeterminate"),
        status("4", "Im Test", "indeterminate"),
        status("5", "Erledigt", "done"),
        status("6", "Geschlossen", "done"),
    ]
}

fn named(id: &str) -> (String, String, String) {
    let found = statuses().into_iter().find(|status| status.jira_id == id);
    found.map_or_else(
        || (id.into(), format!("Status {id}"), "undefined".into()),
        |status| (status.jira_id, status.name, status.category),
    )
}

/// An issue created at minute 0 in the first of these statuses, which went through the others at these minutes.
fn flow(number: u32, first: &str, moves: &[(i64, &str)]) -> IssueBundle {
    let last = moves.last().map_or(first, |(_, to)| to);
    changed(&issue(number, &format!("PAY-{number}")), 1_000, |b| {
        (b.issue.status_id, b.issue.status, b.issue.status_category) = named(last);
        let mut from = first;
        for ((minute, to), n) in moves.iter().zip(1..) {
            let (before, after) = (named(from), named(to));
            let change =
                status_change(number * 100 + n, *minute, (&before.0, &before.1), (&after.0, &after.1));
            b.histories.push(change);
            from = to;
        }
    })
}

async fn site(base: &TestDatabase) -> (TenantId, InstanceId) {
    let (tenant, instance) = base.mirror().await;
    let rosters = ReferenceRecords { statuses: statuses(), ..Default::default() };
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &rosters, true).await.unwrap();
    tx.commit().await.unwrap();
    (tenant, instance)
}

async fn store(base: &TestDatabase, tenant: TenantId, instance: InstanceId, page: &[IssueBundle]) {
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, page).await.unwrap();
    tx.commit().await.unwrap();
    base.refresh_metrics().await;
}

async fn ask(base: &TestDatabase, tenant: TenantId, sql: &str) -> Value {
    Value::from(
        base.db
            .ask(&TenantContext::whole(tenant), sql, SqlLimits::default())
            .await
            .unwrap()
            .rows
            .into_iter()
            .map(Value::from)
            .collect::<Vec<_>>(),
    )
}

/// Started, completed and the cycle time between, as minutes, and how often it was reopened.
type LeadTime = (Option<i64>, Option<i64>, Option<i64>, i64);

async fn lead_times(base: &TestDatabase, tenant: TenantId) -> Vec<LeadTime> {
    let rows = ask(
        base,
        tenant,
        "SELECT extract(epoch FROM l.started - i.created)::int / 60, extract(epoch FROM l.completed - i.created)::int / 60,
                round(l.cycle_time_hours * 60)::int, l.reopened,
                round(l.lead_time_hours * 60)::int, l.created = i.created
         FROM lead_time_view l JOIN issues i ON i.key = l.issue ORDER BY i.id::int",
    )
    .await;
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| {
        assert_eq!(
            (&row[4], &row[5]),
            (&row[1], &json!(true)),
            "lead time is from the creation to the completion"
        );
        (row[0].as_i64(), row[1].as_i64(), row[2].as_i64(), row[3].as_i64().unwrap())
    })
    .collect()
}

#[tokio::test]
async fn lead_time_follows_each_of_its_rules() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let resolved =
        |bundle: IssueBundle, minute: i64| changed(&bundle, 1_000, |b| b.issue.resolved = Some(at(minute)));
    let cases: [(&str, IssueBundle, LeadTime); 14] = [
        ("open", flow(1, "1", &[]), (None, None, None, 0)),
        ("in progress", flow(2, "1", &[(10, "3")]), (Some(10), None, None, 0)),
        ("done", flow(3, "1", &[(10, "3"), (40, "5")]), (Some(10), Some(40), Some(30), 0)),
        (
            "back to the start and on",
            flow(4, "1", &[(10, "3"), (20, "1"), (30, "4"), (40, "5")]),
            (Some(10), Some(40), Some(30), 0),
        ),
        (
            "from one done status to another",
            flow(5, "1", &[(10, "3"), (40, "5"), (90, "6")]),
            (Some(10), Some(40), Some(30), 0),
        ),
        ("reopened", flow(6, "1", &[(10, "3"), (40, "5"), (50, "3")]), (Some(10), None, None, 1)),
        (
            "reopened and done again",
            flow(7, "1", &[(10, "3"), (40, "5"), (50, "1"), (70, "6")]),
            (Some(10), Some(70), Some(60), 1),
        ),
        ("done without a start", flow(8, "1", &[(40, "5")]), (None, Some(40), None, 0)),
        ("created in progress", flow(9, "3", &[(40, "5")]), (Some(0), Some(40), Some(40), 0)),
        ("created done", flow(10, "5", &[]), (None, Some(0), None, 0)),
        ("a copy without changelog", resolved(flow(11, "5", &[]), 60), (None, Some(60), None, 0)),
        ("a resolution without done", resolved(flow(12, "1", &[(10, "3")]), 60), (Some(10), None, None, 0)),
        ("done before its resolution", resolved(flow(13, "1", &[(40, "5")]), 90), (None, Some(40), None, 0)),
        // 99 is no status of the site: it counts as none, so leaving `done` for it is leaving, and coming back is completing.
        (
            "by way of a status that is gone",
            flow(14, "1", &[(10, "99"), (40, "5"), (50, "99"), (60, "5")]),
            (None, Some(60), None, 1),
        ),
    ];
    let page: Vec<_> = cases.iter().map(|(_, bundle, _)| bundle.clone()).collect();
    store(&base, tenant, instance, &page).await;
    for ((name, _, expected), found) in cases.iter().zip(lead_times(&base, tenant).await) {
        assert_eq!(found, *expected, "{name}");
    }
    base.remove().await;
}

#[tokio::test]
async fn statuses_without_ids_count_by_name_and_a_move_keeps_what_was_before() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let instance = base.instance(tenant, "main", InstanceKind::Server).await;
    let mut tx = base.begin(tenant).await;
    let rosters = ReferenceRecords { statuses: statuses(), ..Default::default() };
    tx.upsert_reference(instance, &rosters, true).await.unwrap();
    tx.commit().await.unwrap();
    let without_ids = changed(&flow(1, "5", &[]), 1_000, |b| {
        b.histories = vec![
            history(1, 10, vec![item("status", Some(("", "To Do")), Some(("", "In Arbeit")))]),
            history(2, 40, vec![item("status", Some(("", "in arbeit")), Some(("", "ERLEDIGT")))]),
        ];
    });
    let moved = changed(&flow(2, "1", &[(10, "3"), (40, "5")]), 1_000, |b| {
        b.issue.key = "OPS-9".parse().unwrap();
        b.histories.push(history(
            299,
            50,
            vec![item("project", Some(("1", "Payments")), Some(("2", "Operations")))],
        ));
    });
    store(&base, tenant, instance, &[without_ids, moved]).await;
    let done = (Some(10), Some(40), Some(30), 0);
    assert_eq!(lead_times(&base, tenant).await, [done, done]);
    let projects = "SELECT issue, project FROM lead_time_view ORDER BY issue";
    let rows = ask(
        &base,
        tenant,
        "SELECT category, visits FROM time_in_category WHERE issue = 'PAY-1' ORDER BY first_entered",
    )
    .await;
    assert_eq!(rows, json!([["new", 1], ["indeterminate", 1], ["done", 1]]));
    assert_eq!(ask(&base, tenant, projects).await[0][0], "OPS-9");
    base.remove().await;
}

#[tokio::test]
async fn projects_are_counted_by_category() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let page = [
        flow(1, "1", &[]),
        flow(2, "1", &[(10, "99")]),
        flow(3, "1", &[(10, "3")]),
        flow(4, "1", &[(1_440, "5")]),
        changed(&flow(5, "1", &[(10, "3"), (4_320, "6")]), 5_000, |b| b.issue.assignee = None),
        changed(&flow(6, "1", &[]), 1_000, |b| b.issue.resolved = Some(at(60))),
    ];
    store(&base, tenant, instance, &page).await;
    let rows = ask(
        &base,
        tenant,
        "SELECT project, total_issues, open_issues, in_progress_issues, closed_issues, unassigned_issues, avg_lead_time_days
         FROM issue_metrics",
    )
    .await;
    // Done after one day and after three; the resolution of an issue that is not done counts for nothing.
    assert_eq!(rows, json!([["PAY", 6, 3, 1, 2, 1, 2.0]]));
    base.remove().await;
}

#[tokio::test]
async fn a_workload_is_what_its_assignee_has_to_do_and_has_done() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let today = DateTime::<Utc>::from(std::time::SystemTime::now());
    // Minutes after the beginning of what happened so many days ago.
    let ago = |days: i64| (today - TimeDelta::days(days) - at(0)).num_minutes();
    let points =
        |bundle: IssueBundle, points: f64| changed(&bundle, 1_000, |b| b.issue.story_points = Some(points));
    let due = |bundle: IssueBundle, day: NaiveDate| changed(&bundle, 1_000, |b| b.issue.due = Some(day));
    let of = |bundle: IssueBundle, who: Option<&str>| {
        changed(&bundle, 1_000, |b| b.issue.assignee = who.map(Into::into))
    };
    let date = |days: i64| (today + TimeDelta::days(days)).date_naive();
    let page = [
        points(flow(1, "1", &[]), 2.0),
        points(due(flow(2, "1", &[(20, "3")]), date(-2)), 5.0),
        // Began earlier than the other, and went back and forth.
        points(due(flow(3, "1", &[(10, "3"), (15, "1"), (30, "4")]), date(2)), 0.5),
        points(due(flow(4, "1", &[(10, "3"), (ago(29), "5")]), date(-9)), 8.0),
        points(flow(5, "1", &[(10, "3"), (ago(31), "5")]), 8.0),
        // Done lately, and reopened: it is open.
        points(flow(6, "1", &[(ago(3), "5"), (ago(2), "1")]), 1.0),
        of(flow(7, "1", &[]), Some("bob")),
        of(flow(8, "1", &[]), None),
    ];
    store(&base, tenant, instance, &page).await;
    let rows = ask(
        &base,
        tenant,
        "SELECT assignee, assignee_account_id, open_issues, in_progress_issues, done_last_30_days, open_story_points::float8,
                overdue_issues, oldest_in_progress_since
         FROM user_workload ORDER BY assignee",
    )
    .await;
    let began = at(10).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(rows, json!([["Ann", "ann", 2, 2, 1, 8.5, 1, began], ["Bob", "bob", 1, 0, 0, 3.0, 0, null]]));

    let mut app = base.connect(roles::APP).await;
    app.execute(sqlx::AssertSqlSafe(format!("SET app.current_tenant_id = '{tenant}'"))).await.unwrap();
    let row = app
        .fetch_one("SELECT count(*) AS people, min(oldest_in_progress_since) AS oldest FROM user_workload")
        .await
        .unwrap();
    assert_eq!((row.get::<i64, _>("people"), row.get::<DateTime<Utc>, _>("oldest")), (2, at(10)));
    base.remove().await;
}

#[tokio::test]
async fn two_refreshes_at_once_do_not_queue_up() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[flow(1, "1", &[])]).await.unwrap();
    tx.commit().await.unwrap();

    let mut first = base.db.platform().await.unwrap();
    assert!(first.refresh_metrics().await.unwrap());
    let mut second = base.db.platform().await.unwrap();
    assert!(!second.refresh_metrics().await.unwrap(), "the first has not been committed");
    drop(second);
    assert_eq!(
        ask(&base, tenant, "SELECT * FROM lead_time_view").await,
        json!([]),
        "readers go on with the old"
    );
    first.commit().await.unwrap();
    assert_eq!(ask(&base, tenant, "SELECT issue FROM lead_time_view").await, json!([["PAY-1"]]));
    base.refresh_metrics().await;
    base.remove().await;
}

#[tokio::test]
async fn the_metrics_of_a_tenant_are_for_that_tenant() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    store(&base, tenant, instance, &[flow(1, "1", &[(10, "3")])]).await;
    let stranger = base.tenant("stranger").await;
    for view in ["issue_metrics", "lead_time_view", "user_workload"] {
        let count = format!("SELECT count(*) FROM {view}");
        assert_eq!(ask(&base, tenant, &count).await, json!([[1]]), "{view}");
        assert_eq!(ask(&base, stranger, &count).await, json!([[0]]), "{view}");
    }
    let mut read = base.connect(roles::READ).await;
    for view in ["lead_time_view", "issue_metrics", "user_workload"] {
        for schema in ["forebay", "public"] {
            let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM {schema}.{view}"));
            assert!(read.execute(sql).await.is_err(), "{schema}.{view}");
        }
    }
    let mut app = base.connect(roles::APP).await;
    for view in ["lead_time_by_ticket", "issue_metrics_by_ticket", "user_workload_by_ticket", "user_workload"]
    {
        let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM forebay.{view}"));
        assert!(app.execute(sql).await.is_err(), "{view}");
    }
    base.remove().await;
}
