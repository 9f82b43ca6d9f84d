//! Storing pages of issues.

use application::{
    Error,
    instances::InstanceKind,
    issues::{IssueBundle, Presence, UpsertCounts},
    reference::FieldValueRecord,
};
use domain::ids::{InstanceId, IssueId, TenantId};
use infrastructure::postgres::roles;
use serde_json::json;
use sqlx::{Executor, Row};

use crate::{
    bundles::{
        at, blocks, changed, comment, head, history, issue, item, status_change, with_member, worklog,
    },
    database::TestDatabase,
};

pub struct Mirror {
    pub base: TestDatabase,
    pub tenant: TenantId,
    pub instance: InstanceId,
}

impl Mirror {
    pub async fn new() -> Self {
        let base = TestDatabase::create().await;
        let (tenant, instance) = base.mirror().await;
        Self { base, tenant, instance }
    }

    pub async fn store(&self, page: &[IssueBundle]) -> UpsertCounts {
        let mut tx = self.base.begin(self.tenant).await;
        let counts = tx.upsert_issues(self.instance, page).await.unwrap();
        tx.commit().await.unwrap();
        counts
    }

    /// The numeric id of the issue that answers to this key.
    async fn id_of(&self, key: &str) -> Option<String> {
        let mut tx = self.base.begin(self.tenant).await;
        tx.issue(Some(self.instance), key).await.unwrap().map(|row| row.jira_id)
    }

    fn id(&self, bundle: &IssueBundle) -> IssueId {
        self.instance.issue(&bundle.issue.jira_id)
    }

    async fn comments(&self, bundle: &IssueBundle) -> Vec<String> {
        let mut tx = self.base.begin(self.tenant).await;
        let rows = tx.comments(&[self.id(bundle)]).await.unwrap();
        rows.into_iter().map(|row| row.body_text).collect()
    }

    /// Rows of one text column, as a superuser sees them.
    pub async fn column(&self, sql: &'static str) -> Vec<String> {
        let mut connection = self.base.superuser().await;
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| row.get::<Option<String>, _>(0).unwrap_or_default()).collect()
    }
}

/// An issue with one of everything.
fn full() -> IssueBundle {
    let other = issue(2, "PAY-2");
    changed(&issue(1, "PAY-1"), 0, |bundle| {
        bundle.comments = vec![comment(11, "first", 1), comment(12, "second", 2)];
        bundle.worklogs = vec![worklog(21, 3600, 1)];
        bundle.histories = vec![
            status_change(31, 1, ("1", "To Do"), ("3", "In Progress")),
            history(
                32,
                2,
                vec![item("labels", None, Some(("", "a"))), item("labels", None, Some(("", "b")))],
            ),
            history(33, 3, Vec::new()),
        ];
        bundle.links = vec![blocks(41, &issue(1, "PAY-1"), &other)];
        bundle.values = vec![FieldValueRecord {
            field_id: "labels".into(),
            ordinal: 0,
            text: Some("Backend".into()),
            ..Default::default()
        }];
    })
}

#[tokio::test]
async fn what_is_stored_is_read_back_and_storing_it_again_changes_nothing() {
    let mirror = Mirror::new().await;
    let page = [full(), issue(2, "PAY-2")];
    let first = mirror.store(&page).await;
    assert_eq!(first, UpsertCounts { issues: 2, comments: 2, changelog_items: 3, worklogs: 1, rejected: 0 });

    let mut tx = mirror.base.begin(mirror.tenant).await;
    let row = tx.issue(None, "pay-1").await.unwrap().unwrap();
    assert_eq!((row.key.as_str(), row.project_key.as_str(), row.instance.as_str()), ("PAY-1", "PAY", "main"));
    assert_eq!((row.assignee.as_deref(), row.reporter.as_deref()), (Some("Ann"), Some("Bob")));
    assert_eq!(row.labels, ["Backend", "urgent, really"]);
    assert_eq!((row.story_points, row.updated), (Some(3.0), at(0)));
    assert_eq!(row.raw, page[0].issue.raw.value().unwrap());
    assert_eq!(tx.issue(None, "1").await.unwrap().unwrap().key, "PAY-1");
    assert_eq!(tx.issue_count(mirror.instance).await.unwrap(), 2);

    let comments = tx.comments(&[row.id]).await.unwrap();
    assert_eq!(comments.iter().map(|c| c.body_text.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    let worklogs = tx.worklogs(&[row.id]).await.unwrap();
    assert_eq!(worklogs[0].raw, json!({"id": "21", "timeSpentSeconds": 3600}));
    let histories = tx.histories(&[row.id]).await.unwrap();
    let items: Vec<_> =
        histories.iter().map(|h| (&h.raw["id"], h.raw["items"].as_array().unwrap().len())).collect();
    assert_eq!(items, [(&json!("31"), 1), (&json!("32"), 2), (&json!("33"), 0)]);
    assert_eq!(histories[1].raw["items"][1]["toString"], "b");
    drop(tx);

    assert_eq!(mirror.store(&page).await, UpsertCounts::default());
    mirror.base.remove().await;
}

#[tokio::test]
async fn issues_that_swapped_keys_in_one_page_keep_their_identity() {
    let mirror = Mirror::new().await;
    let (one, two) = (issue(1, "PAY-1"), issue(2, "PAY-2"));
    mirror.store(&[one.clone(), two.clone()]).await;
    let swapped = [
        changed(&one, 5, |bundle| bundle.issue.key = "PAY-2".parse().unwrap()),
        changed(&two, 5, |bundle| bundle.issue.key = "PAY-1".parse().unwrap()),
    ];
    assert_eq!(mirror.store(&swapped).await.issues, 2);
    // Each key is the other's old one as well: the living key wins.
    assert_eq!(mirror.id_of("PAY-1").await.as_deref(), Some("2"));
    assert_eq!(mirror.id_of("PAY-2").await.as_deref(), Some("1"));
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_moved_issue_answers_to_its_old_key_until_another_issue_has_it() {
    let mirror = Mirror::new().await;
    let moved = issue(1, "PAY-1");
    mirror.store(std::slice::from_ref(&moved)).await;
    mirror.store(&[changed(&moved, 5, |bundle| bundle.issue.key = "OPS-9".parse().unwrap())]).await;
    assert_eq!(mirror.id_of("PAY-1").await.as_deref(), Some("1"));
    assert_eq!(mirror.id_of("OPS-9").await.as_deref(), Some("1"));

    mirror.store(&[issue(7, "PAY-1")]).await;
    assert_eq!(mirror.id_of("PAY-1").await.as_deref(), Some("7"));
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_key_used_again_displaces_its_former_holder_until_somebody_looks_at_it() {
    let mirror = Mirror::new().await;
    let former = issue(1, "PAY-1");
    mirror.store(std::slice::from_ref(&former)).await;
    assert_eq!(mirror.store(&[issue(2, "PAY-1")]).await.issues, 1);
    assert_eq!(mirror.id_of("PAY-1").await.as_deref(), Some("2"));
    assert_eq!(mirror.id_of("1").await, None);
    // Somebody is asked to look, by the same transaction.
    let asked: Vec<String> = sqlx::query_scalar(
        "SELECT h.jira_id FROM issue_hints h JOIN graphile_worker._private_jobs j ON j.key = format('hint:%s:later', h.instance_id)
         WHERE h.due_at > now() AND j.run_at > now()",
    )
    .fetch_all(&mut mirror.base.superuser().await)
    .await
    .unwrap();
    assert_eq!(asked, ["1"]);

    mirror.store(&[changed(&former, 5, |bundle| bundle.issue.key = "PAY-5".parse().unwrap())]).await;
    assert_eq!(mirror.id_of("PAY-5").await.as_deref(), Some("1"));
    mirror.base.remove().await;
}

#[tokio::test]
async fn at_a_sandbox_nobody_is_asked_where_a_displaced_issue_is() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let sandbox = base.instance(tenant, "play", InstanceKind::Sandbox).await;
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(sandbox, &[issue(1, "PAY-1")]).await.unwrap();
    tx.upsert_issues(sandbox, &[issue(2, "PAY-1")]).await.unwrap();
    tx.commit().await.unwrap();
    let sql = "SELECT (SELECT count(*) FROM graphile_worker._private_jobs WHERE key LIKE 'hint:%') + count(*) FROM issue_hints";
    let asked: i64 = sqlx::query_scalar(sql).fetch_one(&mut base.superuser().await).await.unwrap();
    assert_eq!(asked, 0);
    base.remove().await;
}

#[tokio::test]
async fn an_issue_that_its_site_shows_as_archived_is_none_of_the_present_ones() {
    let mirror = Mirror::new().await;
    let shown = issue(1, "PAY-1");
    mirror.store(std::slice::from_ref(&shown)).await;
    let archived = changed(&shown, 1, |bundle| bundle.issue.archived = true);
    // However it is read: by a hint, a poll, or a row that was kept aside.
    assert_eq!(mirror.store(std::slice::from_ref(&archived)).await.issues, 1);
    let presence = async || -> String {
        let sql = "SELECT presence FROM issues WHERE jira_id = '1'";
        sqlx::query_scalar(sql).fetch_one(&mut mirror.base.superuser().await).await.unwrap()
    };
    assert_eq!(presence().await, "archived");
    assert_eq!(
        mirror.store(std::slice::from_ref(&archived)).await,
        UpsertCounts::default(),
        "and stays that"
    );
    mirror.store(&[changed(&shown, 2, |_| {})]).await;
    assert_eq!(presence().await, "present");
    mirror.base.remove().await;
}

#[tokio::test]
async fn of_two_issues_that_claim_one_key_in_a_page_the_newer_one_has_it() {
    let mirror = Mirror::new().await;
    let older = issue(2, "PAY-1");
    let newer = changed(&issue(1, "PAY-1"), 5, |_| {});
    assert_eq!(mirror.store(&[newer.clone(), older.clone()]).await.issues, 2);
    assert_eq!(mirror.id_of("PAY-1").await.as_deref(), Some("1"));
    assert_eq!(mirror.store(&[older, newer]).await.issues, 0);
    mirror.base.remove().await;
}

#[tokio::test]
async fn the_newest_state_wins_within_a_page_and_over_what_is_stored() {
    let mirror = Mirror::new().await;
    let early = changed(&issue(1, "PAY-1"), 1, |bundle| bundle.comments = vec![comment(11, "early", 1)]);
    let late = changed(&issue(1, "PAY-1"), 9, |bundle| {
        bundle.issue.summary = "Late".into();
        bundle.comments = vec![comment(11, "early", 1), comment(12, "late", 9)];
    });
    assert_eq!(mirror.store(&[late.clone(), early.clone()]).await.issues, 1);
    // A page that was read earlier and arrives later must not undo anything, nor delete the newer comment.
    assert_eq!(mirror.store(&[early]).await, UpsertCounts::default());
    let mut tx = mirror.base.begin(mirror.tenant).await;
    assert_eq!(tx.issue(None, "PAY-1").await.unwrap().unwrap().summary, "Late");
    drop(tx);
    assert_eq!(mirror.comments(&late).await, ["early", "late"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_comment_missing_from_a_complete_list_is_gone_and_may_come_back() {
    let mirror = Mirror::new().await;
    let both = full();
    mirror.store(std::slice::from_ref(&both)).await;

    let page_of_comments = changed(&both, 0, |bundle| {
        bundle.comments.truncate(1);
        bundle.comments_complete = false;
    });
    mirror.store(&[page_of_comments]).await;
    assert_eq!(mirror.comments(&both).await, ["first", "second"]);

    let fewer = changed(&both, 0, |bundle| {
        bundle.comments.truncate(1);
        bundle.worklogs.clear();
    });
    assert_eq!(mirror.store(&[fewer]).await, UpsertCounts::default());
    assert_eq!(mirror.comments(&both).await, ["first"]);
    let mut tx = mirror.base.begin(mirror.tenant).await;
    assert!(tx.worklogs(&[mirror.id(&both)]).await.unwrap().is_empty());
    drop(tx);

    let counts = mirror.store(std::slice::from_ref(&both)).await;
    assert_eq!((counts.comments, counts.worklogs), (1, 1));
    assert_eq!(mirror.comments(&both).await, ["first", "second"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn an_edited_comment_is_rewritten_and_an_older_edit_is_not() {
    let mirror = Mirror::new().await;
    let with =
        |text, minute| changed(&issue(1, "PAY-1"), 0, |b| b.comments = vec![comment(11, text, minute)]);
    mirror.store(&[with("draft", 1)]).await;
    assert_eq!(mirror.store(&[with("edited", 2)]).await.comments, 1);
    assert_eq!(mirror.store(&[with("draft", 1)]).await.comments, 0);
    assert_eq!(mirror.comments(&with("", 0)).await, ["edited"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn an_issue_that_was_gone_and_is_seen_again_is_present_even_if_nothing_else_changed() {
    let mirror = Mirror::new().await;
    let bundle = issue(1, "PAY-1");
    mirror.store(std::slice::from_ref(&bundle)).await;
    for presence in [Presence::Deleted, Presence::AccessLost] {
        let mut tx = mirror.base.begin(mirror.tenant).await;
        assert_eq!(tx.set_presence(mirror.instance, &["1".into()], presence).await.unwrap(), 1);
        assert_eq!(tx.set_presence(mirror.instance, &["1".into()], presence).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(mirror.id_of("PAY-1").await, None);
        assert_eq!(mirror.store(std::slice::from_ref(&bundle)).await.issues, 1);
        assert_eq!(mirror.id_of("PAY-1").await.as_deref(), Some("1"));
    }
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_history_is_rewritten_when_its_author_is_anonymised_and_loses_surplus_items() {
    let mirror = Mirror::new().await;
    let bundle = full();
    mirror.store(std::slice::from_ref(&bundle)).await;
    let anonymised = changed(&bundle, 0, |bundle| {
        let history = &mut bundle.histories[1];
        history.author = None;
        history.head = head(json!({"id": "32"}));
        history.items.truncate(1);
    });
    assert_eq!(mirror.store(std::slice::from_ref(&anonymised)).await.changelog_items, 1);
    let mut tx = mirror.base.begin(mirror.tenant).await;
    let histories = tx.histories(&[mirror.id(&bundle)]).await.unwrap();
    assert_eq!(histories.len(), 3);
    assert_eq!(histories[1].raw["author"], json!(null));
    assert_eq!(histories[1].raw["items"].as_array().unwrap().len(), 1);
    drop(tx);
    assert_eq!(mirror.store(&[anonymised]).await, UpsertCounts::default());
    mirror.base.remove().await;
}

#[tokio::test]
async fn what_the_columns_of_a_change_hold_is_not_stored_twice() {
    let mirror = Mirror::new().await;
    let mut bundle = full();
    let ann = bundle.reference.users.iter().find(|user| user.account_id == "ann").unwrap().raw.clone();
    let first = &mut bundle.histories[0];
    first.head = head(json!({"id": "31", "created": "2026-01-05T09:00:00.000+0100", "author": *ann}));
    let item = &mut bundle.histories[1].items[0];
    *item = with_member(item, "tmpToAccountId", json!("ann"));
    mirror.store(std::slice::from_ref(&bundle)).await;

    let stored = "SELECT coalesce(raw_jsonb ->> 'tmpToAccountId', raw_jsonb::text) FROM changelogs ORDER BY jira_number, ordinal";
    assert_eq!(mirror.column(stored).await, ["true", "ann", "true", ""]);
    let stored = "SELECT history_jsonb #>> '{}' FROM changelogs WHERE jira_number = 31";
    assert_eq!(mirror.column(stored).await, ["2026-01-05T09:00:00.000+0100"]);

    let mut tx = mirror.base.begin(mirror.tenant).await;
    let read = tx.histories(&[mirror.id(&bundle)]).await.unwrap();
    for (read, history) in read.iter().zip(&bundle.histories) {
        assert_eq!(read.raw, history.whole().unwrap());
    }
    drop(tx);
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_name_that_is_anonymised_inside_a_change_is_taken_over() {
    let mirror = Mirror::new().await;
    let bundle = full();
    mirror.store(std::slice::from_ref(&bundle)).await;
    let anonymised = changed(&bundle, 0, |bundle| {
        let item = &mut bundle.histories[1].items[1];
        item.to_string = Some("Former user".into());
    });
    assert_eq!(mirror.store(std::slice::from_ref(&anonymised)).await.changelog_items, 1);
    assert_eq!(mirror.store(&[anonymised]).await, UpsertCounts::default());
    mirror.base.remove().await;
}

/// What comes with a new issue is taken for new as well, and is not looked for.
#[tokio::test]
async fn what_a_new_issue_took_over_from_another_one_is_its_own() {
    let mirror = Mirror::new().await;
    let owner = changed(&issue(1, "PAY-1"), 0, |bundle| {
        bundle.comments = vec![comment(11, "stays", 1), comment(12, "moves", 2)];
        bundle.worklogs = vec![worklog(21, 60, 1)];
    });
    mirror.store(&[owner]).await;
    let heir = changed(&issue(2, "PAY-2"), 5, |bundle| {
        bundle.comments = vec![comment(12, "moves", 2), comment(13, "is new", 3)];
        bundle.worklogs = vec![worklog(21, 60, 1), worklog(22, 90, 1)];
    });
    let page = [heir.clone(), issue(3, "PAY-3")];
    let stored = mirror.store(&page).await;
    assert_eq!((stored.issues, stored.comments, stored.worklogs, stored.rejected), (2, 2, 2, 0));
    assert_eq!(mirror.comments(&heir).await, ["moves", "is new"]);
    assert_eq!(mirror.comments(&issue(1, "PAY-1")).await, ["stays"]);
    let worklogs =
        "SELECT i.key || '/' || w.jira_id FROM worklogs w JOIN issues i ON i.id = w.issue_id ORDER BY 1";
    assert_eq!(mirror.column(worklogs).await, ["PAY-2/21", "PAY-2/22"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn field_values_are_those_of_the_latest_state() {
    let mirror = Mirror::new().await;
    let value = |ordinal, text: &str| FieldValueRecord {
        field_id: "customfield_1".into(),
        ordinal,
        value_id: Some(format!("id {text}")),
        text: Some(text.into()),
        number: Some(f64::NAN),
        time: Some(at(0)),
    };
    let bundle = changed(&issue(1, "PAY-1"), 0, |b| b.values = vec![value(0, "Red"), value(1, "Green")]);
    mirror.store(std::slice::from_ref(&bundle)).await;
    mirror.store(&[changed(&bundle, 5, |b| b.values = vec![value(0, "BLUE")])]).await;
    let rows = mirror
        .column("SELECT value_key || '/' || value_text || '/' || value_id FROM issue_field_values")
        .await;
    assert_eq!(rows, ["blue/BLUE/id BLUE"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn what_is_longer_than_its_column_is_cut_and_who_is_not_known_gets_a_row() {
    let mirror = Mirror::new().await;
    let long = "ü".repeat(1000);
    let bundle = changed(&issue(1, "PAY-1"), 0, |b| {
        b.issue.status = long.clone();
        b.issue.issue_type = Some((long.clone(), "1".into()));
        b.issue.assignee = Some("nobody-told-us".into());
        b.issue.story_points = Some(1e300);
        b.histories = vec![history(31, 1, vec![item(&long, None, None)])];
        b.histories[0].author = Some("anonymous".into());
        b.reference.projects.clear();
        b.reference.statuses[0].name = long.clone();
        b.reference.users[0].display_name = Some(long.clone());
    });
    assert_eq!(mirror.store(std::slice::from_ref(&bundle)).await.changelog_items, 1);
    assert_eq!(mirror.store(std::slice::from_ref(&bundle)).await, UpsertCounts::default());
    let mut tx = mirror.base.begin(mirror.tenant).await;
    let row = tx.issue(None, "PAY-1").await.unwrap().unwrap();
    assert_eq!((row.status.chars().count(), row.assignee, row.story_points), (255, None, None));
    assert_eq!(row.project_key, "PAY");
    drop(tx);
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_key_of_several_instances_must_be_named_with_its_instance() {
    let mirror = Mirror::new().await;
    let other =
        mirror.base.instance(mirror.tenant, "other", application::instances::InstanceKind::Server).await;
    mirror.store(&[issue(1, "PAY-1")]).await;
    let mut tx = mirror.base.begin(mirror.tenant).await;
    tx.upsert_issues(other, &[issue(1, "PAY-1")]).await.unwrap();
    for name in ["PAY-1", "1"] {
        let error = tx.issue(None, name).await.unwrap_err();
        assert!(matches!(&error, Error::Conflict(text) if text.contains("`main`, `other`")), "{error}");
        assert_eq!(tx.issue(Some(other), name).await.unwrap().unwrap().instance, "other");
    }
    for name in ["", "PAY", "PAY-2", "2", "0x1", "PAY-1; DROP TABLE issues"] {
        assert!(tx.issue(None, name).await.unwrap().is_none(), "{name}");
    }
    drop(tx);
    mirror.base.remove().await;
}

#[tokio::test]
async fn two_transactions_that_store_the_same_page_follow_each_other() {
    let mirror = Mirror::new().await;
    let page: Vec<_> = (1..40).map(|n| issue(n, &format!("PAY-{n}"))).collect();
    let reversed: Vec<_> = page.iter().rev().map(|b| changed(b, 5, |_| {})).collect();
    let (one, two) = tokio::join!(mirror.store(&page), mirror.store(&reversed));
    assert!(one.issues + two.issues >= 39);
    let mut tx = mirror.base.begin(mirror.tenant).await;
    assert_eq!(tx.issue_count(mirror.instance).await.unwrap(), 39);
    assert_eq!(tx.issue(None, "PAY-7").await.unwrap().unwrap().updated, at(5));
    drop(tx);
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_page_that_somebody_else_is_storing_for_the_first_time_is_written_over() {
    let mirror = Mirror::new().await;
    let page = vec![full()];
    let mut first = mirror.base.begin(mirror.tenant).await;
    first.upsert_issues(mirror.instance, &page).await.unwrap();
    // It sees no issue when it looks, and meets one when it writes.
    let second = async {
        let mut tx = mirror.base.begin(mirror.tenant).await;
        tx.upsert_issues(mirror.instance, &page).await.unwrap();
        tx.commit().await.unwrap();
    };
    let commit = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        first.commit().await.unwrap();
    };
    tokio::join!(second, commit);
    let values =
        "SELECT count(*)::text FROM issue_field_values UNION ALL SELECT count(*)::text FROM changelogs";
    let stored = mirror.column(values).await;
    assert_eq!(stored, [page[0].values.len().to_string(), "4".into()]);
    mirror.base.remove().await;
}

/// A link is the one row that two pages may both have: its two issues show it.
#[tokio::test]
async fn two_pages_may_store_the_same_links_at_the_same_time() {
    let mirror = Mirror::new().await;
    for round in 0..5 {
        let at = |n: u32| issue(round * 100 + n, &format!("PAY-{}", round * 100 + n));
        let (mut inward, mut outward): (Vec<_>, Vec<_>) = (1..30).map(|n| (at(n), at(n + 50))).unzip();
        for (number, (a, b)) in (round * 100..).zip(inward.iter_mut().zip(&mut outward)) {
            let link = blocks(number, a, b);
            a.links = vec![link.clone()];
            b.links = vec![link];
        }
        let (one, two) = tokio::join!(mirror.store(&inward), mirror.store(&outward));
        assert_eq!((one.issues, two.issues), (29, 29));
    }
    mirror.base.remove().await;
}

/// The planner takes a tenant that came after the last statistics for a single row, and finds every index that begins with the
/// tenant as good as the right one: a page would read all that is stored of the tenant, and some look-ups would for each issue.
#[tokio::test]
async fn a_page_is_looked_up_by_index_whatever_the_statistics_say() {
    const STORED: &str = include_str!("../../src/postgres/issues_upsert/stored.sql");
    const DISPLACED: &str = include_str!("../../src/postgres/issues_upsert/displaced.sql");
    let mirror = Mirror::new().await;
    let mut owner = mirror.base.superuser().await;
    mirror.store(&[issue(1, "PAY-1")]).await;
    let copies = |tenant: TenantId, rows: u32| {
        format!(
            "INSERT INTO issues (tenant_id, id, instance_id, jira_id, jira_number, key, key_project, key_number, project_id,
                                 status, status_id, status_category, summary, created_at, updated_at, jira_updated_at,
                                 raw_jsonb, raw_dialect, source_hash)
             SELECT '{tenant}', gen_random_uuid(), i.instance_id, 'copy ' || n, n, 'COPY-' || n, 'COPY', n, i.project_id,
                    i.status, i.status_id, i.status_category, i.summary, i.created_at, i.updated_at, i.jira_updated_at,
                    i.raw_jsonb, i.raw_dialect, i.source_hash
             FROM issues i, generate_series(1, {rows}) AS n WHERE i.jira_id = '1'",
            tenant = tenant.0,
        )
    };
    let newcomer = mirror.base.tenant("newcomer").await;
    owner.execute("SET session_replication_role = replica").await.unwrap();
    owner.execute(sqlx::AssertSqlSafe(copies(mirror.tenant, 20_000))).await.unwrap();
    owner.execute("ANALYZE issues").await.unwrap();
    owner.execute(sqlx::AssertSqlSafe(copies(newcomer, 5_000))).await.unwrap();

    let mut app = mirror.base.connect(roles::APP).await;
    let ids: Vec<String> = (0..100).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    let (ids, tenant) = (ids.join(","), newcomer.0);
    app.execute(sqlx::AssertSqlSafe(format!(
        "SET app.current_tenant_id = '{tenant}';
         PREPARE stored (uuid, uuid[]) AS {STORED};
         PREPARE displace (uuid, uuid, text[], uuid[]) AS {DISPLACED};"
    )))
    .await
    .unwrap();
    for (execute, condition) in [
        (format!("stored('{tenant}', '{{{ids}}}')"), "id = ANY"),
        (
            format!("displace('{tenant}', '{tenant}', '{{COPY-1,COPY-2,NEW-1}}', '{{{ids}}}')"),
            "key)::text = ANY",
        ),
    ] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN EXECUTE {execute}"));
        let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut app).await.unwrap();
        assert!(
            plan.iter().any(|line| line.contains("Index Cond") && line.contains(condition)),
            "{condition}: {plan:#?}"
        );
    }
    mirror.base.remove().await;
}
