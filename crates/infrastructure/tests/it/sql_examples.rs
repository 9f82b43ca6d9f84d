//! The SQL door's documentation: each example of docs/sql.md is answered, each view and column is explained, and the guard and
//! the page know the same views.

use application::{
    TenantContext,
    erasure::ErasedPeople,
    ingest::{FieldRoles, Reader, read_issue, read_rosters, sniff_dialect},
    ports::{Database, FetchedIssue, ReferenceData, SqlLimits},
};
use domain::{
    generator,
    ids::{InstanceId, TenantId},
};
use infrastructure::crypto::{Keyring, MasterKey};

use crate::database::TestDatabase;

const PAGE: &str = include_str!("../../../../docs/sql.md");

fn examples() -> impl Iterator<Item = &'static str> {
    PAGE.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next())
}

/// Stores a generated site.
async fn fill(base: &TestDatabase, tenant: TenantId, instance: InstanceId) {
    let keyring = Keyring::new(MasterKey::generate(), Vec::new());
    let options = generator::Options {
        issues: 300,
        seed: 11,
        now: chrono::DateTime::from(std::time::SystemTime::now()),
        base_url: "https://site.example".into(),
    };
    let site = generator::site(&options);
    let roles = FieldRoles::from_fields(&site.fields);
    let projects = site.projects.into_iter().chain(site.users).collect();
    let reference =
        ReferenceData { projects, fields: site.fields, statuses: site.statuses, ..Default::default() };
    let erased = ErasedPeople::default();
    let bundles: Vec<_> = generator::issues(&options)
        .map(|raw| {
            let reader = Reader::new(sniff_dialect(&raw), &roles, &keyring, &erased);
            read_issue(&reader, FetchedIssue { raw, comments_complete: true, worklogs_complete: true })
                .unwrap()
        })
        .collect();
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &read_rosters(reference, &keyring, &ErasedPeople::default()), true)
        .await
        .unwrap();
    tx.upsert_issues(instance, &bundles).await.unwrap();
    tx.commit().await.unwrap();
    base.refresh_metrics().await;
}

#[tokio::test]
async fn every_example_of_the_documentation_is_answered() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    fill(&base, tenant, instance).await;
    let mut asked = 0;
    for example in examples() {
        let answer = base.db.ask(&TenantContext::whole(tenant), example, SqlLimits::default()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert!(!answer.rows.is_empty(), "an example without an answer shows nothing:\n{example}");
        asked += 1;
    }
    assert!(asked > 12, "{asked} examples");
    base.remove().await;
}

#[tokio::test]
async fn every_view_and_function_is_explained_on_the_page_and_in_the_database_and_let_through() {
    let base = TestDatabase::create().await;
    let (tenant, _) = base.mirror().await;
    let mut admin = base.superuser().await;
    let silent: Vec<String> = sqlx::query_scalar(
        "SELECT format('%s.%s', c.relname, a.attname) FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         WHERE c.relnamespace = 'jira'::regnamespace AND c.relkind = 'v'
           AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL)
         UNION ALL
         SELECT p.proname::text FROM pg_proc p
         WHERE p.pronamespace = 'jira'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert_eq!(silent, Vec::<String>::new(), "without a comment");

    let views: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'jira'::regnamespace AND relkind = 'v'",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    for view in views {
        assert!(PAGE.contains(&format!("`jira.{view}`")), "{view} is not on the page");
        let asked = base
            .db
            .ask(&TenantContext::whole(tenant), &format!("SELECT * FROM jira.{view}"), SqlLimits::default())
            .await;
        assert!(asked.is_ok(), "{view}: {asked:?}");
    }
    let functions: Vec<(String, i32, Vec<String>)> = sqlx::query_as(
        "SELECT proname::text, pronargs::int4, proargnames[pronargs + 1:] FROM pg_proc WHERE pronamespace = 'jira'::regnamespace",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    for (function, inputs, columns) in functions {
        assert!(PAGE.contains(&format!("jira.{function}(")), "{function} is not on the page");
        let arguments = if inputs == 2 { "'PAY-1'" } else { "'PAY-1', now()" };
        // Each column by the function's name, as the guard has to know them.
        let columns: Vec<_> = columns.iter().map(|column| format!("f.{column}")).collect();
        let sql = format!("SELECT {} FROM jira.{function}({arguments}) f", columns.join(", "));
        let asked = base.db.ask(&TenantContext::whole(tenant), &sql, SqlLimits::default()).await;
        assert!(asked.is_ok(), "{sql}: {asked:?}");
    }
    base.remove().await;
}

#[tokio::test]
async fn the_past_is_found_by_old_keys_and_at_the_named_instance() {
    use crate::bundles::{at, changed, issue};
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.instance(tenant, "other", application::instances::InstanceKind::Cloud).await;
    let mut tx = base.begin(tenant).await;
    let first = issue(1, "PAY-1");
    tx.upsert_issues(instance, std::slice::from_ref(&first)).await.unwrap();
    tx.upsert_issues(other, &[issue(7, "OPS-7")]).await.unwrap();
    // Moved: PAY-1 becomes an old key.
    let moved = changed(&first, 5, |bundle| bundle.issue.key = "OPS-7".parse().unwrap());
    tx.upsert_issues(instance, &[moved]).await.unwrap();
    tx.commit().await.unwrap();
    let ask = async |sql: &str| {
        base.db.ask(&TenantContext::whole(tenant), sql, SqlLimits::default()).await.unwrap().rows
    };
    let keys = "SELECT instance, issue FROM jira.issue_at(KEY, now()) WHERE field_id = 'issuekey' ORDER BY 1";
    let both = serde_json::json!([["main", "OPS-7"], ["other", "OPS-7"]]);
    assert_eq!(serde_json::json!(ask(&keys.replace("KEY", "'ops-7'")).await), both);
    let old = ask(&keys.replace("KEY", "'PAY-1'")).await;
    assert_eq!(serde_json::json!(old), serde_json::json!([["main", "OPS-7"]]));
    let named = "SELECT count(*) FROM jira.time_in_status_at('OPS-7', now(), 'other')";
    assert_eq!(serde_json::json!(ask(named).await), serde_json::json!([[1]]));
    let early = format!("SELECT * FROM jira.issue_at('OPS-7', '{}')", at(-1).to_rfc3339());
    assert!(ask(&early).await.is_empty());
    // A live key wins over an old one.
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[issue(2, "PAY-1")]).await.unwrap();
    tx.commit().await.unwrap();
    let live = ask(
        "SELECT i.id FROM jira.field_history('PAY-1') h JOIN jira.issues i ON i.key = h.issue GROUP BY 1",
    )
    .await;
    assert_eq!(serde_json::json!(live), serde_json::json!([["2"]]));
    base.remove().await;
}
