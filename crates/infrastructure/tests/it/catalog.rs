//! Reference data in pages.

use application::{
    Error, TenantContext,
    catalog::{CatalogStore, Entry, PageOf, Position},
    instances::InstanceKind,
    ports::{Database, SqlLimits, TenantTx},
    reference::{BoardRecord, BoardSprints, ContextRecord, FieldRecord, ReferenceRecords, UserRecord},
};
use domain::ids::InstanceId;
use serde_json::json;

use crate::{
    bundles::{project, user},
    database::TestDatabase,
    vanished::{component, option, sprint, version},
};

fn field(id: &str, name: &str) -> FieldRecord {
    FieldRecord {
        field_key: id.into(),
        name: name.into(),
        field_type: Some("option".into()),
        custom: id.starts_with("custom"),
        raw: json!({"id": id, "name": name, "schema": {"type": "option"}}),
    }
}

fn nameless(account: &str) -> UserRecord {
    UserRecord { display_name: None, ..user(account, "") }
}

fn reference() -> ReferenceRecords {
    let board = |id: i64, name: &str| BoardRecord {
        jira_id: id,
        name: name.into(),
        board_type: Some("scrum".into()),
        project_jira_id: Some(project("PAY").jira_id),
        raw: json!({"id": id}),
    };
    let mut pay = project("PAY");
    pay.lead_account_id = Some("ann".into());
    ReferenceRecords {
        projects: vec![pay, project("OPS"), project("WEB")],
        users: vec![
            user("ann", "Ann Lee"),
            user("bob", "bob"),
            user("cy", "Cy"),
            nameless("aa"),
            nameless("zz"),
        ],
        versions: vec![version(10, "2.0", Some(1)), version(9, "10.0", Some(0)), version(11, "seen", None)],
        components: vec![component(1, "web"), component(2, "api")],
        boards: vec![board(1, "B"), board(2, "A")],
        sprints: vec![sprint(9, "Sprint 9"), sprint(10, "Sprint 10")],
        board_sprints: vec![BoardSprints { board_id: 2, sprint_ids: vec![10] }],
        fields: vec![
            field("summary", "Summary"),
            field("customfield_1", "Größe"),
            field("customfield_2", "Größe"),
        ],
        contexts: vec![ContextRecord {
            field_key: "customfield_1".into(),
            jira_id: "100".into(),
            name: "Default".into(),
            is_global: true,
            raw: json!({"id": "100"}),
        }],
        options: vec![option(7, "first", Some(0)), option(3, "second", Some(1)), option(1, "seen", None)],
        ..Default::default()
    }
}

async fn filled() -> (TestDatabase, Box<dyn TenantTx>, InstanceId) {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.instance(tenant, "other", InstanceKind::Server).await;
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &reference(), true).await.unwrap();
    tx.upsert_reference(other, &reference(), true).await.unwrap();
    (base, tx, instance)
}

/// Walks a list in pages of one, and answers what it shows of each entry.
macro_rules! walk {
    ($tx:expr, $show:expr, |$store:ident, $page:ident| $read:expr) => {{
        let mut shown: Vec<String> = Vec::new();
        let mut $page = PageOf { limit: 1, ..Default::default() };
        loop {
            let $store: &mut dyn CatalogStore = $tx.as_mut();
            let entries: Vec<Entry<_>> = $read.await.unwrap();
            let Some(entry) = entries.into_iter().next() else { break };
            $page.after = Some(entry.position);
            shown.push($show(entry.row));
        }
        shown
    }};
}

#[tokio::test]
async fn every_list_is_walked_in_its_order_across_instances() {
    let (base, mut tx, _) = filled().await;
    let twice = |list: &[&str]| {
        ["main", "other"]
            .iter()
            .flat_map(|instance| list.iter().map(move |entry| format!("{instance} {entry}")))
            .collect::<Vec<_>>()
    };
    let projects =
        walk!(tx, |r: application::catalog::ProjectRow| format!("{} {}", r.instance, r.key), |s, page| s
            .projects(&page));
    assert_eq!(projects, twice(&["OPS", "PAY", "WEB"]));
    let users = walk!(
        tx,
        |r: application::catalog::UserRow| format!("{} {}", r.instance, r.account_id),
        |s, page| s.users(&page, None)
    );
    assert_eq!(users, twice(&["ann", "bob", "cy", "aa", "zz"]), "by name, and then who has none");
    let boards =
        walk!(tx, |r: application::catalog::BoardRow| format!("{} {}", r.instance, r.name), |s, page| s
            .boards(&page));
    assert_eq!(boards, twice(&["A", "B"]));
    let sprints =
        walk!(tx, |r: application::catalog::SprintRow| format!("{} {}", r.instance, r.jira_id), |s, page| s
            .sprints(&page, None, None));
    assert_eq!(sprints, twice(&["9", "10"]));
    let fields = walk!(
        tx,
        |r: application::catalog::FieldRow| format!("{} {}", r.instance, r.field_key),
        |s, page| s.fields(&page, None)
    );
    assert_eq!(fields, twice(&["summary", "customfield_1", "customfield_2"]));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn lists_are_narrowed_down() {
    let (base, mut tx, instance) = filled().await;
    let page = PageOf { instance: Some(instance), limit: 10, ..Default::default() };
    let ids = |users: Vec<Entry<application::catalog::UserRow>>| {
        users.into_iter().map(|entry| entry.row.account_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(tx.users(&page, Some("LEE")).await.unwrap()), ["ann"]);
    assert!(ids(tx.users(&page, Some("%")).await.unwrap()).is_empty());
    let listed = tx.sprints(&page, Some(2), None).await.unwrap();
    assert_eq!(listed.iter().map(|entry| entry.row.jira_id).collect::<Vec<_>>(), [10]);
    assert!(tx.sprints(&page, None, Some("closed")).await.unwrap().is_empty());
    assert_eq!(tx.fields(&page, Some(true)).await.unwrap().len(), 2);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn one_thing_is_found_by_its_names() {
    let (base, mut tx, instance) = filled().await;
    let found = tx.projects_named(Some(instance), "pay").await.unwrap();
    assert_eq!((found.len(), found[0].lead.as_deref()), (1, Some("Ann Lee")));
    assert_eq!(tx.projects_named(None, &found[0].jira_id).await.unwrap().len(), 2, "one per instance");
    let versions = tx.versions(found[0].id).await.unwrap();
    assert_eq!(versions.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["10.0", "2.0", "seen"]);
    let components = tx.components(found[0].id).await.unwrap();
    assert_eq!(components.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["api", "web"]);

    assert_eq!(tx.fields_named(Some(instance), "GRÖSSE").await.unwrap().len(), 0);
    assert_eq!(tx.fields_named(Some(instance), "GRÖßE").await.unwrap().len(), 2, "names are not unique");
    assert_eq!(tx.fields_named(Some(instance), "customfield_1").await.unwrap().len(), 1);
    let options = tx.options(instance, "customfield_1").await.unwrap();
    assert_eq!(options.iter().map(|o| o.value.as_str()).collect::<Vec<_>>(), ["first", "second", "seen"]);
    assert_eq!(tx.sprints_numbered(Some(instance), 10).await.unwrap()[0].1.name, "Sprint 10");
    assert!(tx.sprints_numbered(None, 11).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}

/// Every view of reference data answers at the SQL door, for its tenant alone.
#[tokio::test]
async fn the_sql_door_shows_reference_data_to_its_tenant() {
    let (base, tx, _) = filled().await;
    let tenant = tx.tenant();
    tx.commit().await.unwrap();
    let stranger = base.tenant("stranger").await;
    let views = [
        ("versions", 6),
        ("components", 4),
        ("boards", 4),
        ("filters", 0),
        ("issue_link_types", 0),
        ("attachments", 0),
        ("watchers", 0),
        ("remote_links", 0),
        ("sprint_issues", 0),
    ];
    for (view, count) in views {
        let sql = format!("SELECT count(*) FROM jira.{view}");
        let ask = async |tenant| {
            base.db.ask(&TenantContext::whole(tenant), &sql, SqlLimits::default()).await.unwrap().rows
        };
        assert_eq!(ask(tenant).await, [[json!(count)]], "{view}");
        assert_eq!(ask(stranger).await, [[json!(0)]], "{view}");
        let all = format!("SELECT * FROM {view} LIMIT 1");
        base.db.ask(&TenantContext::whole(tenant), &all, SqlLimits::default()).await.unwrap();
    }
    base.remove().await;
}

#[tokio::test]
async fn a_position_of_another_list_is_a_bad_cursor_and_no_fault() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let after = Position { instance: "main".into(), sort: "PAY-1".into(), id: "twelve".into() };
    let page = PageOf { after: Some(after), limit: 5, ..Default::default() };
    let mut tx = base.begin(tenant).await;
    let answers = [
        tx.sprint_issues((instance, 1), &page).await.map(|rows| rows.len()),
        tx.boards(&page).await.map(|rows| rows.len()),
        tx.sprints(&page, None, None).await.map(|rows| rows.len()),
        tx.comments_of(instance.issue("1"), &page).await.map(|rows| rows.len()),
        tx.field_history_of(instance.issue("1"), None, &page).await.map(|rows| rows.len()),
    ];
    for answer in answers {
        assert!(matches!(&answer, Err(Error::Invalid { .. })), "{answer:?}");
    }
    drop(tx);
    base.remove().await;
}
