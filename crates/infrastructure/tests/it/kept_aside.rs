//! What a table cannot hold stops nobody else.

use application::{
    issues::{IssueBundle, UpsertCounts},
    reference::OptionRecord,
};
use serde_json::json;
use sqlx::Row;

use crate::{
    bundles::{changed, history, issue, item},
    database::TestDatabase,
};

fn option(id: &str) -> OptionRecord {
    OptionRecord {
        field_key: "customfield_1".into(),
        jira_id: id.into(),
        context_id: None,
        parent_id: None,
        value: "EU".into(),
        sequence: None,
        disabled: false,
        raw: json!({"id": id, "value": "EU"}),
    }
}

async fn store(
    base: &TestDatabase,
    page: &[IssueBundle],
) -> (UpsertCounts, Vec<String>, Vec<(String, String)>) {
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let counts = tx.upsert_issues(instance, page).await.unwrap();
    tx.commit().await.unwrap();
    let mut admin = base.superuser().await;
    let keys = sqlx::query_scalar("SELECT key FROM issues ORDER BY jira_number")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    let aside = sqlx::query("SELECT jira_id, reason FROM sync_rejects ORDER BY jira_id")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    (counts, keys, aside.iter().map(|row| (row.get(0), row.get(1))).collect())
}

#[tokio::test]
async fn issues_that_no_table_can_hold_are_kept_aside_and_the_rest_of_the_page_is_stored() {
    let base = TestDatabase::create().await;
    let page: Vec<_> = (1..=9)
        .map(|id| {
            changed(&issue(id, &format!("PAY-{id}")), 0, |bundle| match id {
                // A value longer than its column, and one that no index row can hold.
                3 => bundle.issue.status_id = "x".repeat(51),
                8 => bundle.reference.options = vec![option(&random_text(9000))],
                _ => {}
            })
        })
        .collect();
    let (counts, keys, aside) = store(&base, &page).await;
    assert_eq!((counts.issues, counts.rejected), (7, 2));
    assert_eq!(keys, ["PAY-1", "PAY-2", "PAY-4", "PAY-5", "PAY-6", "PAY-7", "PAY-9"]);
    let ids: Vec<_> = aside.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["3", "8"]);
    assert!(aside[0].1.contains("value too long"), "{aside:?}");
    assert!(aside[1].1.contains("index row"), "{aside:?}");
    base.remove().await;
}

#[tokio::test]
async fn an_option_of_an_app_may_have_a_long_id() {
    let base = TestDatabase::create().await;
    let id = format!("ari:cloud:cmdb::object/{}", "0".repeat(100));
    let page = [changed(&issue(1, "PAY-1"), 0, |bundle| bundle.reference.options = vec![option(&id)])];
    let (counts, keys, aside) = store(&base, &page).await;
    assert_eq!((counts.issues, counts.rejected), (1, 0), "{aside:?}");
    assert_eq!(keys, ["PAY-1"]);
    let mut admin = base.superuser().await;
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT jira_id FROM field_options").fetch_all(&mut admin).await.unwrap();
    assert_eq!(stored, [id]);
    base.remove().await;
}

#[tokio::test]
async fn a_change_of_a_field_called_sprint_may_be_of_any_length() {
    let base = TestDatabase::create().await;
    let long = random_text(9000);
    let change = item("Sprint", Some(("", "")), Some((&long, "many")));
    let page =
        [changed(&issue(1, "PAY-1"), 0, |bundle| bundle.histories = vec![history(31, 1, vec![change])])];
    let (counts, _, aside) = store(&base, &page).await;
    assert_eq!((counts.changelog_items, counts.rejected), (1, 0), "{aside:?}");
    base.remove().await;
}

/// Text that does not shrink when PostgreSQL compresses it.
fn random_text(length: usize) -> String {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}
