//! Reference data: rosters, and what issues show of it.

use application::{
    catalog::PageOf,
    ingest::FieldRoles,
    reference::{FieldRecord, RankedRecord, ReferenceRecords, Roster, SprintRecord, UserRecord},
};
use serde_json::{Value, json};

use crate::{
    bundles::{project, status, user},
    database::TestDatabase,
};

fn priority(id: &str, name: &str, rank: Option<i32>) -> RankedRecord {
    RankedRecord { jira_id: id.into(), name: name.into(), rank, raw: json!({"id": id, "name": name}).into() }
}

fn names(roster: &[Value]) -> Vec<&str> {
    roster.iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_an_issue_shows_renames_and_adds_but_takes_nothing_away() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut whole = project("PAY");
    whole.raw = Some(
        json!({"id": whole.jira_id, "key": "PAY", "name": "Project PAY", "description": "Payments"}).into(),
    );
    whole.lead_account_id = Some("ann".into());
    let mut ann = user("ann", "Ann");
    ann.email_hash = Some("hash".into());
    ann.raw = json!({"accountId": "ann", "displayName": "Ann", "locale": "de"}).into();
    let roster = ReferenceRecords { projects: vec![whole], users: vec![ann], ..Default::default() };

    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &roster, true).await.unwrap();
    let mut renamed = project("PAY");
    renamed.name = "Payments".into();
    renamed.raw = Some(json!({"id": renamed.jira_id, "key": "PAY", "name": "Payments"}).into());
    let seen =
        ReferenceRecords { projects: vec![renamed], users: vec![user("ann", "Anna")], ..Default::default() };
    tx.upsert_reference(instance, &seen, false).await.unwrap();

    let projects = tx.roster(instance, Roster::Projects).await.unwrap();
    assert_eq!((&projects[0]["name"], &projects[0]["description"]), (&json!("Payments"), &json!("Payments")));
    let users = tx.roster(instance, Roster::Users).await.unwrap();
    assert_eq!(users, [json!({"accountId": "ann", "displayName": "Anna", "locale": "de"})]);

    // A roster is the whole truth.
    let short = ReferenceRecords { users: vec![user("ann", "Ann")], ..Default::default() };
    tx.upsert_reference(instance, &short, true).await.unwrap();
    let users = tx.roster(instance, Roster::Users).await.unwrap();
    assert_eq!(users, [json!({"accountId": "ann", "displayName": "Ann"})]);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_copy_that_does_not_tell_whether_a_person_is_active_changes_nothing_of_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let people = |active| ReferenceRecords {
        users: vec![UserRecord { active, ..user("ann", "Ann") }],
        ..Default::default()
    };
    tx.upsert_reference(instance, &people(Some(false)), true).await.unwrap();
    tx.upsert_reference(instance, &people(None), false).await.unwrap();
    let found = tx.users(&PageOf { limit: 9, ..Default::default() }, None).await.unwrap();
    assert_eq!(found.iter().map(|entry| entry.row.active).collect::<Vec<_>>(), [false]);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn rows_that_stay_as_they_are_are_not_rewritten() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let records = ReferenceRecords {
        projects: vec![project("PAY")],
        users: vec![user("ann", "Ann")],
        statuses: vec![status("1", "To Do", "new")],
        priorities: vec![priority("1", "High", None)],
        sprints: vec![SprintRecord {
            jira_id: 5,
            name: "Sprint 5".into(),
            state: "active".into(),
            board_id: None,
            goal: None,
            start: None,
            end: None,
            complete: None,
            raw: json!({"id": 5}),
        }],
        fields: vec![FieldRecord {
            field_key: "customfield_1".into(),
            name: "Größe".into(),
            field_type: Some("com.atlassian.jira.plugin.system.customfieldtypes:select".into()),
            custom: true,
            raw: json!({"id": "customfield_1", "name": "Größe", "schema": {"type": "option"}}),
        }],
        ..Default::default()
    };
    let versions = "SELECT string_agg(x.xmin::text, ',') FROM (
        SELECT xmin FROM projects UNION ALL SELECT xmin FROM users UNION ALL SELECT xmin FROM statuses
        UNION ALL SELECT xmin FROM priorities UNION ALL SELECT xmin FROM sprints
        UNION ALL SELECT xmin FROM custom_fields) x";
    let mut admin = base.superuser().await;
    let mut before: Option<String> = None;
    for complete in [false, false, true] {
        let mut tx = base.begin(tenant).await;
        tx.upsert_reference(instance, &records, complete).await.unwrap();
        tx.commit().await.unwrap();
        let now: String = sqlx::query_scalar(versions).fetch_one(&mut admin).await.unwrap();
        assert_eq!(before.get_or_insert(now.clone()), &now);
    }
    let field: (String, String, Value) =
        sqlx::query_as("SELECT name_lower, field_type, schema_raw FROM custom_fields")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    assert_eq!((field.0.as_str(), field.2), ("größe", json!({"type": "option"})));
    assert!(field.1.ends_with("customfieldtypes:select"));
    base.remove().await;
}

#[tokio::test]
async fn a_priority_that_only_an_issue_showed_comes_last_until_the_roster_places_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let store = |priorities| ReferenceRecords { priorities, ..Default::default() };
    let roster = store(vec![priority("9", "High", Some(0)), priority("3", "Low", Some(1))]);
    tx.upsert_reference(instance, &roster, true).await.unwrap();
    let seen = store(vec![priority("1", "Blocker", None), priority("3", "Low", None)]);
    tx.upsert_reference(instance, &seen, false).await.unwrap();
    assert_eq!(names(&tx.roster(instance, Roster::Priorities).await.unwrap()), ["High", "Low", "Blocker"]);
    let placed = store(vec![
        priority("1", "Blocker", Some(0)),
        priority("9", "High", Some(1)),
        priority("3", "Low", Some(2)),
    ]);
    tx.upsert_reference(instance, &placed, true).await.unwrap();
    assert_eq!(names(&tx.roster(instance, Roster::Priorities).await.unwrap()), ["Blocker", "High", "Low"]);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn the_fields_that_have_a_meaning_are_found_without_the_others() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let field = |(id, (name, custom)): (usize, (&str, &str))| FieldRecord {
        field_key: format!("customfield_{id}"),
        name: name.into(),
        field_type: Some(custom.into()),
        custom: true,
        raw: json!({"id": format!("customfield_{id}"), "name": name, "schema": {"type": "any", "custom": custom}}),
    };
    const TYPES: &str = "com.atlassian.jira.plugin.system.customfieldtypes";
    let [float, select] = ["float", "select"].map(|kind| format!("{TYPES}:{kind}"));
    let fields = [
        ("Sprint", "com.pyxis.greenhopper.jira:gh-sprint"),
        ("Epic Link", "com.pyxis.greenhopper.jira:gh-epic-link"),
        ("Story point estimate", "com.pyxis.greenhopper.jira:jsw-story-points"),
        ("Story Points", float.as_str()),
        ("Weight", float.as_str()),
        ("Team", select.as_str()),
        ("Sprint goal", "org.example:gh-sprint-goal"),
    ];
    let mut records: Vec<FieldRecord> = fields.into_iter().enumerate().map(field).collect();
    records
        .push(FieldRecord { raw: json!({"id": "summary", "schema": "odd"}), ..field((99, ("Summary", ""))) });
    let records = ReferenceRecords { fields: records, ..Default::default() };
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &records, true).await.unwrap();
    let found = tx.fields_with_roles(instance).await.unwrap();
    assert_eq!(names(&found), ["Sprint", "Epic Link", "Story point estimate", "Story Points", "Weight"]);
    let all = tx.roster(instance, Roster::Fields).await.unwrap();
    assert_eq!(FieldRoles::from_fields(&found), FieldRoles::from_fields(&all));
    assert_ne!(FieldRoles::from_fields(&found), FieldRoles::default());
    drop(tx);
    base.remove().await;
}
