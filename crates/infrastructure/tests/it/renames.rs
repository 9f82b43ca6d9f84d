//! What a change of reference data changes of issues that Jira does not serve again.

use application::reference::ReferenceRecords;
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
