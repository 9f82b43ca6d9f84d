//! How many issues are present is kept beside them, and is at all times what counting them would say.

use std::collections::BTreeMap;

use application::{
    issues::{IssueBundle, Presence},
    search::{SearchRequest, SearchStart, parse_jql},
};
use chrono_tz::Tz;
use domain::ids::{InstanceId, TenantId};
use sqlx::{Executor, PgConnection, Row};
use uuid::Uuid;

use crate::{
    bundles::{at, changed, issue},
    database::TestDatabase,
};

type Counts = BTreeMap<(Uuid, Uuid), i64>;

async fn counts(admin: &mut PgConnection, sql: &'static str) -> Counts {
    let rows = admin.fetch_all(sql).await.unwrap();
    rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).filter(|(_, count)| *count != 0).collect()
}

async fn assert_that_they_are_right(admin: &mut PgConnection, after: &str) {
    let counted = counts(
        admin,
        "SELECT instance_id, project_id, count(*) FROM issues WHERE presence = 'present' GROUP BY 1, 2",
    )
    .await;
    let kept =
        counts(admin, "SELECT instance_id, project_id, sum(issues)::bigint FROM issue_tallies GROUP BY 1, 2")
            .await;
    assert_eq!(kept, counted, "{after}");
}

async fn store(base: &TestDatabase, tenant: TenantId, instance: InstanceId, page: &[IssueBundle]) {
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, page).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn tallies_are_what_counting_says_whatever_happens_to_issues() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    let pages = [
        vec![issue(1, "PAY-1"), issue(2, "PAY-2"), issue(3, "OPS-3")],
        // One is there already, one is moved, one is new.
        vec![issue(1, "PAY-1"), changed(&issue(2, "OPS-4"), 1, |_| {}), issue(5, "PAY-5")],
        vec![changed(&issue(3, "OPS-3"), 2, |bundle| bundle.issue.summary = "Edited".into())],
    ];
    for (number, page) in pages.iter().enumerate() {
        store(&base, tenant, instance, page).await;
        assert_that_they_are_right(&mut admin, &format!("page {number}")).await;
    }
    for presence in [Presence::Deleted, Presence::Archived, Presence::Present] {
        let mut tx = base.begin(tenant).await;
        tx.set_presence(instance, &["1".into(), "3".into()], presence).await.unwrap();
        assert_eq!(
            tx.issue_count(instance).await.unwrap(),
            if presence == Presence::Present { 4 } else { 2 }
        );
        tx.commit().await.unwrap();
        assert_that_they_are_right(&mut admin, presence.as_str()).await;
    }
    let mut given_up = base.begin(tenant).await;
    given_up.upsert_issues(instance, &[issue(9, "PAY-9")]).await.unwrap();
    drop(given_up);
    assert_that_they_are_right(&mut admin, "a rollback").await;
    admin.execute("DELETE FROM issues WHERE jira_number = 5").await.unwrap();
    assert_that_they_are_right(&mut admin, "a row that was removed by hand").await;
    admin.execute("DELETE FROM projects WHERE key = 'OPS'").await.unwrap();
    assert_that_they_are_right(&mut admin, "a project that took its issues along").await;
    base.remove().await;
}

/// Writers add a row each and wait for nobody; what they leave behind stays short.
#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_leave_few_rows_and_the_right_number() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    store(&base, tenant, instance, &[issue(1, "PAY-1"), issue(2, "OPS-2")]).await;
    let writer = async |first: u32| {
        for id in first..first + 100 {
            let project = if id % 3 == 0 { "OPS" } else { "PAY" };
            store(&base, tenant, instance, &[issue(id, &format!("{project}-{id}"))]).await;
        }
    };
    tokio::join!(writer(1_000), writer(2_000), writer(3_000));
    let mut admin = base.superuser().await;
    assert_that_they_are_right(&mut admin, "three writers").await;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM issue_tallies").fetch_one(&mut admin).await.unwrap();
    assert!(rows < 150, "{rows} rows after 302 changes");

    // While one is under way, another one commits: nobody waits, and each sees what it may.
    let mut slow = base.begin(tenant).await;
    slow.upsert_issues(instance, &[issue(1, "PAY-1"), issue(7, "PAY-7")]).await.unwrap();
    store(&base, tenant, instance, &[issue(8, "PAY-8")]).await;
    assert_eq!(slow.issue_count(instance).await.unwrap(), 304);
    drop(slow);
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.issue_count(instance).await.unwrap(), 303);
    assert_eq!(tx.issue_counts(&[instance]).await.unwrap()[&instance], 303);
    drop(tx);
    base.remove().await;
}

/// Questions that name nothing but projects and instances are answered by the tallies, the same as the list has issues.
#[tokio::test]
async fn searches_for_projects_count_what_they_find() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.instance(tenant, "other", application::instances::InstanceKind::Cloud).await;
    store(&base, tenant, instance, &[issue(1, "PAY-1"), issue(2, "PAY-2"), issue(3, "OPS-3")]).await;
    store(&base, tenant, other, &[issue(1, "PAY-1")]).await;
    let mut tx = base.begin(tenant).await;
    tx.set_presence(instance, &["2".into()], Presence::Deleted).await.unwrap();
    for (jql, of, wanted) in [
        ("", None, 3),
        ("", Some(instance), 2),
        ("project = PAY", None, 2),
        ("project = PAY", Some(instance), 1),
        ("project != PAY", None, 1),
        ("not project in (PAY, OPS) or instance = other", None, 1),
        ("project is EMPTY", None, 0),
        ("project = PAY and summary ~ \"Summary\"", None, 2),
    ] {
        let request = SearchRequest {
            query: parse_jql(jql).unwrap(),
            instance: of,
            start: SearchStart::Offset(0),
            limit: 50,
            with_total: true,
            now: at(0),
            zone: Tz::UTC,
            current_user: None,
        };
        let page = tx.search(&request).await.unwrap();
        assert_eq!((page.issues.len(), page.total), (wanted, Some(wanted as u64)), "{jql} of {of:?}");
    }
    drop(tx);
    base.remove().await;
}
