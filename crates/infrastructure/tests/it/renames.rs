//! What a change of reference data changes of issues that Jira does not serve again.

use application::{Error, issues::IssueBundle, reference::ReferenceRecords};
use domain::ids::{InstanceId, TenantId};

use crate::{
    bundles::{changed, issue, project, status},
    database::TestDatabase,
};

async fn put(base: &TestDatabase, tenant: TenantId, instance: InstanceId, records: ReferenceRecords) {
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &records, true).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_status_that_changes_category_takes_its_issues_along() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let elsewhere = changed(&issue(2, "PAY-2"), 0, |bundle| {
        bundle.issue.status_id = "7".into();
        bundle.reference.statuses = vec![status("7", "Waiting", "new")];
    });
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[issue(1, "PAY-1"), elsewhere]).await.unwrap();
    tx.commit().await.unwrap();

    let moved = ReferenceRecords { statuses: vec![status("1", "To Do", "done")], ..Default::default() };
    put(&base, tenant, instance, moved).await;
    let mut tx = base.begin(tenant).await;
    let mut category = async |key: &str| tx.issue(None, key).await.unwrap().unwrap().status_category;
    assert_eq!(category("PAY-1").await, "done");
    assert_eq!(category("PAY-2").await, "new");
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_project_that_changes_its_key_gives_its_issues_new_ones_and_the_old_ones_still_answer() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let page = [issue(1, "PAY-1"), issue(7, "PAY-7"), issue(8, "OPS-8")];
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.commit().await.unwrap();

    let renamed = application::reference::ProjectRecord { key: "BILL".into(), ..project("PAY") };
    put(&base, tenant, instance, ReferenceRecords { projects: vec![renamed], ..Default::default() }).await;
    let mut tx = base.begin(tenant).await;
    for (asked, key) in [("BILL-7", "BILL-7"), ("PAY-7", "BILL-7"), ("1", "BILL-1"), ("OPS-8", "OPS-8")] {
        assert_eq!(tx.issue(None, asked).await.unwrap().unwrap().key, key, "{asked}");
    }
    drop(tx);

    // An issue that is read again shows the same.
    let mut tx = base.begin(tenant).await;
    let again = changed(&issue(7, "BILL-7"), 5, |bundle| {
        bundle.issue.project_jira_id.clone_from(&page[1].issue.project_jira_id);
        bundle.reference.projects.clear();
    });
    assert_eq!(tx.upsert_issues(instance, &[again]).await.unwrap().issues, 1);
    assert_eq!(tx.issue(None, "PAY-7").await.unwrap().unwrap().key, "BILL-7");
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn issues_of_a_project_that_had_the_key_before_make_way() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let page = [issue(1, "PAY-1"), issue(2, "BILL-1"), issue(3, "BILL-2")];
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.commit().await.unwrap();

    let former = application::reference::ProjectRecord { key: "OLD".into(), ..project("BILL") };
    let renamed = application::reference::ProjectRecord { key: "BILL".into(), ..project("PAY") };
    // BILL is gone from the site, or has another key: both are one roster.
    put(&base, tenant, instance, ReferenceRecords { projects: vec![former, renamed], ..Default::default() })
        .await;
    let mut tx = base.begin(tenant).await;
    for (asked, id) in [("BILL-1", "1"), ("OLD-1", "2"), ("BILL-2", "3")] {
        assert_eq!(tx.issue(None, asked).await.unwrap().unwrap().jira_id, id, "{asked}");
    }
    // An issue of yet another project was read under a key that PAY's issue has from now on.
    let stray = changed(&issue(9, "NEW-1"), 0, |bundle| {
        bundle.issue.project_jira_id = "99".into();
        bundle.reference.projects.clear();
    });
    tx.upsert_issues(instance, &[stray]).await.unwrap();
    tx.commit().await.unwrap();
    let again = application::reference::ProjectRecord { key: "NEW".into(), ..project("PAY") };
    put(&base, tenant, instance, ReferenceRecords { projects: vec![again], ..Default::default() }).await;
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.issue(None, "NEW-1").await.unwrap().unwrap().jira_id, "1");
    drop(tx);
    base.remove().await;
}

/// A mirror with `PAY-1` and `PAY-2`, and the second one as the site shows it later: under the key that the first one gets when
/// the project is renamed. Its id is 2.
async fn heir_of_a_key(base: &TestDatabase) -> (TenantId, InstanceId, IssueBundle) {
    let (tenant, instance) = base.mirror().await;
    let page = [issue(1, "PAY-1"), issue(2, "PAY-2")];
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.commit().await.unwrap();
    let heir = changed(&page[1], 5, |bundle| {
        bundle.issue.key = "BILL-1".parse().unwrap();
        bundle.reference.projects.clear();
    });
    (tenant, instance, heir)
}

fn renamed_to_bill() -> application::reference::ProjectRecord {
    application::reference::ProjectRecord { key: "BILL".into(), ..project("PAY") }
}

async fn assert_that_the_heir_has_the_key(base: &TestDatabase, tenant: TenantId) {
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.issue(None, "BILL-1").await.unwrap().unwrap().jira_id, "2");
    assert!(tx.issue(None, "1").await.unwrap().is_none(), "where it is, a look at it will tell");
}

#[tokio::test]
async fn an_issue_that_was_shown_under_the_new_key_before_its_project_keeps_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance, heir) = heir_of_a_key(&base).await;
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[heir]).await.unwrap();
    tx.commit().await.unwrap();
    // The list of projects follows later, from a cache of the site.
    put(
        &base,
        tenant,
        instance,
        ReferenceRecords { projects: vec![renamed_to_bill()], ..Default::default() },
    )
    .await;
    assert_that_the_heir_has_the_key(&base, tenant).await;
    base.remove().await;
}

#[tokio::test]
async fn an_issue_that_brings_the_new_key_of_its_project_makes_the_former_holder_give_way() {
    let base = TestDatabase::create().await;
    let (tenant, instance, heir) = heir_of_a_key(&base).await;
    // Nobody has the key yet when the page begins: it is the page itself that renames.
    let heir = changed(&heir, 5, |bundle| bundle.reference.projects = vec![renamed_to_bill()]);
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[heir]).await.unwrap();
    tx.commit().await.unwrap();
    assert_that_the_heir_has_the_key(&base, tenant).await;
    base.remove().await;
}

#[tokio::test]
async fn of_two_writers_that_give_one_key_to_two_issues_the_second_is_asked_to_try_again() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let page = [issue(1, "PAY-1"), issue(2, "PAY-2")];
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.commit().await.unwrap();
    let claim = |bundle| {
        changed(bundle, 5, |bundle| {
            bundle.issue.key = "PAY-9".parse().unwrap();
            bundle.reference = ReferenceRecords::default();
        })
    };
    let (mut one, mut two) = (base.begin(tenant).await, base.begin(tenant).await);
    one.upsert_issues(instance, &[claim(&page[0])]).await.unwrap();
    two.upsert_issues(instance, &[claim(&page[1])]).await.unwrap();
    one.commit().await.unwrap();
    let error = two.commit().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");

    let mut again = base.begin(tenant).await;
    again.upsert_issues(instance, &[claim(&page[1])]).await.unwrap();
    again.commit().await.unwrap();
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.issue(None, "PAY-9").await.unwrap().unwrap().jira_id, "2");
    drop(tx);
    base.remove().await;
}
