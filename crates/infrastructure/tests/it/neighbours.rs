//! What issues show of other issues is what the others are now.

use application::issues::{IssueBundle, Presence};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bundles::{changed, issue, payload, status},
    database::run,
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
async fn what_is_gone_or_hidden_is_in_no_list_until_it_is_back() {
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
    assert_eq!(lists(&[("3", Presence::Archived)]).await, (2, 2), "it can still be read");
    let mut owner = mirror.base.superuser().await;
    for (presence, counts) in [("archived", (1, 1)), ("present", (2, 2))] {
        run(&mut owner, format!("UPDATE projects SET presence = '{presence}'")).await;
        assert_eq!(lists(&[]).await, counts, "its project is {presence}");
    }
    for gone in [Presence::AccessLost, Presence::Trashed, Presence::Deleted] {
        assert_eq!(lists(&[("3", gone)]).await, (1, 1), "{gone:?}");
        assert_eq!(lists(&[("3", Presence::Present)]).await, (2, 2), "it is back");
    }
    mirror.base.remove().await;
}

#[tokio::test]
async fn a_census_has_those_looked_at_that_do_not_tell_the_same_of_each_other() {
    let mirror = Mirror::new().await;
    let listing = |id: u32, key: &str, fields: Value| {
        let parent = fields["parent"]["id"].as_str().map(|id| (id.to_owned(), "PAY-9".to_owned()));
        let mut bundle = changed(&issue(id, key), 0, |bundle| bundle.issue.parent = parent);
        let mut raw = bundle.issue.raw.value().unwrap();
        raw["fields"].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        bundle.issue.raw = payload(&raw);
        bundle
    };
    let sub = json!({ "id": "5", "name": "Sub-task", "subtask": true });
    let to = |id: &str, other: &str| json!([{ "id": id, "outwardIssue": { "id": other, "key": "PAY-9" } }]);
    let at = |id: &str, other: &str| json!([{ "id": id, "inwardIssue": { "id": other, "key": "PAY-9" } }]);
    let none = json!([]);
    mirror
        .store(&[
            // They agree.
            listing(1, "PAY-1", json!({ "issuelinks": to("71", "2"), "subtasks": [{ "id": "3" }] })),
            listing(2, "PAY-2", json!({ "issuelinks": at("71", "1"), "subtasks": none })),
            listing(3, "PAY-3", json!({ "issuetype": sub, "parent": { "id": "1" }, "issuelinks": none })),
            // One names an issue that the copy does not have.
            listing(11, "PAY-11", json!({ "issuelinks": to("72", "12"), "subtasks": none })),
            // One shows a link that the other does not.
            listing(21, "PAY-21", json!({ "issuelinks": to("73", "22") })),
            listing(22, "PAY-22", json!({ "issuelinks": none })),
            // A parent does not show its sub-task; another one shows one that is not its own.
            listing(31, "PAY-31", json!({ "subtasks": none })),
            listing(32, "PAY-32", json!({ "subtasks": [{ "id": "33" }] })),
            listing(33, "PAY-33", json!({ "issuetype": sub, "parent": { "id": "31" } })),
        ])
        .await;
    let settle = async || {
        let mut tx = mirror.base.begin(mirror.tenant).await;
        let mut after = Uuid::nil();
        while let Some(last) = tx.settle_neighbours(mirror.instance, after, 2).await.unwrap() {
            after = last;
        }
        tx.commit().await.unwrap();
    };
    settle().await;
    let asked =
        "WITH gone AS (DELETE FROM issue_hints RETURNING jira_id) SELECT jira_id FROM gone ORDER BY 1";
    assert_eq!(mirror.column(asked).await, ["11", "12", "21", "22", "31", "32"]);

    // What was read before the last census was looked at then.
    let mut owner = mirror.base.superuser().await;
    let taken = "INSERT INTO censuses (tenant_id, id, instance_id, state, holder, lease_until)
        SELECT tenant_id, gen_random_uuid(), id, 'succeeded', gen_random_uuid(), now() FROM jira_instances";
    run(&mut owner, taken.into()).await;
    settle().await;
    assert!(mirror.column(asked).await.is_empty());
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
