//! Attachments, counts, followers and remote links.

use application::{
    issues::{
        AttachedRecords, AttachmentRecord, Counts, Follower, IssueBundle, IssueDetails, RemoteLinkRecord,
    },
    reference::{IssueFollowers, ReferenceRecords},
};
use domain::ids::{InstanceId, TenantId};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{
    bundles::{at, changed, issue},
    database::TestDatabase,
};

pub fn attachment(id: u32, filename: &str) -> AttachmentRecord {
    AttachmentRecord {
        jira_id: id.to_string(),
        author: Some("ann".into()),
        filename: filename.into(),
        mime_type: Some("image/png".into()),
        size: Some(281_359),
        content_url: None,
        created: at(i64::from(id)),
        source_hash: filename.as_bytes().to_vec(),
    }
}

fn with(bundle: &IssueBundle, minute: i64, files: &[(u32, &str)], counts: (i32, i32)) -> IssueBundle {
    changed(bundle, minute, |bundle| {
        bundle.attached = AttachedRecords {
            attachments: files.iter().map(|(id, name)| attachment(*id, name)).collect(),
            attachments_complete: true,
            counts: Some(Counts { watchers: counts.0, votes: counts.1 }),
            properties: None,
        };
    })
}

async fn store(base: &TestDatabase, tenant: TenantId, instance: InstanceId, page: &[IssueBundle]) {
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, page).await.unwrap();
    tx.commit().await.unwrap();
}

async fn files(base: &TestDatabase, tenant: TenantId, instance: InstanceId) -> Vec<String> {
    let mut tx = base.begin(tenant).await;
    let details = tx.details(instance, instance.issue("1")).await.unwrap();
    details.attachments.into_iter().map(|row| row.filename).collect()
}

/// Which version of each row a table has: rows that are rewritten have another.
async fn versions(admin: &mut PgConnection, table: &str) -> String {
    let sql = format!("SELECT coalesce(string_agg(xmin::text, ',' ORDER BY ctid), '') FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(admin).await.unwrap()
}

#[tokio::test]
async fn an_attachment_is_stored_once_renamed_in_place_and_gone_when_its_issue_loses_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    let plain = issue(1, "PAY-1");
    let both = with(&plain, 1, &[(7, "a.png"), (8, "b.png")], (2, 1));
    store(&base, tenant, instance, &[both.clone(), issue(2, "PAY-2")]).await;
    assert_eq!(files(&base, tenant, instance).await, ["a.png", "b.png"]);
    let mut tx = base.begin(tenant).await;
    let details = tx.details(instance, instance.issue("1")).await.unwrap();
    let first = &details.attachments[0];
    assert_eq!((first.author.as_deref(), first.size, first.created), (Some("Ann"), Some(281_359), at(7)));
    assert_eq!(details.counts, Counts { watchers: 2, votes: 1 });
    assert_eq!(tx.details(instance, instance.issue("2")).await.unwrap(), IssueDetails::default());
    drop(tx);

    let (before, counted) =
        (versions(&mut admin, "attachments").await, versions(&mut admin, "issue_counts").await);
    store(&base, tenant, instance, std::slice::from_ref(&both)).await;
    // An issue that changed elsewhere.
    store(&base, tenant, instance, &[changed(&both, 2, |b| b.issue.summary = "Other".into())]).await;
    assert_eq!(versions(&mut admin, "attachments").await, before, "nothing is rewritten");
    assert_eq!(versions(&mut admin, "issue_counts").await, counted);

    store(&base, tenant, instance, &[with(&plain, 3, &[(7, "renamed.png"), (8, "b.png")], (2, 1))]).await;
    let after = versions(&mut admin, "attachments").await;
    let written = after.split(',').filter(|row| !before.contains(row)).count();
    assert_eq!(written, 1, "one row written, one left: {before} {after}");

    store(&base, tenant, instance, &[with(&plain, 4, &[(8, "b.png")], (0, 0))]).await;
    assert_eq!(files(&base, tenant, instance).await, ["b.png"]);
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.details(instance, instance.issue("1")).await.unwrap().counts, Counts::default());
    drop(tx);
    let presence: Vec<String> = sqlx::query_scalar("SELECT presence FROM attachments ORDER BY jira_id")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    assert_eq!(presence, ["deleted", "present"]);

    // A search that left the field out says nothing about it.
    let silent = changed(&plain, 5, |b| b.attached = AttachedRecords::default());
    store(&base, tenant, instance, &[silent]).await;
    assert_eq!(files(&base, tenant, instance).await, ["b.png"]);
    store(&base, tenant, instance, &[with(&plain, 6, &[(7, "renamed.png"), (8, "b.png")], (0, 0))]).await;
    assert_eq!(files(&base, tenant, instance).await, ["renamed.png", "b.png"]);
    base.remove().await;
}

#[tokio::test]
async fn followers_are_those_of_the_last_look() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    store(&base, tenant, instance, &[issue(1, "PAY-1"), issue(2, "PAY-2")]).await;
    let mut tx = base.begin(tenant).await;
    let told = |watchers: Option<&[&str]>, voters: Option<&[&str]>| {
        let accounts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let followers = IssueFollowers {
            issue_jira_id: "1".into(),
            watchers: watchers.map(accounts),
            voters: voters.map(accounts),
        };
        ReferenceRecords { followers: vec![followers], ..ReferenceRecords::default() }
    };
    let look = told(Some(&["ann", "never-seen"]), Some(&["bob"]));
    tx.upsert_reference(instance, &look, false).await.unwrap();
    // What was not asked for says nothing.
    tx.upsert_reference(instance, &told(Some(&["bob", "ann"]), None), false).await.unwrap();
    let names = |people: Vec<Follower>| people.into_iter().map(|one| one.account).collect::<Vec<_>>();
    let one = instance.issue("1");
    assert_eq!(names(tx.watchers(one).await.unwrap()), ["ann", "bob"]);
    assert_eq!(names(tx.voters(one).await.unwrap()), ["bob"]);
    let followed = tx.followed_issues(instance, 0, 10).await.unwrap();
    assert_eq!(followed.iter().map(|issue| issue.jira_id.as_str()).collect::<Vec<_>>(), ["1"]);
    assert!(tx.followed_issues(instance, 1, 10).await.unwrap().is_empty());
    // Nobody any more.
    tx.upsert_reference(instance, &told(Some(&[]), Some(&[])), false).await.unwrap();
    assert!(tx.followed_issues(instance, 0, 10).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn remote_links_are_those_of_the_last_look() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    store(&base, tenant, instance, &[issue(1, "PAY-1")]).await;
    let one = instance.issue("1");
    let link = |id: u32, title: &str| RemoteLinkRecord {
        jira_id: id.to_string(),
        global_id: Some(format!("system=wiki&id={id}")),
        relationship: None,
        application: Some("Wiki".into()),
        title: title.into(),
        url: format!("https://wiki.example/{id}"),
        raw: json!({"id": id, "object": {"title": title}}),
    };
    let mut tx = base.begin(tenant).await;
    let both = [link(1, "Plan"), link(2, "Notes")];
    assert_eq!(tx.replace_remote_links(instance, one, &both).await.unwrap(), 2);
    assert_eq!(tx.replace_remote_links(instance, one, &both).await.unwrap(), 0);
    assert_eq!(tx.replace_remote_links(instance, one, &[link(1, "The plan")]).await.unwrap(), 1);
    assert_eq!(tx.remote_links(one).await.unwrap(), [json!({"id": 1, "object": {"title": "The plan"}})]);
    drop(tx);
    base.remove().await;
}
