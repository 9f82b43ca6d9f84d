//! A rename at the site that is mirrored shows at every door after the sync that brings it, however warm the caches are.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::app::{TestApp, eventually};

/// What is renamed: the table, Jira's name of the field, REST's, and the column of `jira.issues`.
const RENAMED: [(&str, &str, &str, &str); 4] = [
    ("statuses", "status", "status", "status"),
    ("issue_types", "issuetype", "type", "issue_type"),
    ("priorities", "priority", "priority", "priority"),
    ("resolutions", "resolution", "resolution", "resolution"),
];

/// Renames at the source, as an administrator of Jira does: one row, and no issue is touched.
async fn rename(app: &TestApp, table: &str, old: &str, new: &str) {
    let mut owner = app.database.superuser().await;
    let sql = format!(
        "BEGIN;
         UPDATE {table} SET name = '{new}', raw_jsonb = jsonb_set(raw_jsonb, '{{name}}', '\"{new}\"')
         WHERE name = '{old}' AND instance_id = (SELECT id FROM jira_instances WHERE name = 'source');
         SELECT forebay.announce_changes(gen_random_uuid());
         COMMIT"
    );
    owner.execute(AssertSqlSafe(sql)).await.unwrap();
}

/// The name that each door shows for an issue, and those of the roster.
async fn shown(app: &TestApp, instance: &str, id: &str, what: (&str, &str, &str, &str)) -> Value {
    let (_, field, name, column) = what;
    let rest = app.get(&format!("/v1/issues/{id}?instance={instance}")).await.ok();
    let jira = app.get(&format!("/jira/{instance}/rest/api/3/issue/{id}")).await.ok();
    let list = app.get(&format!("/jira/{instance}/rest/api/3/{field}")).await.ok();
    let names: Vec<&Value> = list.as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    let sql = format!("SELECT {column} FROM jira.issues WHERE id = '{id}' AND instance = '{instance}'");
    let sql = app.post("/v1/sql", json!({ "sql": sql })).await.ok();
    json!({
        "rest": rest[name].get("name").unwrap_or(&rest[name]),
        "jira": jira["fields"][field]["name"],
        "roster": names,
        "sql": sql["rows"][0][0],
    })
}

async fn jql(app: &TestApp, instance: &str, field: &str, name: &str) -> (u16, u64) {
    let body = json!({ "jql": format!("{field} = \"{name}\""), "instance": instance, "total": true });
    let found = app.post("/v1/issues/search", body).await;
    (found.status.as_u16(), found.json["total"].as_u64().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_at_the_source_is_seen_at_every_door_after_the_sync_that_brings_it() {
    let app = TestApp::start().await;
    app.sandbox("source", 60);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let done =
        app.get("/v1/issues?instance=copy&jql=resolution%20is%20not%20EMPTY%20ORDER%20BY%20id").await.ok();
    let key = done["issues"][0]["key"].as_str().unwrap();
    let issue = app.get(&format!("/jira/copy/rest/api/3/issue/{key}")).await.ok();
    let id = issue["id"].as_str().unwrap().to_owned();
    let mut renamed = Vec::new();
    for what in RENAMED {
        let old = issue["fields"][what.1]["name"].as_str().unwrap().to_owned();
        let new = format!("{old} anew");
        for instance in ["source", "copy"] {
            // Twice, so that the second answer is the cache's.
            for _ in 0..2 {
                let warm = shown(&app, instance, &id, what).await;
                for door in ["rest", "jira", "sql"] {
                    assert_eq!(warm[door], old.as_str(), "{what:?} at {instance}: {warm}");
                }
            }
        }
        let matches = jql(&app, "copy", what.1, &old).await;
        assert!(matches.1 > 0, "{what:?}: {matches:?}");
        rename(&app, what.0, &old, &new).await;
        renamed.push((what, old, new, matches.1));
    }
    let rest = async |instance: &str| {
        app.get(&format!("/v1/issues/{id}?instance={instance}")).await.ok().to_string()
    };
    let wanted = renamed[0].2.clone();
    eventually(|| rest("source"), |text| text.contains(&wanted)).await;
    assert!(!rest("copy").await.contains(&wanted), "nobody has told the mirror yet");

    // Rosters are read once an hour; the next run finds that it is time.
    let mut owner = app.database.superuser().await;
    owner.execute("UPDATE sync_watermarks SET last_updated_at = last_updated_at - interval '2 hours' WHERE entity = 'rosters'").await.unwrap();
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    eventually(|| rest("copy"), |text| text.contains(&wanted)).await;
    for (what, old, new, matches) in renamed {
        for instance in ["source", "copy"] {
            let now = shown(&app, instance, &id, what).await;
            for door in ["rest", "jira", "sql"] {
                assert_eq!(now[door], new.as_str(), "{what:?} at {instance}: {now}");
            }
            let roster = now["roster"].as_array().unwrap();
            assert!(
                roster.contains(&json!(new)) && !roster.contains(&json!(old)),
                "{what:?} at {instance}: {now}"
            );
            assert_eq!(jql(&app, instance, what.1, &new).await, (200, matches), "{what:?} at {instance}");
            assert_eq!(jql(&app, instance, what.1, &old).await.0, 400, "{what:?}: nothing has the old name");
        }
    }
}

/// Components and versions: the names in the lists of a cached issue.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_and_a_version_that_are_renamed_show_in_issues_that_are_cached() {
    let app = TestApp::start().await;
    app.sandbox("source", 60);
    for (table, field) in [("components", "components"), ("versions", "fixVersions")] {
        let jql = format!("/v1/issues?instance=source&jql={field}%20is%20not%20EMPTY%20ORDER%20BY%20id");
        let found = app.get(&jql).await.ok();
        let key = found["issues"][0]["key"].as_str().unwrap().to_owned();
        let jira = async || app.get(&format!("/jira/source/rest/api/3/issue/{key}")).await.ok();
        let rest = async || app.get(&format!("/v1/issues/{key}?instance=source")).await.ok().to_string();
        let names = |issue: &Value| -> Vec<String> {
            let entries = issue["fields"][field].as_array().unwrap().iter();
            entries.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
        };
        let old = names(&jira().await)[0].clone();
        // Twice, so that the second answers are the cache's.
        for _ in 0..2 {
            assert!(rest().await.contains(&old) && names(&jira().await).contains(&old), "{table} {key}");
        }
        let new = format!("{old} anew");
        rename(&app, table, &old, &new).await;
        let now = eventually(async || names(&jira().await), |names| names.contains(&new)).await;
        assert!(!now.contains(&old), "{table}: {now:?}");
    }
}

/// What the doors show of the issue's assignee, its status's category and its first sprint.
async fn shown_of_others(app: &TestApp, instance: &str, id: &str, sprints: &str) -> Value {
    let rest = app.get(&format!("/v1/issues/{id}?instance={instance}&raw=true")).await.ok();
    let jira = app.get(&format!("/jira/{instance}/rest/api/3/issue/{id}")).await.ok();
    let question = json!({ "jql": format!("id = {id}"), "fields": ["*all"] });
    let found = app.post(&format!("/jira/{instance}/rest/api/3/search/jql"), question).await.ok();
    let sql = format!(
        "SELECT i.assignee, i.status_category, v.text FROM jira.issues i
         JOIN jira.field_values v ON v.instance = i.instance AND v.issue = i.key AND v.field_id = '{sprints}' AND v.ordinal = 0
         WHERE i.id = '{id}' AND i.instance = '{instance}'"
    );
    let sql = app.post("/v1/sql", json!({ "sql": sql })).await.ok();
    let of_fields = |fields: &Value| {
        let sprint = &fields[sprints][0];
        json!([
            fields["assignee"]["displayName"],
            fields["assignee"]["active"],
            fields["status"]["statusCategory"]["key"],
            sprint["name"],
            sprint["state"],
        ])
    };
    json!({
        "rest": [rest["assignee"], rest["status"]["category"]],
        "raw": of_fields(&rest["fields"]),
        "jira": of_fields(&jira["fields"]),
        "search": of_fields(&found["issues"][0]["fields"]),
        "sql": sql["rows"][0],
    })
}

/// The names of everybody with this account whom the lists of an instance show.
async fn listed_names(app: &TestApp, instance: &str, account: &str) -> Vec<String> {
    fn gather(value: &Value, account: &str, names: &mut Vec<String>) {
        if value["accountId"] == account {
            names.extend(value["displayName"].as_str().map(str::to_owned));
        }
        let members = value.as_object().into_iter().flat_map(|object| object.values());
        members.chain(value.as_array().into_iter().flatten()).for_each(|value| gather(value, account, names));
    }
    let mut names = Vec::new();
    for list in [
        "project/search?expand=lead",
        "project/PAY?expand=lead",
        "project/PAY/components",
        "filter/search?expand=owner",
        "dashboard",
    ] {
        let shown = app.get(&format!("/jira/{instance}/rest/api/3/{list}")).await.ok();
        gather(&shown, account, &mut names);
    }
    names
}

/// Who leads a project and owns a filter is renamed; the documents of these stay as they were.
#[tokio::test(flavor = "multi_thread")]
async fn leads_and_owners_are_shown_as_they_are_now() {
    let app = TestApp::start().await;
    app.sandbox("source", 60);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app.until_rosters_are_read("copy").await;
    let project = app.get("/jira/source/rest/api/3/project/PAY?expand=lead").await.ok();
    let account = project["lead"]["accountId"].as_str().unwrap();
    let before = listed_names(&app, "copy", account).await;
    assert!(
        before.len() > 2 && before.iter().all(|name| *name == project["lead"]["displayName"]),
        "{before:?}"
    );
    let mut owner = app.database.superuser().await;
    let of_instance =
        |instance| format!("instance_id = (SELECT id FROM jira_instances WHERE name = '{instance}')");
    for instance in ["source", "copy"] {
        let sql = format!(
            "BEGIN;
             UPDATE users SET display_name = 'Zoe Newname', raw_jsonb = raw_jsonb || '{{\"displayName\": \"Zoe Newname\"}}'
             WHERE account_id = '{account}' AND {};
             SELECT forebay.announce_changes(gen_random_uuid());
             COMMIT",
            of_instance(instance),
        );
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
        let now = eventually(
            async || listed_names(&app, instance, account).await,
            |names| names.iter().all(|name| name == "Zoe Newname"),
        );
        assert_eq!(now.await.len(), before.len());
    }
}

/// What Jira shows in every issue though it touches none: the copy has it as soon as it has the row.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_a_sprint_and_a_category_that_change_at_the_source_show_in_every_payload() {
    let app = TestApp::start().await;
    app.sandbox("source", 60);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app.until_rosters_are_read("copy").await;
    let jql = "sprint is not EMPTY AND assignee is not EMPTY AND statusCategory != Done ORDER BY id";
    let found = app.post("/v1/issues/search", json!({ "jql": jql, "instance": "copy" })).await.ok();
    let key = found["issues"][0]["key"].as_str().unwrap();
    let issue = app.get(&format!("/jira/copy/rest/api/3/issue/{key}")).await.ok();
    let (id, fields) = (issue["id"].as_str().unwrap(), &issue["fields"]);
    let is_sprint = |value: &Value| value[0]["id"].is_number() && value[0]["state"].is_string();
    let sprints = fields.as_object().unwrap().iter().find(|(_, value)| is_sprint(value)).unwrap().0;
    for instance in ["source", "copy"] {
        // Twice, so that the second answer is the cache's.
        for _ in 0..2 {
            let warm = shown_of_others(&app, instance, id, sprints).await;
            for door in ["raw", "jira", "search"] {
                assert_eq!(warm[door][0], fields["assignee"]["displayName"], "{door} of {instance}: {warm}");
                assert_eq!(warm[door][3], fields[sprints][0]["name"], "{door} of {instance}: {warm}");
            }
        }
    }

    // As administrators and boards change them: no issue is touched.
    let mut owner = app.database.superuser().await;
    let of_source = "instance_id = (SELECT id FROM jira_instances WHERE name = 'source')";
    let done = json!({ "id": 3, "key": "done", "name": "Done", "colorName": "green" });
    let sql = format!(
        "BEGIN;
         UPDATE users SET display_name = 'Zoe Newname', active = false, updated_at = now(),
             raw_jsonb = raw_jsonb || '{{\"displayName\": \"Zoe Newname\", \"active\": false}}'
         WHERE account_id = '{account}' AND {of_source};
         UPDATE sprints SET name = 'Seven', state = 'closed', complete_date = '2026-03-02T10:00:00Z', updated_at = now(),
             raw_jsonb = raw_jsonb || '{{\"name\": \"Seven\", \"state\": \"closed\", \"completeDate\": \"2026-03-02T10:00:00.000Z\"}}'
         WHERE jira_id = {sprint} AND {of_source};
         UPDATE statuses SET category = 'done', updated_at = now(),
             raw_jsonb = jsonb_set(raw_jsonb, '{{statusCategory}}', raw_jsonb -> 'statusCategory' || '{done}')
         WHERE jira_id = '{status}' AND {of_source};
         UPDATE issues SET status_category = 'done' WHERE status_id = '{status}' AND {of_source};
         SELECT forebay.announce_changes(gen_random_uuid());
         COMMIT",
        account = fields["assignee"]["accountId"].as_str().unwrap(),
        sprint = fields[sprints][0]["id"],
        status = fields["status"]["id"].as_str().unwrap(),
    );
    owner.execute(AssertSqlSafe(sql)).await.unwrap();
    let shown = json!(["Zoe Newname", false, "done", "Seven", "closed"]);
    let wanted = json!({
        "rest": ["Zoe Newname", "done"], "raw": shown, "jira": shown, "search": shown, "sql": ["Zoe Newname", "done", "Seven"],
    });
    eventually(async || shown_of_others(&app, "source", id, sprints).await, |now| *now == wanted).await;
    let before = shown_of_others(&app, "copy", id, sprints).await;
    assert!(!before.to_string().contains("Zoe Newname"), "nobody has told the mirror yet: {before}");

    // Lists are read once an hour and more seldom; the next run finds that it is time.
    owner
        .execute(
            "UPDATE sync_watermarks SET last_updated_at = last_updated_at - interval '1 day' WHERE entity = 'rosters';
             UPDATE reference_reads SET began_at = began_at - interval '1 day', read_at = read_at - interval '1 day'",
        )
        .await
        .unwrap();
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    eventually(async || shown_of_others(&app, "copy", id, sprints).await, |now| *now == wanted).await;
}
