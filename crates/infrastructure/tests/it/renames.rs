//! What a change of reference data changes of issues that Jira does not serve again.

use application::{
    Error, TenantContext,
    issues::{AttachmentRecord, IssueBundle},
    ports::{Database, SqlLimits},
    reference::{FieldRecord, FieldValueRecord, ReferenceRecords, SprintRecord, StatusRecord, UserRecord},
};
use domain::ids::{InstanceId, TenantId};
use serde_json::{Value, json};

use crate::{
    bundles::{at, changed, issue, project, status, user},
    database::TestDatabase,
    vanished::{option, sprint},
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

fn person(account: &str, name: &str, active: bool) -> Value {
    json!({"accountId": account, "displayName": name, "active": active, "avatarUrls": {"48x48": format!("https://a/{name}")}})
}

fn category(key: &str) -> Value {
    json!({"id": key.len(), "key": key, "name": format!("{key} things")})
}

fn shipped(key: &str) -> StatusRecord {
    let raw = json!({"id": "7", "name": "Shipped", "statusCategory": category(key)});
    StatusRecord { raw, ..status("7", "Shipped", key) }
}

/// What the payload shows of people, sprints, options and categories: as named here.
fn fields(of: &Names<'_>) -> Value {
    let person = |account: &str| person(account, of.person, of.active);
    let sprint = json!({"id": 7, "name": of.sprint, "state": of.state, "boardId": 1});
    json!({
        "summary": "PAY-1", "status": {"id": "7", "name": "Shipped", "statusCategory": category(of.category)},
        "assignee": person("ann"), "reporter": person("ann"), "creator": person("bob"),
        "customfield_1": {"id": "20", "value": of.option}, "customfield_2": [sprint],
        "customfield_3": [person("cyd"), person("ann")],
        "attachment": [{"id": "5", "author": person("dan")}],
    })
}

struct Names<'n> {
    person: &'n str,
    active: bool,
    sprint: &'n str,
    state: &'n str,
    option: &'n str,
    category: &'n str,
}

const BEFORE: Names<'static> = Names {
    person: "Ann",
    active: true,
    sprint: "Sprint 7",
    state: "active",
    option: "iOS",
    category: "indeterminate",
};
const AFTER: Names<'static> = Names {
    person: "Ann Lee",
    active: false,
    sprint: "Seven",
    state: "closed",
    option: "Phone",
    category: "done",
};

fn records(of: &Names<'_>) -> ReferenceRecords {
    let users = ["ann", "bob", "cyd", "dan"].map(|account| UserRecord {
        raw: person(account, of.person, of.active),
        active: Some(of.active),
        ..user(account, of.person)
    });
    let raw = json!({"id": 7, "name": of.sprint, "state": of.state, "originBoardId": 1});
    ReferenceRecords {
        users: users.to_vec(),
        sprints: vec![SprintRecord { state: of.state.into(), raw, ..sprint(7, of.sprint) }],
        options: vec![option(20, of.option, None)],
        statuses: vec![shipped(of.category)],
        ..Default::default()
    }
}

/// The issue with a value of each kind.
fn with_values(base: &IssueBundle) -> IssueBundle {
    let value = |field: &str, ordinal: i32, id: &str, text: &str| FieldValueRecord {
        field_id: field.into(),
        ordinal,
        value_id: Some(id.into()),
        text: Some(text.into()),
        ..Default::default()
    };
    let mut bundle = changed(base, 0, |bundle| {
        bundle.issue.creator = Some("bob".into());
        bundle.issue.status = "Shipped".into();
        bundle.issue.status_id = "7".into();
        bundle.issue.status_category = BEFORE.category.into();
        bundle.issue.sprint_ids = vec![7];
        bundle.values = vec![
            value("customfield_1", 0, "20", BEFORE.option),
            value("customfield_2", 0, "7", BEFORE.sprint),
            value("customfield_3", 0, "cyd", BEFORE.person),
            value("customfield_3", 1, "ann", BEFORE.person),
        ];
        bundle.attached.attachments = vec![AttachmentRecord {
            jira_id: "5".into(),
            author: Some("dan".into()),
            filename: "a.png".into(),
            mime_type: None,
            size: None,
            content_url: None,
            created: at(0),
            source_hash: vec![1],
        }];
        let projects = std::mem::take(&mut bundle.reference.projects);
        bundle.reference = ReferenceRecords { projects, ..records(&BEFORE) };
    });
    bundle.issue.raw = json!({"id": "1", "key": bundle.issue.key.to_string(), "fields": fields(&BEFORE)});
    bundle
}

/// None of these changes touches an issue's `updated`, so no issue is read again: one row changes, and every payload shows it.
#[tokio::test]
async fn payloads_show_people_sprints_options_and_categories_as_they_are_now() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let field = |id: &str, name: &str, kind: &str| FieldRecord {
        field_key: id.into(),
        name: name.into(),
        field_type: Some(format!("com.example:{kind}")),
        custom: true,
        raw: json!({"id": id, "name": name}),
    };
    let known = vec![
        field("customfield_1", "Device", "select"),
        field("customfield_2", "Sprint", "gh-sprint"),
        field("customfield_3", "Reviewers", "multiuserpicker"),
    ];
    put(&base, tenant, instance, ReferenceRecords { fields: known, ..Default::default() }).await;
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[with_values(&issue(1, "PAY-1"))]).await.unwrap();
    tx.commit().await.unwrap();

    let sql = "SELECT field, text FROM jira.field_values ORDER BY field_id, ordinal";
    let texts = async || {
        let context = TenantContext::whole(tenant);
        json!(base.db.ask(&context, sql, SqlLimits::default()).await.unwrap().rows)
    };
    let shown = async || {
        let mut tx = base.begin(tenant).await;
        let one = tx.issue(None, "PAY-1").await.unwrap().unwrap().raw;
        let listed = tx.issues_named(instance, &["PAY-1".into()]).await.unwrap().remove(0).1.raw;
        assert_eq!(one, listed);
        one["fields"].clone()
    };
    for names in [&BEFORE, &AFTER] {
        put(&base, tenant, instance, records(names)).await;
        assert_eq!(shown().await, fields(names));
        assert_eq!(
            texts().await,
            json!([
                ["Device", names.option],
                ["Sprint", names.sprint],
                ["Reviewers", names.person],
                ["Reviewers", names.person]
            ])
        );
    }
    // What it is called in the payload is what is stored still: one row changed for each name.
    let stored: Value = sqlx::query_scalar("SELECT raw_jsonb -> 'fields' FROM issues")
        .fetch_one(&mut base.superuser().await)
        .await
        .unwrap();
    assert_eq!(stored, fields(&BEFORE));

    // Long after the issue was stored, too; and what has not changed since then is not even looked for.
    let mut admin = base.superuser().await;
    let later = "UPDATE issues SET synced_at = synced_at + interval '2 hours'";
    sqlx::query(later).execute(&mut admin).await.unwrap();
    let fresh = shown().await;
    assert_eq!(
        fresh["assignee"],
        fields(&BEFORE)["assignee"],
        "as the payload has it, which is newer than the row"
    );
    base.remove().await;
}
