//! More issues than a list of ids is made of: pages are found by walking, or by comparing lists, and are the same.

use std::collections::BTreeSet;

use application::search::SearchStart;
use sqlx::{AssertSqlSafe, Executor};

use super::site::Site;

/// More than twice the ids that are taken as a list, and more than are walked through.
const ISSUES: u32 = 25_000;

/// Issues BIG-1 .. BIG-25000, each updated a minute after the one before. By number n:
/// Team is "Blue" where n is even and "Red" otherwise, Size is n % 100 where n is a multiple of 4, the label `old` is on the
/// first 11,000, `rare` on multiples of 1,000, and the summary says "error" unless n is a multiple of 3.
async fn fill(site: &Site) {
    let (tenant, instance) = (site.tenant, site.instance);
    let fill = format!(
        "SET session_replication_role = replica;
         INSERT INTO projects (tenant_id, id, instance_id, jira_id, key, name)
         VALUES ('{tenant}', md5('big')::uuid, '{instance}', '900', 'BIG', 'Big');
         INSERT INTO issues (tenant_id, id, instance_id, jira_id, jira_number, key, key_project, key_number, project_id,
                             status, status_id, status_category, summary, created_at, updated_at, raw_jsonb, raw_dialect,
                             source_hash, jira_updated_at)
         SELECT '{tenant}', md5(n::text)::uuid, '{instance}', n, n, 'BIG-' || n, 'BIG', n, md5('big')::uuid,
                'To Do', '1', 'new', CASE WHEN n % 3 = 0 THEN 'fine' ELSE 'an error' END,
                '2025-01-01'::timestamptz + n * interval '1 minute', '2025-01-01'::timestamptz + n * interval '1 minute',
                '{{}}', 'v3', '', now()
         FROM generate_series(1, {ISSUES}) n;
         INSERT INTO issue_field_values (tenant_id, issue_id, field_id, ordinal, value_text, value_key, value_number)
         SELECT '{tenant}', md5(n::text)::uuid, field, 0, value, lower(value), number
         FROM generate_series(1, {ISSUES}) n
         CROSS JOIN LATERAL (VALUES
             ('customfield_10030', CASE WHEN n % 2 = 0 THEN 'Blue' ELSE 'Red' END, NULL, true),
             ('customfield_10036', (n % 100)::text, n % 100, n % 4 = 0),
             ('labels', CASE WHEN n % 1000 = 0 THEN 'rare' WHEN n <= 11000 THEN 'old' END, NULL,
              n % 1000 = 0 OR n <= 11000)) AS v (field, value, number, has)
         WHERE has;"
    );
    let mut superuser = site.database.superuser().await;
    superuser.execute(AssertSqlSafe(fill)).await.unwrap();
}

fn expected(meets: impl Fn(u32) -> bool) -> Vec<String> {
    (1..=ISSUES).rev().filter(|n| meets(*n)).map(|n| format!("BIG-{n}")).collect()
}

/// Three pages one behind the other, one by its offset, and the total.
async fn check(site: &Site, jql: &str, meets: impl Fn(u32) -> bool) {
    const PAGE: usize = 40;
    let expected = expected(meets);
    let mut request = site.request(&format!("{jql} ORDER BY updated DESC"));
    request.instance = Some(site.instance);
    request.limit = u32::try_from(PAGE).unwrap();
    request.with_total = true;
    let mut found = Vec::new();
    for _ in 0..3 {
        let page = site.search(&request).await.unwrap();
        assert_eq!(page.total, Some(expected.len() as u64), "{jql}");
        found.extend(page.issues.into_iter().map(|issue| issue.key));
        let Some(next) = page.next else { break };
        request.start = SearchStart::After(next);
    }
    assert_eq!(found, expected[..expected.len().min(3 * PAGE)], "{jql}");
    let offset = expected.len().saturating_sub(7);
    request.start = SearchStart::Offset(offset as u64);
    let page = site.search(&request).await.unwrap();
    let found: Vec<_> = page.issues.into_iter().map(|issue| issue.key).collect();
    assert_eq!(found, expected[offset..], "{jql} from {offset}");
    assert_eq!(page.next, None, "{jql}");
}

#[tokio::test]
async fn pages_are_the_same_however_many_there_are() {
    let site = Site::empty().await;
    fill(&site).await;
    // Many, everywhere: by walking.
    check(&site, "Team = blue", |n| n % 2 == 0).await;
    check(&site, "Team != blue", |n| n % 2 == 1).await;
    check(&site, "Team is not empty", |_| true).await;
    check(&site, "text ~ error", |n| n % 3 != 0).await;
    check(&site, "summary ~ error AND Team = red", |n| n % 3 != 0 && n % 2 == 1).await;
    // Many, but all of them far behind: by comparing lists.
    check(&site, "labels = old", |n| n <= 11_000 && n % 1_000 != 0).await;
    check(&site, "labels = old AND Team = Blue", |n| n <= 11_000 && n % 1_000 != 0 && n % 2 == 0).await;
    // Few: by a list of ids.
    check(&site, "labels = rare", |n| n % 1_000 == 0).await;
    check(&site, "labels = rare AND Team = Blue AND text ~ error", |n| n % 1_000 == 0 && n % 3 != 0).await;
    check(&site, "'Size[Number]' > 90", |n| n % 4 == 0 && n % 100 > 90).await;
    check(&site, "'Size[Number]' in (8, 92)", |n| [8, 92].contains(&(n % 100))).await;
    check(&site, "'Size[Number]' is not empty AND labels is empty", |n| {
        n % 4 == 0 && n > 11_000 && n % 1_000 != 0
    })
    .await;
    check(&site, "'Size[Number]' = 7", |_| false).await;
    site.database.remove().await;
}

/// Another order than the issues' own, which nothing can walk in.
#[tokio::test]
async fn many_are_sorted_by_what_other_tables_have() {
    let site = Site::empty().await;
    fill(&site).await;
    let mut request = site.request("Team = blue ORDER BY 'Size[Number]' DESC, key DESC");
    request.limit = 250;
    let page = site.search(&request).await.unwrap();
    let found: BTreeSet<String> = page.issues.into_iter().map(|issue| issue.key).collect();
    assert_eq!(found, expected(|n| n % 100 == 96).into_iter().collect());
    site.database.remove().await;
}
