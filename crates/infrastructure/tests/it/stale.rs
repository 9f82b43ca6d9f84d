//! What was read earlier does not overwrite what is known from later, and does not bring back what is gone.

use application::issues::{IssueBundle, Presence};
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};

use crate::{
    bundles::{at, changed, history, issue, item},
    database::TestDatabase,
};

/// Long before the test, and long after it: finding an issue missing counts from the database's own time.
const BEFORE: i64 = 0;
const AFTER: i64 = 50_000_000;

struct Site {
    base: TestDatabase,
    tenant: TenantId,
    instance: InstanceId,
}

impl Site {
    async fn create() -> Self {
        let base = TestDatabase::create().await;
        let (tenant, instance) = base.mirror().await;
        Self { base, tenant, instance }
    }

    /// Stores an issue as it was read at a minute; answers whether that changed anything.
    async fn read(&self, bundle: &IssueBundle, minute: i64) -> bool {
        let mut tx = self.base.begin(self.tenant).await;
        let bundle = IssueBundle { read_at: Some(at(minute)), ..bundle.clone() };
        let stored = tx.upsert_issues(self.instance, &[bundle]).await.unwrap();
        tx.commit().await.unwrap();
        stored.issues > 0
    }

    async fn gone(&self, id: &str) {
        let mut tx = self.base.begin(self.tenant).await;
        tx.set_presence(self.instance, &[id.to_owned()], Presence::Deleted).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn is_present(&self, id: &str) -> bool {
        let mut tx = self.base.begin(self.tenant).await;
        tx.issue(Some(self.instance), id).await.unwrap().is_some()
    }

    async fn missing_since(&self, since: DateTime<Utc>) -> Vec<String> {
        let mut tx = self.base.begin(self.tenant).await;
        let mut missing = tx.missing_since(self.instance, &["1", "2", "3"], since).await.unwrap();
        missing.sort();
        missing
    }
}

#[tokio::test]
async fn a_page_from_before_a_deletion_does_not_bring_the_issue_back() {
    let site = Site::create().await;
    let stored = issue(1, "PAY-1");
    let edited = changed(&stored, 5, |bundle| bundle.issue.summary = "Edited before it was deleted".into());
    assert!(site.read(&stored, BEFORE).await);
    site.gone("1").await;
    assert!(!site.read(&stored, BEFORE).await);
    assert!(!site.read(&edited, BEFORE).await, "not even in a state that is newer than the stored one");
    assert!(!site.is_present("1").await);
    assert!(site.read(&edited, AFTER).await, "restored, and read after that");
    assert!(site.is_present("1").await);
    site.base.remove().await;
}

#[tokio::test]
async fn an_issue_that_was_deleted_before_it_was_ever_stored_stays_away() {
    let site = Site::create().await;
    site.gone("2").await;
    assert!(!site.read(&issue(2, "PAY-2"), BEFORE).await);
    assert!(!site.is_present("2").await);
    assert!(site.read(&issue(2, "PAY-2"), AFTER).await);
    assert!(site.is_present("2").await);
    site.base.remove().await;
}

#[tokio::test]
async fn an_issue_that_was_seen_after_it_was_missing_is_not_looked_for_again() {
    let site = Site::create().await;
    site.gone("2").await;
    assert_eq!(site.missing_since(at(BEFORE)).await, ["2"]);
    assert!(site.read(&issue(2, "PAY-2"), AFTER).await);
    assert!(site.missing_since(at(BEFORE)).await.is_empty(), "pages bring its changes as those of any other");
    site.base.remove().await;
}

/// The other side of the race: the page is not committed yet when the issue is found missing.
#[tokio::test]
async fn finding_an_issue_missing_waits_for_the_page_that_brings_it() {
    let site = Site::create().await;
    let mut page = site.base.begin(site.tenant).await;
    let bundle = IssueBundle { read_at: Some(at(BEFORE)), ..issue(3, "PAY-3") };
    assert_eq!(page.upsert_issues(site.instance, &[bundle]).await.unwrap().issues, 1);
    let ((), ()) = tokio::join!(site.gone("3"), async {
        // The other one is at the lock by now, or will find the row: both must end well.
        tokio::task::yield_now().await;
        page.commit().await.unwrap();
    });
    assert!(!site.is_present("3").await);
    site.base.remove().await;
}

#[tokio::test]
async fn of_two_readings_of_the_same_change_the_later_one_stays() {
    let site = Site::create().await;
    let renamed = changed(&issue(1, "PAY-1"), 0, |bundle| bundle.issue.status = "Doing".into());
    assert!(site.read(&renamed, 10).await);
    assert!(!site.read(&issue(1, "PAY-1"), 9).await);
    assert!(site.read(&issue(1, "PAY-1"), 11).await);
    site.base.remove().await;
}

#[tokio::test]
async fn what_was_found_missing_lately_is_known() {
    let site = Site::create().await;
    site.read(&issue(1, "PAY-1"), BEFORE).await;
    site.gone("1").await;
    site.gone("2").await;
    assert_eq!(site.missing_since(at(BEFORE)).await, ["1", "2"]);
    assert!(site.missing_since(at(AFTER)).await.is_empty());
    site.base.remove().await;
}

#[tokio::test]
async fn keys_that_a_history_names_lead_to_the_issue() {
    let site = Site::create().await;
    let moved = changed(&issue(1, "PAY-1"), 0, |bundle| {
        bundle.histories = vec![
            history(31, 1, vec![item("Key", Some(("", "OLD-7")), Some(("", "OLD-8")))]),
            history(32, 2, vec![item("Key", Some(("", "OLD-8")), Some(("", "PAY-1")))]),
            history(33, 3, vec![item("summary", Some(("", "OPS-1")), Some(("", "OPS-2")))]),
            history(34, 4, vec![item("Key", Some(("", "not a key")), None)]),
        ];
    });
    site.read(&moved, 5).await;
    for key in ["PAY-1", "OLD-7", "OLD-8"] {
        assert!(site.is_present(key).await, "{key}");
    }
    assert!(!site.is_present("OPS-1").await);
    site.base.remove().await;
}
