//! No statement per row: a page of fifty takes as many as a page of one.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use application::{
    issues::IssueBundle,
    ports::TenantTx,
    pulse::PulseFilter,
    reference::Roster,
    search::{SearchRequest, SearchStart, parse_jql},
};
use domain::ids::IssueId;
use tracing::{Event, Subscriber};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

use crate::{
    bundles::{at, changed, comment, issue, status_change, worklog},
    database::TestDatabase,
};

/// Counts what sqlx logs for each statement.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Statements {
    fn taken(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn bundles() -> Vec<IssueBundle> {
    let bundle = |number: u32| {
        changed(&issue(number, &format!("PAY-{number}")), 1, |bundle| {
            bundle.comments = vec![comment(number * 10, "first", 1), comment(number * 10 + 1, "second", 2)];
            bundle.worklogs = vec![worklog(number, 60, 1)];
            bundle.histories = vec![status_change(number, 1, ("1", "To Do"), ("3", "In Progress"))];
        })
    };
    (1..=60).map(bundle).collect()
}

fn search(jql: &str, limit: u32) -> SearchRequest {
    SearchRequest {
        query: parse_jql(jql).unwrap(),
        instance: None,
        zone: chrono_tz::UTC,
        now: at(100),
        current_user: Some("ann".into()),
        limit,
        start: SearchStart::Offset(0),
        with_total: true,
    }
}

#[tokio::test]
async fn a_page_of_fifty_takes_as_many_statements_as_a_page_of_one() {
    let database = TestDatabase::create().await;
    let (tenant, instance) = database.mirror().await;
    let mut tx = database.begin(tenant).await;
    tx.upsert_issues(instance, &bundles()).await.unwrap();
    let statements = Statements::default();
    let _counting = tracing::subscriber::set_default(tracing_subscriber::registry().with(statements.clone()));

    for jql in [
        "ORDER BY updated DESC",
        "project = PAY AND status = 'To Do' ORDER BY created",
        "assignee = ann AND labels is EMPTY ORDER BY priority",
        "text ~ text ORDER BY key",
        "status WAS 'In Progress' OR status CHANGED AFTER -1d",
    ] {
        let mut of_page = async |limit: u32| {
            let page = tx.search(&search(jql, limit)).await.unwrap();
            assert_eq!(page.issues.len(), limit as usize, "{jql}");
            statements.taken()
        };
        let (one, fifty) = (of_page(1).await, of_page(50).await);
        assert_eq!(one, fifty, "{jql}");
        assert!((2..=7).contains(&one), "{jql}: {one}");
    }

    let page = tx.search(&search("ORDER BY key", 50)).await.unwrap();
    let ids: Vec<IssueId> = page.issues.iter().map(|issue| issue.id).collect();
    statements.taken();
    for count in [1, 50] {
        let ids = &ids[..count];
        assert_eq!(tx.comments(ids).await.unwrap().len(), 2 * count);
        assert_eq!(tx.histories(ids).await.unwrap().len(), count);
        assert_eq!(tx.worklogs(ids).await.unwrap().len(), count);
        assert_eq!(statements.taken(), 3, "the parts of {count}");
    }
    single_reads(tx.as_mut(), &statements, instance).await;
    drop(tx);
    database.remove().await;
}

/// What is read without a page takes a fixed number.
async fn single_reads(tx: &mut dyn TenantTx, statements: &Statements, instance: domain::ids::InstanceId) {
    statements.taken();
    tx.issue(Some(instance), "PAY-7").await.unwrap().unwrap();
    assert_eq!(statements.taken(), 1, "an issue by key");
    tx.roster(instance, Roster::Statuses).await.unwrap();
    assert_eq!(statements.taken(), 1, "a roster");
    let filter = PulseFilter { until: at(0).date_naive(), weeks: 4, ..Default::default() };
    tx.pulse(&filter, at(0)).await.unwrap();
    assert_eq!(statements.taken(), 7, "the pulse");
}
