//! Storing again what is stored already: nothing is written, not even a lock.

use std::collections::BTreeMap;

use application::{
    erasure::ErasedPeople,
    ingest::FieldRoles,
    instances::InstanceKind,
    issues::{IssueBundle, UpsertCounts},
    sandbox::read_batch,
};
use domain::{
    generator,
    ids::{InstanceId, TenantId},
};
use infrastructure::crypto::{Keyring, MasterKey};
use sqlx::{AssertSqlSafe, Row};

use crate::database::TestDatabase;

const ISSUES: u64 = 300;

/// A generated site, as a sync reads it: every list complete.
fn site() -> Vec<IssueBundle> {
    let now = "2026-11-22T10:00:00Z".parse().unwrap();
    let options = generator::Options { issues: ISSUES, seed: 3, now, base_url: "http://127.0.0.1:1".into() };
    let fields = generator::site(&options).fields;
    let folder = tempdir();
    let key = MasterKey::load_or_create(&folder.join("master.key")).unwrap();
    let keys = Keyring::new(key, Vec::new());
    let batch = read_batch(
        &FieldRoles::from_fields(&fields),
        &ErasedPeople::default(),
        &keys,
        generator::issues(&options),
    );
    assert_eq!(batch.rejected, []);
    let mut bundles = batch.bundles;
    for bundle in &mut bundles {
        (bundle.comments_complete, bundle.worklogs_complete) = (true, true);
    }
    bundles
}

fn tempdir() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("forebay-resync-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn store(
    base: &TestDatabase,
    (tenant, instance): (TenantId, InstanceId),
    page: &[IssueBundle],
) -> UpsertCounts {
    let mut tx = base.begin(tenant).await;
    let counts = tx.upsert_issues(instance, page).await.unwrap();
    tx.commit().await.unwrap();
    counts
}

/// Every row of every table with tenant data: where it lies, who wrote it, who deleted or locked it.
async fn rows(base: &TestDatabase) -> BTreeMap<String, String> {
    let mut connection = base.superuser().await;
    let tables = sqlx::query_scalar::<_, String>(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
         WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut rows = BTreeMap::new();
    for table in tables {
        let sql = format!("SELECT ctid::text, xmin::text || ' ' || xmax::text FROM {table}");
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap() {
            rows.insert(format!("{table} {}", row.get::<String, _>(0)), row.get(1));
        }
    }
    rows
}

#[tokio::test]
async fn a_page_that_is_stored_as_it_is_leaves_every_row_alone() {
    let base = TestDatabase::create().await;
    let whom = base.mirror().await;
    let page = site();
    let first = store(&base, whom, &page).await;
    assert_eq!(first.issues, ISSUES);
    assert!(first.comments > 2 * ISSUES && first.changelog_items > 8 * ISSUES, "{first:?}");
    let before = rows(&base).await;
    assert!(before.len() as u64 > 15 * ISSUES, "{} rows", before.len());
    assert_eq!(store(&base, whom, &page).await, UpsertCounts::default());
    let (left, right) = page.split_at(100);
    assert_eq!(store(&base, whom, right).await, UpsertCounts::default());
    assert_eq!(store(&base, whom, left).await, UpsertCounts::default());
    assert_eq!(rows(&base).await, before);
    base.remove().await;
}

#[tokio::test]
async fn a_page_in_which_one_comment_changed_writes_that_comment() {
    let base = TestDatabase::create().await;
    let whom = base.mirror().await;
    let mut page = site();
    store(&base, whom, &page).await;
    let before = rows(&base).await;
    let comment = page.iter_mut().find_map(|bundle| bundle.comments.last_mut()).unwrap();
    comment.body_text = "Edited without a word in the issue".into();
    comment.source_hash = vec![1; 32];
    let counts = store(&base, whom, &page).await;
    assert_eq!(counts, UpsertCounts { comments: 1, ..UpsertCounts::default() });
    let after = rows(&base).await;
    let mut touched: Vec<&str> = after
        .iter()
        .filter(|(place, writer)| before.get(*place) != Some(writer))
        .map(|(place, _)| place.split(' ').next().unwrap())
        .collect();
    touched.dedup();
    // The comment, and the issue that was locked meanwhile.
    assert_eq!(touched, ["comments", "issues"]);
    base.remove().await;
}

/// Whether a site arrives in pages of 300, 100 or 7, the same rows are stored.
#[tokio::test]
async fn the_size_of_pages_does_not_show_in_what_is_stored() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let page = site();
    let mut contents = Vec::new();
    for (name, size) in [("whole", 300), ("parts", 100), ("small", 7)] {
        let instance = base.instance(tenant, name, InstanceKind::Cloud).await;
        for part in page.chunks(size) {
            store(&base, (tenant, instance), part).await;
        }
        contents.push(read_back(&base, tenant, instance, &page).await);
    }
    assert_eq!(contents[0], contents[1]);
    assert_eq!(contents[0], contents[2]);
    base.remove().await;
}

/// What the stores answer is what was put in, but for the comment's order.
async fn read_back(
    base: &TestDatabase,
    tenant: TenantId,
    instance: InstanceId,
    page: &[IssueBundle],
) -> Vec<serde_json::Value> {
    let mut tx = base.begin(tenant).await;
    let mut all = Vec::new();
    for bundle in page {
        let id = [instance.issue(&bundle.issue.jira_id)];
        let issue = tx.issue(Some(instance), &bundle.issue.jira_id).await.unwrap().unwrap();
        assert_eq!(issue.raw, bundle.issue.raw.value().unwrap());
        let comments: Vec<_> = tx.comments(&id).await.unwrap().into_iter().map(|row| row.raw).collect();
        assert_eq!(comments, bundle.comments.iter().map(|row| row.whole().unwrap()).collect::<Vec<_>>());
        let worklogs: Vec<_> = tx.worklogs(&id).await.unwrap().into_iter().map(|row| row.raw).collect();
        assert_eq!(worklogs.len(), bundle.worklogs.len());
        assert!(bundle.worklogs.iter().all(|row| worklogs.contains(&row.head.value().unwrap())));
        let histories: Vec<_> = tx.histories(&id).await.unwrap().into_iter().map(|row| row.raw).collect();
        assert_eq!(histories.len(), bundle.histories.len());
        for history in &bundle.histories {
            let raw = history.whole().unwrap();
            assert!(histories.contains(&raw), "{raw}");
        }
        all.push(issue.raw);
        all.extend(comments.into_iter().chain(worklogs).chain(histories));
    }
    all
}
