//! What issues show of each other: links, and the keys of those that were moved.

use application::{
    issues::{IssueBundle, Presence},
    reference::ReferenceRecords,
};
use uuid::Uuid;

use crate::{
    bundles::{blocks, changed, issue, project},
    database::run,
    upsert::Mirror,
};

#[tokio::test]
async fn a_link_is_one_row_for_both_issues_and_goes_when_one_of_them_loses_it() {
    let mirror = Mirror::new().await;
    let (one, two) = (issue(1, "PAY-1"), issue(2, "PAY-2"));
    let link = blocks(41, &one, &two);
    let linked = |bundle: &IssueBundle, minute| changed(bundle, minute, |b| b.links = vec![link.clone()]);
    let sql =
        "SELECT inward_key || ' ' || link_type || ' ' || outward_key || ' ' || presence FROM issue_links";

    mirror.store(&[linked(&one, 0), linked(&two, 0)]).await;
    assert_eq!(mirror.column(sql).await, ["PAY-1 Blocks PAY-2 present"]);
    mirror.store(&[changed(&two, 5, |_| {})]).await;
    assert_eq!(mirror.column(sql).await, ["PAY-1 Blocks PAY-2 deleted"]);
    mirror.store(&[linked(&two, 6)]).await;
    assert_eq!(mirror.column(sql).await, ["PAY-1 Blocks PAY-2 present"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_link_goes_with_an_issue_that_is_gone_and_comes_back_with_it() {
    let mirror = Mirror::new().await;
    let (one, two) = (issue(1, "PAY-1"), issue(2, "PAY-2"));
    let link = blocks(41, &one, &two);
    let linked = |bundle: &IssueBundle, minute| changed(bundle, minute, |b| b.links = vec![link.clone()]);
    let presence = "SELECT presence FROM issue_links";
    mirror.store(&[linked(&one, 0), linked(&two, 0)]).await;
    for (gone, reason) in [("1", Presence::Deleted), ("2", Presence::AccessLost)] {
        let mut tx = mirror.base.begin(mirror.tenant).await;
        tx.set_presence(mirror.instance, &[gone.into()], reason).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(mirror.column(presence).await, ["unobserved"], "{gone}");
    }
    mirror.store(&[linked(&one, 5)]).await;
    assert_eq!(mirror.column(presence).await, ["unobserved"], "its other issue is not there yet");
    mirror.store(&[linked(&two, 5)]).await;
    assert_eq!(mirror.column(presence).await, ["present"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_census_settles_links_that_were_stored_while_their_issues_went_and_came_back() {
    let mirror = Mirror::new().await;
    let issues = [issue(1, "PAY-1"), issue(2, "PAY-2"), issue(3, "PAY-3")];
    let links = [(41, 0, 1), (42, 1, 2)].map(|(id, from, to)| blocks(id, &issues[from], &issues[to]));
    mirror
        .store(&[changed(&issues[1], 0, |b| b.links = links.to_vec()), issues[0].clone(), issues[2].clone()])
        .await;
    let mut owner = mirror.base.superuser().await;
    run(&mut owner, "UPDATE issues SET presence = 'deleted' WHERE jira_id = '1'".into()).await;
    run(&mut owner, "UPDATE issue_links SET presence = 'unobserved' WHERE jira_id = '42'".into()).await;
    let mut tx = mirror.base.begin(mirror.tenant).await;
    let mut after = Uuid::nil();
    while let Some(last) = tx.settle_links(mirror.instance, after, 1).await.unwrap() {
        after = last;
    }
    tx.commit().await.unwrap();
    let told = "SELECT jira_id || ' ' || presence FROM issue_links ORDER BY jira_id";
    assert_eq!(mirror.column(told).await, ["41 unobserved", "42 present"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn an_issue_whose_project_hides_links_takes_none_away() {
    let mirror = Mirror::new().await;
    let (one, two) = (issue(1, "PAY-1"), issue(2, "OPS-2"));
    let link = blocks(41, &one, &two);
    mirror.store(&[changed(&two, 0, |b| b.links = vec![link])]).await;
    let hidden = changed(&one, 5, |b| b.links_complete = false);
    mirror.store(&[one, hidden]).await;
    assert_eq!(mirror.column("SELECT presence FROM issue_links").await, ["present"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn the_new_key_of_a_moved_issue_is_shown_by_its_children_and_links() {
    let mirror = Mirror::new().await;
    let (parent, mut child, other) = (issue(1, "PAY-1"), issue(2, "PAY-2"), issue(3, "PAY-3"));
    child.issue.parent = Some(("1".into(), "PAY-1".into()));
    let link = blocks(7, &parent, &other);
    let linked = changed(&parent, 0, |bundle| bundle.links = vec![link]);
    mirror.store(&[linked.clone(), child, other]).await;
    let moved = changed(&linked, 1, |bundle| bundle.issue.key = "OPS-9".parse().unwrap());
    mirror.store(&[moved]).await;
    let keys = "SELECT parent_key FROM issues WHERE parent_key IS NOT NULL
                UNION ALL SELECT inward_key || ' ' || outward_key FROM issue_links";
    assert_eq!(mirror.column(keys).await, ["OPS-9", "OPS-9 PAY-3"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn what_was_read_before_another_issue_moved_and_is_stored_after_that_shows_its_new_key() {
    let mirror = Mirror::new().await;
    let (parent, mut child, other) = (issue(1, "PAY-1"), issue(2, "PAY-2"), issue(3, "PAY-3"));
    child.issue.parent = Some(("1".into(), "PAY-1".into()));
    child.issue.epic_key = Some("PAY-1".into());
    let linked = changed(&other, 0, |bundle| bundle.links = vec![blocks(7, &parent, &other)]);
    mirror.store(&[changed(&parent, 1, |bundle| bundle.issue.key = "OPS-9".parse().unwrap())]).await;
    mirror.store(&[child, linked]).await;
    let keys = "SELECT parent_key || ' ' || epic_key FROM issues WHERE parent_key IS NOT NULL
                UNION ALL SELECT inward_key || ' ' || outward_key FROM issue_links";
    assert_eq!(mirror.column(keys).await, ["OPS-9 OPS-9", "OPS-9 PAY-3"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_census_settles_keys_of_moved_issues_that_others_still_show() {
    let mirror = Mirror::new().await;
    let (parent, mut child) = (issue(1, "PAY-1"), issue(2, "PAY-2"));
    child.issue.parent = Some(("1".into(), "PAY-1".into()));
    mirror.store(&[parent.clone(), child]).await;
    mirror.store(&[changed(&parent, 1, |bundle| bundle.issue.key = "OPS-9".parse().unwrap())]).await;
    // As if the child had been stored at the moment of the move, and neither had seen the other.
    let mut owner = mirror.base.superuser().await;
    run(&mut owner, "UPDATE issues SET parent_key = 'PAY-1' WHERE jira_id = '2'".into()).await;
    let mut tx = mirror.base.begin(mirror.tenant).await;
    assert_eq!(tx.settle_keys(mirror.instance, "", 10).await.unwrap().as_deref(), Some("PAY-1"));
    assert_eq!(tx.settle_keys(mirror.instance, "PAY-1", 10).await.unwrap(), None);
    tx.commit().await.unwrap();
    let keys = "SELECT parent_key FROM issues WHERE parent_key IS NOT NULL";
    assert_eq!(mirror.column(keys).await, ["OPS-9"]);
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_key_that_an_issue_or_its_project_has_again_is_no_old_key() {
    let mirror = Mirror::new().await;
    let first = issue(1, "PAY-1");
    let under = |key: &str, minute| changed(&first, minute, |bundle| bundle.issue.key = key.parse().unwrap());
    let old = "SELECT key FROM issue_key_aliases ORDER BY key";
    mirror.store(std::slice::from_ref(&first)).await;
    mirror.store(&[under("OPS-9", 1)]).await;
    assert_eq!(mirror.column(old).await, ["PAY-1"]);
    mirror.store(&[under("PAY-1", 2)]).await;
    assert_eq!(mirror.column(old).await, ["OPS-9"]);

    let named = |key: &str| {
        let mut roster = project("PAY");
        roster.key = key.to_owned();
        roster
    };
    for (key, left) in [("K7", ["OPS-9", "PAY-1"]), ("PAY", ["K7-1", "OPS-9"])] {
        let mut tx = mirror.base.begin(mirror.tenant).await;
        let seen = ReferenceRecords { projects: vec![named(key)], ..Default::default() };
        tx.upsert_reference(mirror.instance, &seen, true).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(mirror.column(old).await, left, "under {key}");
    }
    mirror.base.remove().await;
}
