//! A rename at the source: one row of a roster, and every query speaks the new name.

use application::{
    TenantContext,
    issues::IssueRow,
    ports::{Database, SqlLimits},
    reference::{FieldValueRecord, OptionRecord, RankedRecord, ReferenceRecords},
};
use domain::ids::InstanceId;
use serde_json::json;

use super::{
    check,
    site::{Site, bundle, keys, with},
};
use crate::{
    bundles::{changed, payload, status},
    vanished::{component, version},
};

/// The status with id 3 is called "Doing" from now on, and the priority with id 2 "Soon".
async fn rename(site: &Site, instance: InstanceId) {
    let records = ReferenceRecords {
        statuses: vec![status("3", "Doing", "indeterminate")],
        priorities: vec![RankedRecord {
            jira_id: "2".into(),
            name: "Soon".into(),
            rank: Some(1),
            raw: json!({"id": "2", "name": "Soon"}).into(),
        }],
        ..Default::default()
    };
    let mut tx = site.database.begin(site.tenant).await;
    tx.upsert_reference(instance, &records, true).await.unwrap();
    tx.commit().await.unwrap();
}

async fn issue(site: &Site, instance: InstanceId, key: &str) -> IssueRow {
    site.database.begin(site.tenant).await.issue(Some(instance), key).await.unwrap().unwrap()
}

#[tokio::test]
async fn jql_finds_the_new_name_and_knows_the_old_one_no_more() {
    let site = Site::open().await;
    rename(&site, site.instance).await;
    let examples = [
        ("status = doing", "PAY-1 PAY-10"),
        ("status = 3", "PAY-1 PAY-10"),
        ("status != Doing", "OPS-1 OPS-2 PAY-2 PAY-3"),
        ("status not in (Doing, Done)", "OPS-2 PAY-2"),
        ("priority = Soon", "PAY-1"),
        ("priority >= soon", "PAY-1 PAY-2"),
        ("status was Doing", "PAY-1 PAY-10"),
    ];
    check(&site, &examples).await;
    for (jql, expected) in [
        ("status = 'In Progress'", "The value 'In Progress' does not exist for the field 'status'."),
        ("priority = High", "The value 'High' does not exist for the field 'priority'."),
        // Histories would remember it, but none of these issues ever changed its status.
        ("status was 'In Progress'", "The value 'In Progress' does not exist for the field 'status'."),
    ] {
        assert_eq!(site.refusal(jql).await, expected);
    }
    // Doing, Done, To Do: the present name decides the place.
    assert_eq!(site.ordered("project = PAY ORDER BY status, key").await, "PAY-1 PAY-10 PAY-3 PAY-2");
    site.database.remove().await;
}

#[tokio::test]
async fn rows_and_payloads_have_the_new_name_while_the_issue_stays_as_it_was() {
    let site = Site::open().await;
    let raw = json!({"id": "301", "key": "PAY-30", "fields": {
        "status": {"id": "3", "name": "In Progress", "statusCategory": {"key": "indeterminate"}},
        "priority": {"id": "2", "name": "High"},
        "resolution": null,
    }});
    site.store(&[with(bundle(301, "PAY-30"), |b| {
        b.issue.status = "In Progress".into();
        b.issue.status_id = "3".into();
        b.issue.status_category = "indeterminate".into();
        b.issue.priority = Some(("High".into(), "2".into()));
        b.issue.raw = payload(&raw);
    })])
    .await;
    let before = issue(&site, site.instance, "PAY-30").await;
    assert_eq!(before.raw, raw);
    rename(&site, site.instance).await;

    let after = issue(&site, site.instance, "PAY-30").await;
    assert_eq!((after.status.as_str(), after.priority.as_deref()), ("Doing", Some("Soon")));
    let mut renamed = raw;
    renamed["fields"]["status"]["name"] = "Doing".into();
    renamed["fields"]["priority"]["name"] = "Soon".into();
    assert_eq!(after.raw, renamed);
    assert_eq!(after.updated, before.updated);
    let page = site.search(&site.request("key = PAY-30")).await.unwrap();
    assert_eq!((&page.issues[0].status, &page.issues[0].raw), (&after.status, &renamed));

    let limits = SqlLimits::default();
    let sql = "SELECT key, priority FROM jira.issues WHERE status = 'Doing' ORDER BY key";
    let answer = site.database.db.ask(&TenantContext::whole(site.tenant), sql, limits).await.unwrap();
    assert_eq!(json!(answer.rows), json!([["PAY-1", "Soon"], ["PAY-10", null], ["PAY-30", "Soon"]]));
    let sql = "SELECT count(*) FROM jira.issues WHERE status = 'In Progress' OR priority = 'High'";
    let answer = site.database.db.ask(&TenantContext::whole(site.tenant), sql, limits).await.unwrap();
    assert_eq!(json!(answer.rows), json!([[0]]));
    site.database.remove().await;
}

/// Ids mean something at their own instance: the other one's status of the same id keeps its name.
#[tokio::test]
async fn a_rename_is_one_instances_own() {
    let site = Site::open().await;
    let doing = |key: &str| {
        with(bundle(100, key), |b| {
            b.issue.status = "In Progress".into();
            b.issue.status_id = "3".into();
            b.issue.status_category = "indeterminate".into();
        })
    };
    let other = site.second_instance(&[doing("WEB-1")]).await;
    assert_eq!(site.find("status = 'In Progress'").await, "PAY-1 PAY-10 WEB-1");
    rename(&site, site.instance).await;
    assert_eq!(site.find("status = 'In Progress'").await, "WEB-1");
    assert_eq!(site.find("status = Doing").await, "PAY-1 PAY-10");
    assert_eq!(site.find("status in (Doing, 'In Progress')").await, "PAY-1 PAY-10 WEB-1");
    assert_eq!(site.find("status not in (Doing, Done, 'To Do')").await, "WEB-1");
    let mut here = site.request("status = Doing");
    here.instance = Some(other);
    assert_eq!(
        site.search(&here).await.unwrap_err().to_string(),
        "The value 'Doing' does not exist for the field 'status'."
    );
    here.instance = Some(site.instance);
    here.query = jql::parse("status = Doing ORDER BY key").unwrap();
    assert_eq!(keys(&site.search(&here).await.unwrap()), "PAY-1 PAY-10");
    site.database.remove().await;
}

/// Components, versions, the project, the parent and the epic too.
#[tokio::test]
async fn lists_name_what_issues_point_to_as_it_is_called_now() {
    let site = Site::open().await;
    let raw = json!({"id": "311", "key": "PAY-31", "fields": {
        "project": {"id": "1", "key": "PAY", "name": "Payments"},
        "components": [{"id": "7", "name": "web"}], "fixVersions": [{"id": "8", "name": "1.0"}],
        "parent": {"id": "310", "key": "PAY-300"},
    }});
    let value = |field: &str, id: &str, text: &str| FieldValueRecord {
        field_id: field.into(),
        value_id: Some(id.into()),
        text: Some(text.into()),
        ..Default::default()
    };
    let epic = bundle(310, "PAY-300");
    let child = with(bundle(311, "PAY-31"), |b| {
        b.values = vec![value("components", "7", "web"), value("fixVersions", "8", "1.0")];
        b.reference.components = vec![component(7, "web")];
        b.reference.versions = vec![version(8, "1.0", None)];
        b.issue.components = vec!["web".into()];
        b.issue.parent = Some(("310".into(), "PAY-300".into()));
        b.issue.epic_key = Some("PAY-300".into());
        b.issue.raw = payload(&raw);
    });
    site.store(&[epic.clone(), child]).await;
    let renamed = ReferenceRecords {
        components: vec![component(7, "frontend")],
        versions: vec![version(8, "2.0", None)],
        ..Default::default()
    };
    let mut tx = site.database.begin(site.tenant).await;
    tx.upsert_reference(site.instance, &renamed, true).await.unwrap();
    tx.commit().await.unwrap();
    site.store(&[changed(&epic, 900, |b| b.issue.key = "PAY-301".parse().unwrap())]).await;

    let page = site.search(&site.request("key = PAY-31")).await.unwrap();
    for row in [&page.issues[0], &issue(&site, site.instance, "PAY-31").await] {
        let fields = &row.raw["fields"];
        assert_eq!(fields["components"][0]["name"], "frontend");
        assert_eq!(fields["fixVersions"][0]["name"], "2.0");
        assert_eq!(fields["parent"]["key"], "PAY-301");
    }
    for jql in ["'Epic Link' = PAY-301", "'Epic Link' = PAY-300", "parent = PAY-301"] {
        assert_eq!(site.find(jql).await, "PAY-31", "{jql}");
    }
    let sql = "SELECT components, parent, epic FROM jira.issues WHERE key = 'PAY-31'";
    let answer =
        site.database.db.ask(&TenantContext::whole(site.tenant), sql, SqlLimits::default()).await.unwrap();
    assert_eq!(json!(answer.rows), json!([[["frontend"], "PAY-301", "PAY-301"]]));
    site.database.remove().await;
}

#[tokio::test]
async fn an_option_is_found_by_the_name_it_has_now() {
    let site = Site::open().await;
    assert_eq!(site.find("Team = Blue").await, "PAY-2");
    let option = |field: &str, id: &str, value: &str| OptionRecord {
        field_key: field.into(),
        jira_id: id.into(),
        context_id: None,
        parent_id: None,
        value: value.into(),
        sequence: Some(0),
        disabled: false,
        raw: json!({"id": id, "value": value}),
    };
    let renamed = ReferenceRecords {
        options: vec![
            option("customfield_10030", "77", "Azure"),
            // Another one has the old name now, and a field that is not asked for an option of the new one.
            option("customfield_10030", "78", "Blue"),
            option("customfield_10099", "79", "Azure"),
        ],
        ..ReferenceRecords::default()
    };
    let mut tx = site.database.begin(site.tenant).await;
    tx.upsert_reference(site.instance, &renamed, true).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(site.find("Team = azure").await, "PAY-2");
    assert_eq!(site.find("Team in (Azure, Green)").await, "PAY-2");
    assert_eq!(site.find("Team = Blue").await, "");
    assert_eq!(site.find("Team != Blue").await, "PAY-2");
    assert_eq!(site.find("Team = 77").await, "PAY-2");
    site.database.remove().await;
}
