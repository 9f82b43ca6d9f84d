//! Desks and organisations that a site lists no more.

use application::reference::{
    DeskRecord, DeskSetup, OrganizationMembers, OrganizationRecord, ReferenceRecords, Roster,
};
use serde_json::json;

use crate::{bundles::project, database::TestDatabase, vanished::put};

/// Desks and organisations are read in rounds: what a round has told stays when their lists are read again, and goes with them.
#[tokio::test]
async fn desks_and_organisations_that_are_listed_no_more_are_forgotten() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let desk = |id: &str, project: &str| DeskRecord { jira_id: id.into(), project_jira_id: project.into() };
    let organization = |id: &str, name: &str| OrganizationRecord {
        jira_id: id.into(),
        name: name.into(),
        created: None,
        raw: json!({"id": id, "name": name}),
    };
    let lists = |organizations: Vec<OrganizationRecord>| ReferenceRecords {
        projects: vec![project("PAY")],
        service_desks: vec![desk("1", &project("PAY").jira_id), desk("2", "no such project")],
        organizations,
        whole: vec![Roster::ServiceDesks, Roster::Organizations],
        ..Default::default()
    };
    let both = || vec![organization("7", "North"), organization("8", "South")];
    put(&base, tenant, instance, &lists(both()), true).await;
    let mut tx = base.begin(tenant).await;
    let desks = tx.service_desks(instance).await.unwrap();
    assert_eq!(desks.len(), 1, "a desk belongs to a project");
    assert!(!desks[0].set_up, "no round has read it");
    assert!(tx.organizations(instance).await.unwrap().iter().all(|known| !known.members_known));
    drop(tx);

    let setup = application::service_desks::Setup { organizations: vec!["7".into()], ..Default::default() };
    let rounds = ReferenceRecords {
        desk_setups: vec![DeskSetup { desk_id: "1".into(), setup: setup.clone() }],
        organization_members: vec![OrganizationMembers {
            organization_id: "7".into(),
            accounts: vec!["ann".into()],
        }],
        ..Default::default()
    };
    put(&base, tenant, instance, &rounds, true).await;
    put(&base, tenant, instance, &lists(vec![organization("7", "Far north")]), true).await;
    let mut tx = base.begin(tenant).await;
    let desks = tx.service_desks(instance).await.unwrap();
    assert_eq!((desks[0].set_up, &desks[0].setup), (true, &setup));
    let known = tx.organizations(instance).await.unwrap();
    assert_eq!(known.len(), 1, "the other one is gone");
    assert_eq!((known[0].name.as_str(), known[0].members.as_slice()), ("Far north", &["ann".to_owned()][..]));
    drop(tx);

    let none = ReferenceRecords { service_desks: Vec::new(), ..lists(Vec::new()) };
    put(&base, tenant, instance, &none, true).await;
    let mut tx = base.begin(tenant).await;
    assert!(tx.service_desks(instance).await.unwrap().is_empty());
    assert!(tx.organizations(instance).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}
