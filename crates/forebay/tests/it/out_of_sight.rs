//! Issues that go out of sight and come back while others that show them are written to and read.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::app::{AtDoor, TestApp, eventually};

struct Site(TestApp);

impl AtDoor for Site {
    const BASE: &'static str = "/jira/source/rest/api/3";

    fn app(&self) -> &TestApp {
        &self.0
    }
}

impl Site {
    async fn issue(&self, more: Value) -> String {
        let listed = self.get("project").await.ok();
        let mut fields = json!({ "project": { "id": listed[0]["id"] }, "issuetype": { "name": "Task" }, "summary": "One" });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("issue", json!({ "fields": fields })).await.ok()["id"].as_str().unwrap().to_owned()
    }

    /// The ids of the links and sub-tasks that an issue of a site shows.
    async fn lists(&self, site: &str, issue: &str) -> Vec<String> {
        let read = self.0.get(&format!("/jira/{site}/rest/api/3/issue/{issue}")).await.ok();
        let ids = |list: &str| {
            let entries = read["fields"][list].as_array().unwrap().clone();
            entries.into_iter().map(|entry| entry["id"].as_str().unwrap().to_owned())
        };
        ids("issuelinks").chain(ids("subtasks")).collect()
    }

    fn sync(&self) {
        self.0.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    }

    fn census(&self) {
        self.0.json(&["sync", "census", "copy", "--tenant", "acme"]);
    }
}

/// No door does this, no webhook tells of it, and `updated` stays. What the door holds in memory it drops when it hears the notification,
/// which may be after this returns.
async fn set_presence(owner: &mut PgConnection, issues: &[String], presence: &str) {
    let mut tx = owner.begin().await.unwrap();
    sqlx::query(
        "UPDATE issues SET presence = $2 WHERE jira_id = ANY($1)
         AND instance_id = (SELECT id FROM jira_instances WHERE name = 'source')",
    )
    .bind(issues)
    .bind(presence)
    .execute(&mut *tx)
    .await
    .unwrap();
    // A link is there again once both of its issues are.
    sqlx::query(
        "UPDATE issue_links SET presence = 'present' WHERE presence = 'unobserved' AND $1 = 'present'",
    )
    .bind(presence)
    .execute(&mut *tx)
    .await
    .unwrap();
    sqlx::query("SELECT forebay.announce_changes(gen_random_uuid())").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_issue_lists_is_hidden_with_the_others_and_back_with_them_at_both_sites() {
    let app = TestApp::start().await;
    app.sandbox("source", 20);
    let mut owner = app.database.superuser().await;
    let site = Site(app);
    let (shown, other) = (site.issue(json!({})).await, site.issue(json!({})).await);
    let child = site.issue(json!({ "issuetype": { "name": "Sub-task" }, "parent": { "id": shown } })).await;
    let seen = site.issue(json!({})).await;
    for end in [&other, &seen] {
        let link = json!({ "type": { "name": "Blocks" }, "inwardIssue": { "id": shown }, "outwardIssue": { "id": end } });
        assert_eq!(site.post("issueLink", link).await.status, 201);
    }
    let all = site.lists("source", &shown).await;
    assert_eq!(all.len(), 3);

    // Written to, and first copied, while the others are out of sight.
    let hidden = [other.clone(), child.clone()];
    set_presence(&mut owner, &hidden, "access_lost").await;
    let few = eventually(|| site.lists("source", &shown), |lists| lists[..] == all[1..2]).await;
    let edit = json!({ "fields": { "summary": "Two" } });
    assert_eq!(site.put(&format!("issue/{shown}"), edit).await.status, 204);
    site.0.mirror("copy", "source", "cloud");
    site.sync();
    assert_eq!(site.lists("copy", &shown).await, few);
    site.census();

    set_presence(&mut owner, &hidden, "present").await;
    // A write takes away nothing that its writer was not shown.
    eventually(|| site.lists("source", &shown), |lists| *lists == all).await;
    site.census();
    eventually(|| site.lists("copy", &shown), |lists| *lists == all).await;
    let linked = site.lists("copy", &other).await;
    assert_eq!(linked, site.lists("source", &other).await);
    assert_eq!(linked, all[..1]);
}
