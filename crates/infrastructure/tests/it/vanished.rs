//! What a whole roster does not name any more, and what a rename costs.

use application::{
    issues::Presence,
    reference::{
        BoardRecord, BoardSprints, ComponentRecord, ContextRecord, DashboardRecord, FieldRecord,
        FieldValueRecord, FilterRecord, GroupMembers, GroupRecord, IssueLinkTypeRecord, OptionRecord,
        ReferenceRecords, Roster, SprintRecord, VersionRecord,
    },
    sync::reference::{ReferenceList, ReferenceRead},
};
use domain::ids::{InstanceId, TenantId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{
    bundles::{at, changed, issue, project, status},
    database::TestDatabase,
};

/// As if a day had gone by since a list came back empty.
const A_DAY_LATER: &str = "UPDATE sync_watermarks SET last_updated_at = last_updated_at - interval '1 day'";

pub fn version(id: u32, name: &str, sequence: Option<i32>) -> VersionRecord {
    VersionRecord {
        jira_id: id.to_string(),
        project_jira_id: Some(project("PAY").jira_id),
        name: name.into(),
        description: None,
        sequence,
        archived: false,
        released: false,
        start: None,
        release: None,
        raw: json!({"id": id.to_string(), "name": name}).into(),
    }
}

pub fn component(id: u32, name: &str) -> ComponentRecord {
    ComponentRecord {
        jira_id: id.to_string(),
        project_jira_id: Some(project("PAY").jira_id),
        name: name.into(),
        description: None,
        lead_account_id: None,
        raw: json!({"id": id.to_string(), "name": name}).into(),
    }
}

fn board(id: i64, name: &str) -> BoardRecord {
    let raw = json!({"id": id, "name": name});
    BoardRecord {
        jira_id: id,
        name: name.into(),
        board_type: Some("scrum".into()),
        project_jira_id: None,
        raw,
    }
}

pub fn sprint(id: i64, name: &str) -> SprintRecord {
    SprintRecord {
        jira_id: id,
        name: name.into(),
        state: "active".into(),
        board_id: Some(1),
        goal: None,
        start: None,
        end: None,
        complete: None,
        raw: json!({"id": id, "name": name}),
    }
}

pub fn option(id: u32, value: &str, sequence: Option<i32>) -> OptionRecord {
    OptionRecord {
        field_key: "customfield_1".into(),
        jira_id: id.to_string(),
        context_id: None,
        parent_id: None,
        value: value.into(),
        sequence,
        disabled: false,
        raw: json!({"id": id.to_string(), "value": value}),
    }
}

fn link_type(id: u32, name: &str) -> IssueLinkTypeRecord {
    IssueLinkTypeRecord {
        jira_id: id.to_string(),
        name: name.into(),
        inward: Some("is blocked by".into()),
        outward: Some("blocks".into()),
        raw: json!({"id": id.to_string(), "name": name}),
    }
}

fn filter(id: u32, name: &str) -> FilterRecord {
    FilterRecord {
        jira_id: id.to_string(),
        name: name.into(),
        description: None,
        jql: Some("project = PAY".into()),
        owner_account_id: Some("ann".into()),
        raw: json!({"id": id.to_string(), "name": name}),
    }
}

fn dashboard(id: u32, name: &str) -> DashboardRecord {
    let id = id.to_string();
    DashboardRecord { raw: json!({"id": id, "name": name}), jira_id: id, name: name.into() }
}

/// Two of each, the second one named as asked.
fn everything(second: &str) -> ReferenceRecords {
    ReferenceRecords {
        projects: vec![project("PAY")],
        versions: vec![version(1, "1.0", Some(0)), version(2, second, Some(1))],
        components: vec![component(1, "web"), component(2, second)],
        boards: vec![board(1, "PAY board"), board(2, second)],
        sprints: vec![sprint(1, "Sprint 1"), sprint(2, second)],
        board_sprints: vec![BoardSprints { board_id: 1, sprint_ids: vec![1, 2] }],
        filters: vec![filter(1, "Mine"), filter(2, second)],
        dashboards: vec![dashboard(1, "Mine"), dashboard(2, second)],
        link_types: vec![link_type(1, "Blocks"), link_type(2, second)],
        options: vec![option(1, "iOS", Some(0)), option(2, second, Some(1))],
        ..Default::default()
    }
}

const TABLES: [&str; 8] = [
    "versions",
    "components",
    "boards",
    "sprints",
    "filters",
    "dashboards",
    "issue_link_types",
    "field_options",
];

pub async fn put(
    base: &TestDatabase,
    tenant: TenantId,
    instance: InstanceId,
    records: &ReferenceRecords,
    complete: bool,
) {
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, records, complete).await.unwrap();
    tx.commit().await.unwrap();
}

async fn rows(admin: &mut PgConnection, table: &str, what: &str) -> Vec<String> {
    let sql = format!("SELECT {what} FROM {table} ORDER BY length(jira_id::text), jira_id");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(admin).await.unwrap()
}

#[tokio::test]
async fn a_rename_writes_one_row_and_what_is_equal_writes_none() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    put(&base, tenant, instance, &everything("old"), true).await;
    for table in TABLES {
        let before = rows(&mut admin, table, "xmin::text").await;
        assert_eq!(before.len(), 2, "{table}");
        put(&base, tenant, instance, &everything("old"), true).await;
        put(&base, tenant, instance, &everything("old"), false).await;
        assert_eq!(rows(&mut admin, table, "xmin::text").await, before, "{table}");
    }
    let before: Vec<_> = futures::future::join_all(TABLES.map(|table| {
        let base = &base;
        async move { rows(&mut base.superuser().await, table, "xmin::text").await }
    }))
    .await;
    put(&base, tenant, instance, &everything("new"), true).await;
    for (table, before) in TABLES.into_iter().zip(before) {
        let after = rows(&mut admin, table, "xmin::text").await;
        assert_eq!((after[0] == before[0], after[1] == before[1]), (true, false), "{table}");
        let name = if table == "field_options" { "value" } else { "name" };
        assert_eq!(rows(&mut admin, table, name).await[1], "new", "{table}");
        let hashes = rows(&mut admin, table, "encode(source_hash, 'hex')").await;
        assert!(hashes[0].len() == 64 && hashes[0] != hashes[1], "{table}");
    }
    base.remove().await;
}

#[tokio::test]
async fn what_a_whole_roster_leaves_out_is_deleted_and_comes_back_when_it_is_seen() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    put(&base, tenant, instance, &everything("second"), true).await;
    let mut first = everything("second");
    first.versions.truncate(1);
    first.components.truncate(1);
    first.boards.truncate(1);
    first.filters.truncate(1);
    first.dashboards.truncate(1);
    first.link_types.truncate(1);
    first.options.truncate(1);
    first.board_sprints[0].sprint_ids.truncate(1);
    first.whole = vec![
        Roster::Versions,
        Roster::Components,
        Roster::Boards,
        Roster::Filters,
        Roster::Dashboards,
        Roster::IssueLinkTypes,
    ];

    put(
        &base,
        tenant,
        instance,
        &ReferenceRecords { whole: Vec::new(), options: Vec::new(), ..first.clone() },
        true,
    )
    .await;
    for table in TABLES {
        assert_eq!(rows(&mut admin, table, "presence").await, ["present", "present"], "a part says nothing");
    }
    put(&base, tenant, instance, &first, true).await;
    for table in TABLES.into_iter().filter(|table| *table != "sprints") {
        assert_eq!(rows(&mut admin, table, "presence").await, ["present", "deleted"], "{table}");
    }
    assert_eq!(rows(&mut admin, "sprints", "presence").await, ["present", "present"]);
    let listed: Vec<i64> =
        sqlx::query_scalar("SELECT sprint_id FROM board_sprints").fetch_all(&mut admin).await.unwrap();
    assert_eq!(listed, [1]);
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.roster(instance, Roster::Versions).await.unwrap(), [json!({"id": "1", "name": "1.0"})]);
    drop(tx);

    put(&base, tenant, instance, &everything("second"), false).await;
    for table in TABLES {
        assert_eq!(rows(&mut admin, table, "presence").await, ["present", "present"], "{table}");
    }
    base.remove().await;
}

#[tokio::test]
async fn what_present_issues_refer_to_stays_until_they_are_gone() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    let value = |field: &str, id: &str| FieldValueRecord {
        field_id: field.into(),
        value_id: Some(id.into()),
        text: Some("as the issue has it".into()),
        ..Default::default()
    };
    let bundle = changed(&issue(1, "PAY-1"), 0, |bundle| {
        bundle.values =
            vec![value("fixVersions", "2"), value("components", "2"), value("customfield_1", "2")];
        bundle.reference.versions = vec![version(2, "1.1", None)];
        bundle.reference.components = vec![component(2, "api")];
        bundle.reference.options = vec![option(2, "Web", None)];
    });
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[bundle]).await.unwrap();
    let names = tx.details(instance, instance.issue("1")).await.unwrap();
    assert_eq!((names.components, names.fix_versions), (vec!["api".to_owned()], vec!["1.1".to_owned()]));
    tx.commit().await.unwrap();

    let elsewhere = ReferenceRecords {
        projects: vec![project("OPS")],
        statuses: vec![status("9", "Other", "new")],
        versions: vec![version(1, "1.0", Some(0))],
        components: vec![component(1, "web")],
        options: vec![option(1, "iOS", Some(0))],
        whole: vec![Roster::Projects, Roster::Statuses, Roster::Versions, Roster::Components],
        ..Default::default()
    };
    let presence = async |admin: &mut PgConnection| {
        let sql = "SELECT presence FROM projects WHERE key = 'PAY' UNION ALL SELECT presence FROM statuses WHERE jira_id = '1'
                   UNION ALL SELECT presence FROM versions WHERE jira_id = '2'
                   UNION ALL SELECT presence FROM components WHERE jira_id = '2'
                   UNION ALL SELECT presence FROM field_options WHERE jira_id = '2'";
        sqlx::query_scalar::<_, String>(sql).fetch_all(admin).await.unwrap()
    };
    put(&base, tenant, instance, &elsewhere, true).await;
    assert_eq!(presence(&mut admin).await, ["present"; 5], "an issue has them");

    let mut tx = base.begin(tenant).await;
    tx.set_presence(instance, &["1".into()], Presence::Deleted).await.unwrap();
    tx.commit().await.unwrap();
    put(&base, tenant, instance, &elsewhere, true).await;
    assert_eq!(presence(&mut admin).await, ["deleted"; 5]);
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM issues").fetch_one(&mut admin).await.unwrap();
    assert_eq!(count, 1, "and nothing is removed");
    base.remove().await;
}

#[tokio::test]
async fn a_field_whose_last_option_went_has_none_and_a_context_goes_too() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let context = |id: &str| ContextRecord {
        field_key: "customfield_1".into(),
        jira_id: id.into(),
        name: format!("Context {id}"),
        is_global: false,
        raw: json!({"id": id}),
    };
    let asked = |options, contexts| ReferenceRecords {
        options,
        contexts,
        options_of: vec!["customfield_1".into()],
        contexts_of: vec!["customfield_1".into()],
        ..Default::default()
    };
    let first = asked(vec![option(1, "iOS", Some(0))], vec![context("10"), context("11")]);
    put(&base, tenant, instance, &first, true).await;
    put(&base, tenant, instance, &asked(Vec::new(), vec![context("11")]), true).await;
    let mut admin = base.superuser().await;
    assert_eq!(rows(&mut admin, "field_options", "presence").await, ["deleted"]);
    assert_eq!(rows(&mut admin, "field_contexts", "presence").await, ["deleted", "present"]);
    base.remove().await;
}

#[tokio::test]
async fn a_field_vanishes_though_another_instance_has_one_of_its_id() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.instance(tenant, "other", application::instances::InstanceKind::Server).await;
    let records = ReferenceRecords {
        fields: vec![FieldRecord {
            field_key: "customfield_1".into(),
            name: "Region".into(),
            field_type: None,
            custom: true,
            raw: json!({"id": "customfield_1"}),
        }],
        ..Default::default()
    };
    put(&base, tenant, instance, &records, true).await;
    put(&base, tenant, other, &records, true).await;
    let value =
        FieldValueRecord { field_id: "customfield_1".into(), text: Some("EU".into()), ..Default::default() };
    let mut tx = base.begin(tenant).await;
    for place in [instance, other] {
        let bundle = changed(&issue(1, "PAY-1"), 0, |bundle| bundle.values = vec![value.clone()]);
        tx.upsert_issues(place, &[bundle]).await.unwrap();
    }
    tx.set_presence(instance, &["1".into()], Presence::Deleted).await.unwrap();
    tx.commit().await.unwrap();

    let none = ReferenceRecords { whole: vec![Roster::Fields], ..Default::default() };
    put(&base, tenant, instance, &none, true).await;
    put(&base, tenant, other, &none, true).await;
    let mut admin = base.superuser().await;
    // For a day.
    sqlx::query(A_DAY_LATER).execute(&mut admin).await.unwrap();
    put(&base, tenant, instance, &none, true).await;
    put(&base, tenant, other, &none, true).await;
    let present: Vec<(String, String)> = sqlx::query_as(
        "SELECT n.name, f.presence FROM custom_fields f JOIN jira_instances n ON n.id = f.instance_id ORDER BY 1",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert_eq!(present, [("main".into(), "deleted".into()), ("other".into(), "present".into())]);
    base.remove().await;
}

/// A roster's row has more than an issue's copy, which must not take it away.
#[tokio::test]
async fn a_copy_inside_an_issue_adds_and_a_version_of_an_unknown_project_has_none() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut whole = version(1, "1.0", Some(4));
    whole.description = Some("Big one".into());
    whole.raw = json!({"id": "1", "name": "1.0", "overdue": false}).into();
    let roster = ReferenceRecords { versions: vec![whole], ..Default::default() };
    put(&base, tenant, instance, &roster, true).await;
    let mut admin = base.superuser().await;
    let homeless: Option<String> =
        sqlx::query_scalar("SELECT project_id::text FROM versions").fetch_one(&mut admin).await.unwrap();
    assert_eq!(homeless, None, "the copy has no such project yet");

    let mut seen = version(1, "1.0.0", None);
    seen.released = true;
    let seen =
        ReferenceRecords { projects: vec![project("PAY")], versions: vec![seen], ..Default::default() };
    put(&base, tenant, instance, &seen, false).await;
    let row: (String, Option<String>, Option<i32>, bool, Value, bool) = sqlx::query_as(
        "SELECT name, description, sequence, released, raw_jsonb, project_id IS NOT NULL FROM versions",
    )
    .fetch_one(&mut admin)
    .await
    .unwrap();
    let raw = json!({"id": "1", "name": "1.0.0", "overdue": false});
    assert_eq!(row, ("1.0.0".into(), Some("Big one".into()), Some(4), true, raw, true));
    base.remove().await;
}

#[tokio::test]
async fn what_a_project_does_not_list_any_more_vanishes_and_other_projects_keep_theirs() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[issue(1, "PAY-1"), issue(2, "OPS-2")]).await.unwrap();
    let elsewhere =
        VersionRecord { project_jira_id: Some(project("OPS").jira_id), ..version(9, "elsewhere", Some(0)) };
    let both = ReferenceRecords {
        versions: vec![version(1, "1.0", Some(0)), version(2, "2.0", Some(1)), elsewhere],
        components: vec![component(7, "web")],
        ..ReferenceRecords::default()
    };
    tx.upsert_reference(instance, &both, true).await.unwrap();
    let listed = ReferenceRecords {
        versions: vec![version(2, "2.0", Some(0))],
        parts_of: vec![project("PAY").jira_id],
        ..ReferenceRecords::default()
    };
    tx.upsert_reference(instance, &listed, true).await.unwrap();
    let mut names = async |roster| {
        let entries = tx.roster(instance, roster).await.unwrap();
        entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut versions = names(Roster::Versions).await;
    versions.sort();
    assert_eq!(versions, ["2.0", "elsewhere"]);
    assert!(names(Roster::Components).await.is_empty());
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn how_far_a_list_is_read_is_kept() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let half = ReferenceRead {
        list: ReferenceList::ProjectParts,
        began_at: at(0),
        after: Some("10001".into()),
        shown: 2,
        refused: 1,
        finished: false,
        read_at: None,
        note: None,
        worked: chrono::TimeDelta::milliseconds(1_500),
    };
    tx.note_reference_read(instance, &half).await.unwrap();
    assert_eq!(tx.reference_reads(instance).await.unwrap(), std::slice::from_ref(&half));
    let whole =
        ReferenceRead { after: None, finished: true, read_at: Some(at(0)), note: Some("-".into()), ..half };
    tx.note_reference_read(instance, &whole).await.unwrap();
    assert_eq!(tx.reference_reads(instance).await.unwrap(), [whole]);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_sprint_that_no_board_shows_any_more_vanishes_and_comes_back() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let shown = |ids: &[i64]| ReferenceRecords {
        boards: vec![board(1, "one"), board(2, "two")],
        sprints: ids.iter().map(|id| sprint(*id, "s")).collect(),
        board_sprints: vec![BoardSprints { board_id: 1, sprint_ids: ids.to_vec() }],
        ..ReferenceRecords::default()
    };
    let elsewhere = ReferenceRecords {
        board_sprints: vec![BoardSprints { board_id: 2, sprint_ids: vec![3] }],
        ..ReferenceRecords::default()
    };
    let mut tx = base.begin(tenant).await;
    let mut present = async |records: &ReferenceRecords| {
        tx.upsert_reference(instance, records, true).await.unwrap();
        let entries = tx.roster(instance, Roster::Sprints).await.unwrap();
        let mut ids: Vec<i64> = entries.iter().map(|entry| entry["id"].as_i64().unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(present(&shown(&[1, 2, 3])).await, [1, 2, 3]);
    assert_eq!(present(&elsewhere).await, [1, 2, 3], "what one board says is nothing about another's");
    assert_eq!(present(&shown(&[2])).await, [2, 3], "the other board still shows the third");
    assert_eq!(present(&shown(&[1, 2])).await, [1, 2, 3], "who is seen again is there again");
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_sprint_that_is_opened_again_has_no_end_any_more() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let mut shown = async |raw: Value| {
        let records = ReferenceRecords {
            sprints: vec![SprintRecord { raw, ..sprint(1, "s") }],
            ..ReferenceRecords::default()
        };
        tx.upsert_reference(instance, &records, false).await.unwrap();
        tx.roster(instance, Roster::Sprints).await.unwrap().remove(0)
    };
    // As a board lists it, and as the field of an issue does, which knows less.
    shown(json!({"id": 1, "name": "s", "self": "s/1", "completeDate": "2026-03-02T10:00:00.000Z"})).await;
    let open = shown(json!({"id": 1, "name": "s", "state": "active"})).await;
    assert_eq!(open, json!({"id": 1, "name": "s", "state": "active", "self": "s/1"}));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_group_that_is_gone_has_no_members_and_is_known_no_more() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let group = |id: &str| GroupRecord { group_id: id.into(), name: format!("the {id}") };
    let members = |id: &str| GroupMembers { group_id: id.into(), accounts: vec!["ann".into()] };
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[issue(1, "PAY-1")]).await.unwrap();
    let both = ReferenceRecords {
        groups: vec![group("a"), group("b")],
        group_members: vec![members("a"), members("b")],
        whole: vec![Roster::Groups],
        ..ReferenceRecords::default()
    };
    tx.upsert_reference(instance, &both, true).await.unwrap();
    let one = ReferenceRecords {
        groups: vec![group("a")],
        whole: vec![Roster::Groups],
        ..ReferenceRecords::default()
    };
    tx.upsert_reference(instance, &one, true).await.unwrap();
    tx.commit().await.unwrap();
    let mut admin = base.superuser().await;
    let mut texts = async |sql: &'static str| -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&mut admin).await.unwrap()
    };
    let groups = texts("SELECT group_id || ' ' || presence FROM groups ORDER BY 1").await;
    assert_eq!(groups, ["a present", "b deleted"]);
    assert_eq!(texts("SELECT group_id FROM group_members").await, ["a"]);
    base.remove().await;
}

#[tokio::test]
async fn a_list_that_comes_back_empty_is_believed_once_that_lasts_for_a_day() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    let full = ReferenceRecords {
        boards: vec![board(1, "Team")],
        groups: vec![GroupRecord { group_id: "a".into(), name: "the a".into() }],
        group_members: vec![GroupMembers { group_id: "a".into(), accounts: Vec::new() }],
        whole: vec![Roster::Boards, Roster::Groups],
        ..ReferenceRecords::default()
    };
    let empty =
        ReferenceRecords { whole: vec![Roster::Boards, Roster::Groups], ..ReferenceRecords::default() };
    let presences = async |admin: &mut PgConnection| -> Vec<String> {
        let sql = "SELECT presence FROM boards UNION ALL SELECT presence FROM groups";
        sqlx::query_scalar(sql).fetch_all(admin).await.unwrap()
    };
    put(&base, tenant, instance, &full, true).await;
    put(&base, tenant, instance, &empty, true).await;
    put(&base, tenant, instance, &empty, true).await;
    assert_eq!(presences(&mut admin).await, ["present", "present"], "an hour is no proof");
    // What is listed again ends the doubt, and the next one begins anew.
    put(&base, tenant, instance, &full, true).await;
    sqlx::query(A_DAY_LATER).execute(&mut admin).await.unwrap();
    put(&base, tenant, instance, &empty, true).await;
    assert_eq!(presences(&mut admin).await, ["present", "present"]);
    sqlx::query(A_DAY_LATER).execute(&mut admin).await.unwrap();
    put(&base, tenant, instance, &empty, true).await;
    assert_eq!(presences(&mut admin).await, ["deleted", "deleted"]);
    base.remove().await;
}
