//! What issues show of other issues is what the others are now.

use application::issues::{IssueBundle, Presence};
use serde_json::{Value, json};

use crate::{
    bundles::{changed, issue, payload, status},
    upsert::Mirror,
};

/// An issue as others show it.
fn shown(id: &str, key: &str, summary: &str) -> Value {
    let status = json!({ "id": "1", "name": "To Do", "iconUrl": "x", "statusCategory": { "key": "new" } });
    json!({ "id": id, "key": key, "fields": { "summary": summary, "status": status,
            "issuetype": { "id": "10001", "name": "Story", "subtask": false } } })
}

/// `PAY-2`, whose parent is `PAY-1` and which is linked with both others.
fn in_the_middle() -> IssueBundle {
    let mut bundle = changed(&issue(2, "PAY-2"), 0, |bundle| {
        bundle.issue.parent = Some(("1".into(), "PAY-1".into()));
    });
    let mut raw = bundle.issue.raw.value().unwrap();
    let fields = &mut raw["fields"];
    fields["parent"] = shown("1", "PAY-1", "Before");
    fields["subtasks"] = json!([shown("3", "PAY-3", "Before"), shown("99", "PAY-99", "Elsewhere")]);
    fields["issuelinks"] = json!([
        { "id": "7", "outwardIssue": shown("1", "PAY-1", "Before") },
        { "id": "8", "inwardIssue": shown("3", "PAY-3", "Before") },
    ]);
    bundle.issue.raw = payload(&raw);
    bundle
}

async fn fields(mirror: &Mirror) -> Value {
    let mut tx = mirror.base.begin(mirror.tenant).await;
    tx.issue(Some(mirror.instance), "PAY-2").await.unwrap().unwrap().raw["fields"].clone()
}

#[tokio::test]
async fn parents_sub_tasks_and_links_are_shown_as_the_copy_has_them() {
    let mirror = Mirror::new().await;
    let parent = changed(&issue(1, "PAY-1"), 1, |bundle| {
        bundle.issue.key = "OPS-9".parse().unwrap();
        bundle.issue.summary = "Renamed".into();
    });
    let child = changed(&issue(3, "PAY-3"), 1, |bundle| {
        bundle.issue.status_id = "7".into();
        bundle.issue.status = "Waiting".into();
        bundle.issue.status_category = "done".into();
        bundle.reference.statuses = vec![status("7", "Waiting", "done")];
    });
    mirror.store(&[parent, in_the_middle(), child]).await;
    let read = fields(&mirror).await;
    for parent in [&read["parent"], &read["issuelinks"][0]["outwardIssue"]] {
        assert_eq!((&parent["key"], &parent["fields"]["summary"]), (&json!("OPS-9"), &json!("Renamed")));
        assert_eq!(parent["fields"]["status"]["iconUrl"], "x", "what did not change is as it was served");
    }
    let waiting = json!({ "id": "7", "name": "Waiting", "statusCategory": { "key": "done" } });
    for child in [&read["subtasks"][0], &read["issuelinks"][1]["inwardIssue"]] {
        assert_eq!(
            (&child["fields"]["status"], &child["fields"]["summary"]),
            (&waiting, &json!("Summary of PAY-3"))
        );
        assert!(child["fields"].get("priority").is_none(), "nothing of it was shown");
    }
    assert_eq!(read["subtasks"][1], shown("99", "PAY-99", "Elsewhere"), "the copy does not have it");
    mirror.base.remove().await;
}

#[tokio::test]
async fn what_is_gone_is_in_no_list_and_what_is_out_of_sight_stays_as_it_was() {
    let mirror = Mirror::new().await;
    mirror.store(&[issue(1, "PAY-1"), in_the_middle(), issue(3, "PAY-3")]).await;
    let lists = async |gone: &[(&str, Presence)]| {
        for (id, presence) in gone {
            let mut tx = mirror.base.begin(mirror.tenant).await;
            tx.set_presence(mirror.instance, &[(*id).to_owned()], *presence).await.unwrap();
            tx.commit().await.unwrap();
        }
        let read = fields(&mirror).await;
        let count = |list: &str| read[list].as_array().unwrap().len();
        (count("subtasks"), count("issuelinks"))
    };
    assert_eq!(lists(&[]).await, (2, 2));
    assert_eq!(lists(&[("3", Presence::AccessLost)]).await, (2, 2));
    assert_eq!(lists(&[("3", Presence::Deleted)]).await, (1, 1));
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_change_is_noted_for_the_issues_that_show_it() {
    let mirror = Mirror::new().await;
    mirror.store(&[issue(1, "PAY-1"), in_the_middle(), issue(3, "PAY-3"), issue(4, "PAY-4")]).await;
    let mut owner = mirror.base.superuser().await;
    for (change, names) in [
        ("summary = 'Other' WHERE jira_id = '1'", vec!["PAY-1", "PAY-2"]),
        ("description_text = 'Other' WHERE jira_id = '1'", vec!["PAY-1"]),
        ("summary = 'Other' WHERE jira_id = '2'", vec!["PAY-1", "PAY-2"]),
        ("summary = 'Other' WHERE jira_id = '4'", vec!["PAY-4"]),
    ] {
        let mut tx = sqlx::Connection::begin(&mut owner).await.unwrap();
        sqlx::Executor::execute(&mut *tx, sqlx::AssertSqlSafe(format!("UPDATE issues SET {change}")))
            .await
            .unwrap();
        let noted: String =
            sqlx::query_scalar("SELECT forebay.take_changes()").fetch_one(&mut *tx).await.unwrap();
        let mut keys: Vec<&str> =
            noted.lines().filter_map(|line| line.strip_prefix("i ")?.split(' ').nth(1)).collect();
        keys.sort_unstable();
        assert_eq!(keys, names, "{change}: {noted}");
        tx.commit().await.unwrap();
    }
    mirror.base.remove().await;
}
