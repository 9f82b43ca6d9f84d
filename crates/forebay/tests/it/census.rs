//! Censuses over a sandbox that loses, hides, renames and gives back issues without telling anybody.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::app::{TestApp, eventually};

/// A synced mirror `copy` of a sandbox `source`.
async fn mirrored(issues: u32) -> (TestApp, PgConnection) {
    let app = TestApp::start().await;
    app.sandbox("source", issues);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let owner = app.database.superuser().await;
    (app, owner)
}

/// Changes issues of the sandbox past its own doors: no webhook tells of it, and `updated` stays.
async fn at_source(owner: &mut PgConnection, change: &str) -> u64 {
    let sql =
        format!("WITH source AS (SELECT tenant_id, id FROM jira_instances WHERE name = 'source') {change}");
    by_hand(owner, sql).await
}

/// Changes rows past the doors, and says so: what the processes hold in memory may differ.
async fn by_hand(owner: &mut PgConnection, sql: String) -> u64 {
    let mut tx = owner.begin().await.unwrap();
    let changed = sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap().rows_affected();
    sqlx::query("SELECT forebay.announce_changes(gen_random_uuid())").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

const OF_SOURCE: &str = "instance_id = (SELECT id FROM source)";

/// Presences of the copy's issues, with their numbers.
async fn presences(owner: &mut PgConnection) -> Vec<(String, i64)> {
    sqlx::query(
        "SELECT presence, count(*) FROM issues WHERE instance_id = (SELECT id FROM jira_instances WHERE name = 'copy')
         GROUP BY presence ORDER BY presence",
    )
    .fetch_all(owner)
    .await
    .unwrap()
    .into_iter()
    .map(|row| (row.get(0), row.get(1)))
    .collect()
}

async fn presence_of(owner: &mut PgConnection, jira_id: &str) -> String {
    sqlx::query_scalar(
        "SELECT presence FROM issues WHERE jira_id = $1
         AND instance_id = (SELECT id FROM jira_instances WHERE name = 'copy')",
    )
    .bind(jira_id)
    .fetch_one(owner)
    .await
    .unwrap()
}

fn census(app: &TestApp) -> Value {
    app.json(&["sync", "census", "copy", "--tenant", "acme"])
}

/// The census's document, although it does not succeed.
fn refused_census(app: &TestApp) -> Value {
    let output = app.output(&["sync", "census", "copy", "--tenant", "acme", "--json"]);
    assert!(!output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_found_and_what_is_restored_comes_back() {
    let (app, mut owner) = mirrored(120).await;
    let all = census(&app);
    assert_eq!((&all["state"], &all["gone"], &all["fetched"]), (&json!("succeeded"), &json!(0), &json!(0)));
    let change = format!(
        "UPDATE issues SET presence = 'deleted' WHERE {OF_SOURCE} AND jira_id IN ('10003', '10005', '10008')"
    );
    assert_eq!(at_source(&mut owner, &change).await, 3);
    let found = census(&app);
    assert_eq!((&found["state"], &found["gone"]), (&json!("succeeded"), &json!(3)), "{found}");
    assert_eq!(presences(&mut owner).await, [("deleted".into(), 3), ("present".into(), 117)]);
    assert_eq!(app.get("/v1/issues/10003?instance=copy").await.status, 404);

    let back = format!("UPDATE issues SET presence = 'present' WHERE {OF_SOURCE} AND jira_id = '10005'");
    at_source(&mut owner, &back).await;
    let found = census(&app);
    assert_eq!((&found["gone"], &found["fetched"]), (&json!(0), &json!(1)), "{found}");
    assert_eq!(presence_of(&mut owner, "10005").await, "present");

    let freshness = app.get("/v1/instances/copy/freshness").await.ok();
    let rows = freshness["collections"].as_array().unwrap();
    assert!(rows.len() >= 4 && rows.len() % 4 == 0, "{freshness}");
    for row in rows {
        assert!(row["polled_at"].is_string() && row["census_at"].is_string(), "{row}");
        assert_eq!(row["source_rows"], row["copy_rows"], "{row}");
    }
    assert!(freshness["requests_24h"].as_u64().unwrap() > 0);
    let sql = json!({ "sql": "SELECT sum(copy_rows)::int FROM jira.freshness WHERE instance = 'copy' AND collection = 'issues'" });
    assert_eq!(app.post("/v1/sql", sql).await.ok()["rows"], json!([[118]]));
    let page = app.get("/instances/copy").await;
    assert!(page.status.is_success() || page.status.is_redirection());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brake_asks_before_much_is_written_off() {
    let (app, mut owner) = mirrored(150).await;
    let change = format!("UPDATE issues SET presence = 'deleted' WHERE {OF_SOURCE}");
    assert_eq!(at_source(&mut owner, &change).await, 150);
    let held = refused_census(&app);
    assert_eq!(held["state"], "held", "{held}");
    assert_eq!(presences(&mut owner).await, [("present".into(), 150)], "nothing is written");
    let status = app.get("/v1/instances/copy/census").await.ok();
    assert_eq!(status["census"]["state"], "held");
    assert_eq!(status["settings"], json!({ "brake_percent": 5, "brake_issues": 20, "every_hours": 24 }));
    let told = status["census"]["error"].as_str().unwrap();
    assert!(told.contains("--accept") && told.contains("--reject"), "{told}");
    let asked = "/v1/instances/copy/census/decision";

    // Kept: nothing changes, and the next one asks again.
    app.post(asked, json!({ "decision": "reject" })).await.ok();
    assert_eq!(app.post(asked, json!({ "decision": "reject" })).await.status, 409);
    assert_eq!(presences(&mut owner).await, [("present".into(), 150)]);
    assert_eq!(refused_census(&app)["state"], "held");

    // What was found again meanwhile is not written off, although it was counted.
    let back = format!("UPDATE issues SET presence = 'present' WHERE {OF_SOURCE} AND jira_number <= 10050");
    assert_eq!(at_source(&mut owner, &back).await, 50);
    app.post(asked, json!({ "decision": "accept" })).await.ok();
    let census = eventually(
        async || app.get("/v1/instances/copy/census").await.ok()["census"].clone(),
        |census| census["state"] != "running",
    )
    .await;
    assert_eq!(census["state"], "succeeded", "{census}");
    assert!(census["accepted_by"].as_str().unwrap().starts_with("key:"), "{census}");
    assert_eq!(presences(&mut owner).await, [("deleted".into(), 100), ("present".into(), 50)]);
    let audit = app.get("/v1/audit?action=decide_census").await.ok();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 2, "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brake_can_be_set_and_a_later_census_takes_the_place_of_a_held_one() {
    let (app, mut owner) = mirrored(100).await;
    let change = format!("UPDATE issues SET presence = 'deleted' WHERE {OF_SOURCE} AND jira_number <= 10060");
    at_source(&mut owner, &change).await;
    assert_eq!(refused_census(&app)["state"], "held");
    let wrong = app.ask(
        Method::PATCH,
        "/v1/instances/copy/census",
        Some(&app.key),
        Some(json!({ "brake_percent": 101 })),
    );
    let wrong = wrong.await;
    assert_eq!((wrong.status.as_u16(), &wrong.json["errors"][0]["field"]), (400, &json!("brake_percent")));
    let set = app.json(&["sync", "census", "copy", "--tenant", "acme", "--brake-percent", "100"]);
    assert_eq!(set["brake_percent"], 100);
    let found = census(&app);
    assert_eq!((&found["state"], &found["gone"]), (&json!("succeeded"), &json!(60)), "{found}");
    let states: Vec<String> = sqlx::query_scalar("SELECT state FROM censuses ORDER BY started_at")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    assert_eq!(states, ["superseded", "succeeded"]);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM census_candidates").fetch_one(&mut owner).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_trashed_and_hidden_projects_are_told_apart() {
    let (app, mut owner) = mirrored(150).await;
    let projects: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT p.id::text, p.key, count(*) FROM projects p JOIN issues i ON i.tenant_id = p.tenant_id AND i.project_id = p.id
         JOIN jira_instances n ON n.id = p.instance_id AND n.name = 'source' GROUP BY 1, 2 ORDER BY 3 DESC",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(projects.len() >= 3, "{projects:?}");
    for ((id, _, _), presence) in projects.iter().zip(["archived", "trashed", "deleted"]) {
        for sql in [
            format!("UPDATE issues SET presence = '{presence}' WHERE project_id = '{id}'"),
            format!("UPDATE projects SET presence = '{presence}' WHERE id = '{id}'"),
        ] {
            by_hand(&mut owner, sql).await;
        }
    }
    // The sandbox's own look-ups hear of a change past its doors within moments.
    eventually(
        async || app.get("/jira/source/rest/api/3/project/search").await.ok()["values"].clone(),
        |listed| {
            let listed = listed.as_array().unwrap();
            projects[..3].iter().all(|gone| listed.iter().all(|project| project["key"] != gone.1.as_str()))
        },
    )
    .await;
    // The site says itself that two are archived and trashed; the third is not spoken of.
    let census = app.output(&["sync", "census", "copy", "--tenant", "acme", "--json"]);
    let census: Value = serde_json::from_slice(&census.stdout).unwrap();
    let project = |key: &str| {
        let all = census["projects"].as_array().unwrap();
        all.iter().find(|project| project["project"] == key).unwrap().clone()
    };
    let (archived, trashed, hidden) = (&projects[0], &projects[1], &projects[2]);
    for (of, standing) in [(archived, "archived"), (trashed, "trashed")] {
        let found = project(&of.1);
        assert_eq!((&found["standing"], &found["state"]), (&json!(standing), &json!("settled")), "{found}");
    }
    assert_eq!(project(&hidden.1)["standing"], "unlisted");
    if census["state"] == "held" {
        app.json(&["sync", "census", "copy", "--tenant", "acme", "--accept"]);
    }
    let rest: i64 = projects[3..].iter().map(|project| project.2).sum();
    let mut expected = vec![
        ("access_lost".to_owned(), hidden.2),
        ("archived".to_owned(), archived.2),
        ("trashed".to_owned(), trashed.2),
    ];
    if rest > 0 {
        expected.insert(2, ("present".to_owned(), rest));
    }
    assert_eq!(presences(&mut owner).await, expected);
    let shown: Vec<String> = sqlx::query_scalar(
        "SELECT presence FROM projects WHERE key = ANY($1)
         AND instance_id = (SELECT id FROM jira_instances WHERE name = 'copy') ORDER BY presence",
    )
    .bind(vec![&archived.1, &trashed.1, &hidden.1])
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(shown, ["access_lost", "archived", "trashed"]);

    // The permission comes back, and so does the project.
    for sql in [
        format!("UPDATE issues SET presence = 'present' WHERE project_id = '{}'", hidden.0),
        format!("UPDATE projects SET presence = 'present' WHERE id = '{}'", hidden.0),
    ] {
        by_hand(&mut owner, sql).await;
    }
    eventually(
        async || app.get("/jira/source/rest/api/3/project/search").await.ok()["values"].clone(),
        |listed| listed.as_array().unwrap().iter().any(|project| project["key"] == hidden.1.as_str()),
    )
    .await;
    let back = self::census(&app);
    assert_eq!(back["fetched"].as_i64(), Some(hidden.2), "{back}");
    assert!(!presences(&mut owner).await.iter().any(|(presence, _)| presence == "access_lost"));
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_issues_renamed_projects_and_reused_keys_are_followed() {
    let (app, mut owner) = mirrored(120).await;
    // A project is renamed: all its keys change at once, and no `updated` with them.
    let (project, key, count): (String, String, i64) = sqlx::query_as(
        "SELECT p.id::text, p.key, count(*) FROM projects p JOIN issues i ON i.tenant_id = p.tenant_id AND i.project_id = p.id
         JOIN jira_instances n ON n.id = p.instance_id AND n.name = 'source' GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 1",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    let renamed = [
        format!("UPDATE projects SET key = 'NEWKEY', raw_jsonb = raw_jsonb || '{{\"key\": \"NEWKEY\"}}' WHERE id = '{project}'"),
        format!(
            "UPDATE issues SET key = 'NEWKEY-' || key_number, key_project = 'NEWKEY', raw_jsonb = jsonb_set(jsonb_set(raw_jsonb,
                 '{{key}}', to_jsonb('NEWKEY-' || key_number)), '{{fields,project,key}}', '\"NEWKEY\"')
             WHERE project_id = '{project}'"
        ),
    ];
    for sql in renamed {
        by_hand(&mut owner, sql).await;
    }
    let found = census(&app);
    // The list of projects says it of all of them: none has to be fetched for it.
    assert_eq!((&found["gone"], &found["fetched"]), (&json!(0), &json!(0)), "{found}");
    let number = key_numbers(&mut owner, "NEWKEY").await;
    assert_eq!(number.len() as i64, count);
    let old = format!("/v1/issues/{key}-{}?instance=copy", number[0]);
    assert_eq!(app.get(&old).await.ok()["key"], format!("NEWKEY-{}", number[0]), "the old key is an alias");

    // An issue is deleted, and another one is moved under its key.
    let (gone, heir) = (number[0], number[1]);
    let ids: Vec<(i64, String)> = sqlx::query_as(
        "SELECT key_number, jira_id FROM issues WHERE key_project = 'NEWKEY' AND key_number = ANY($1)
         AND instance_id = (SELECT id FROM jira_instances WHERE name = 'copy') ORDER BY key_number",
    )
    .bind(vec![gone, heir])
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let reused = [
        format!("UPDATE issues SET presence = 'deleted' WHERE {OF_SOURCE} AND jira_id = '{}'", ids[0].1),
        format!(
            "UPDATE issues SET key = 'NEWKEY-{gone}', key_number = {gone},
                 raw_jsonb = jsonb_set(raw_jsonb, '{{key}}', '\"NEWKEY-{gone}\"')
             WHERE {OF_SOURCE} AND jira_id = '{}'",
            ids[1].1
        ),
    ];
    for sql in reused {
        assert_eq!(at_source(&mut owner, &sql).await, 1);
    }
    let found = census(&app);
    assert_eq!(found["state"], "succeeded", "{found}");
    assert_eq!(app.get(&format!("/v1/issues/NEWKEY-{gone}?instance=copy")).await.ok()["jira_id"], ids[1].1);
    assert_eq!(app.get(&format!("/v1/issues/NEWKEY-{heir}?instance=copy")).await.ok()["jira_id"], ids[1].1);
    assert_eq!(presence_of(&mut owner, &ids[0].1).await, "deleted");
    assert_eq!(presence_of(&mut owner, &ids[1].1).await, "present");
    let again = census(&app);
    assert_eq!((&again["gone"], &again["fetched"]), (&json!(0), &json!(0)), "{again}");
}

async fn key_numbers(owner: &mut PgConnection, project: &str) -> Vec<i64> {
    sqlx::query_scalar(
        "SELECT key_number FROM issues WHERE key_project = $1 AND presence = 'present'
         AND instance_id = (SELECT id FROM jira_instances WHERE name = 'copy') ORDER BY key_number",
    )
    .bind(project)
    .fetch_all(owner)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hides_behind_a_security_level_is_not_called_deleted() {
    let (app, mut owner) = mirrored(60).await;
    let seen = "UPDATE issues SET raw_jsonb = jsonb_set(raw_jsonb, '{fields,security}', '{\"id\": \"1\", \"name\": \"Staff\"}')
         WHERE instance_id = (SELECT id FROM jira_instances WHERE name = 'copy')";
    sqlx::query(seen).execute(&mut owner).await.unwrap();
    let change = format!("UPDATE issues SET presence = 'deleted' WHERE {OF_SOURCE} AND jira_id = '10004'");
    at_source(&mut owner, &change).await;
    assert_eq!(census(&app)["gone"], 1);
    assert_eq!(presence_of(&mut owner, "10004").await, "access_lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_our_own_issues_are_shown_one_that_is_gone_may_be_hidden() {
    let (app, mut owner) = mirrored(60).await;
    // As with the permission to browse for reporters alone: all that is left names our account.
    let ours = "UPDATE issues i SET raw_jsonb = jsonb_set(raw_jsonb, '{fields,reporter}',
                    jsonb_build_object('accountId', n.account_id))
                FROM jira_instances n WHERE n.id = i.instance_id AND n.name = 'copy' AND i.jira_id <> '10004'";
    sqlx::query(ours).execute(&mut owner).await.unwrap();
    let change = format!("UPDATE issues SET presence = 'deleted' WHERE {OF_SOURCE} AND jira_id = '10004'");
    at_source(&mut owner, &change).await;
    assert_eq!(census(&app)["gone"], 1);
    assert_eq!(presence_of(&mut owner, "10004").await, "access_lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_center_is_counted_by_windows_of_keys() {
    let app = TestApp::start().await;
    app.sandbox("source", 80);
    app.mirror("copy", "source", "datacenter");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let mut owner = app.database.superuser().await;
    let change = format!("UPDATE issues SET presence = 'deleted' WHERE {OF_SOURCE} AND jira_id = '10004'");
    at_source(&mut owner, &change).await;
    let found = census(&app);
    assert_eq!((&found["state"], &found["gone"]), (&json!("succeeded"), &json!(1)), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_credential_concludes_nothing() {
    let (app, mut owner) = mirrored(30).await;
    let keys = app.json(&["key", "list", "--tenant", "acme"]);
    app.cli(&["key", "revoke", keys[0]["id"].as_str().unwrap()]);
    let output = app.output(&["sync", "census", "copy", "--tenant", "acme"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("credentials"), "{output:?}");
    assert_eq!(presences(&mut owner).await, [("present".into(), 30)]);
    let status = app.output(&["sync", "census", "copy", "--tenant", "acme", "--status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["state"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_found_mended_and_reported() {
    let (app, mut owner) = mirrored(40).await;
    let none = app.json(&["sync", "check", "copy", "--tenant", "acme"]);
    assert_eq!((&none["checked"], &none["differing"]), (&json!(40), &json!(0)), "{none}");
    // A row is changed here behind the sync's back, and a comment is lost.
    let copy = "(SELECT id FROM jira_instances WHERE name = 'copy')";
    for sql in [
        format!(
            "UPDATE issues SET summary = 'wrong', raw_jsonb = jsonb_set(raw_jsonb, '{{fields,summary}}', '\"wrong\"'),
                 source_hash = 'x' WHERE jira_id = '10002' AND instance_id = {copy}"
        ),
        format!(
            "DELETE FROM comments WHERE id IN (SELECT id FROM comments WHERE instance_id = {copy}
                 AND issue_id <> (SELECT id FROM issues WHERE jira_id = '10002' AND instance_id = {copy}) ORDER BY jira_number LIMIT 1)"
        ),
    ] {
        assert_eq!(sqlx::query(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap().rows_affected(), 1);
    }
    let found = app.json(&["sync", "check", "copy", "--tenant", "acme"]);
    assert_eq!((&found["checked"], &found["differing"]), (&json!(40), &json!(2)), "{found}");
    let drift = app.get("/v1/instances/copy/drift").await.ok();
    let findings = drift["findings"].as_array().unwrap();
    let of = |collection: &str| {
        findings.iter().find(|f| f["collection"] == collection).unwrap_or_else(|| panic!("{drift}"))
    };
    assert_eq!(
        (&of("issues")["what"], &of("issues")["origin"]),
        (&json!(["summary"]), &json!("silent_change"))
    );
    assert_eq!(
        (&of("comments")["origin"], &of("comments")["mended"]),
        (&json!("silent_child"), &json!(true))
    );
    let healed = app.json(&["sync", "check", "copy", "--tenant", "acme"]);
    assert_eq!(healed["differing"], 0, "{healed}");
    let freshness = app.json(&["sync", "freshness", "copy", "--tenant", "acme"]);
    let differing: u64 = freshness["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["rows_differing"].as_u64().unwrap())
        .sum();
    assert_eq!(differing, 2, "{freshness}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_kept_aside_shown_and_stored_once_it_can_be_read() {
    let app = TestApp::start().await;
    app.sandbox("source", 25);
    app.mirror("copy", "source", "cloud");
    let mut owner = app.database.superuser().await;
    let person = r#"{"accountId": "x1", "displayName": "X", "emailAddress": "me@secret.example"}"#;
    let bad = format!(
        "UPDATE issues SET raw_jsonb = jsonb_set(raw_jsonb #- '{{fields,summary}}', '{{fields,customfield_99999}}', '{person}')
         WHERE {OF_SOURCE} AND jira_id = '10007'"
    );
    assert_eq!(at_source(&mut owner, &bad).await, 1);
    let run = app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert_eq!(run["issues"], 24, "{run}");
    let list = app.get("/v1/instances/copy/rejects").await.ok();
    let row = &list["rejects"][0];
    assert_eq!(
        (&row["jira_id"], &row["reason"]),
        (&json!("10007"), &json!("issue has no summary")),
        "{list}"
    );
    let id = row["id"].as_str().unwrap();
    let again = app.json(&["sync", "rejects", "retry", "copy", id, "--tenant", "acme"]);
    assert_eq!(again["outcome"], "still_bad");
    let shown = app.get(&format!("/v1/instances/copy/rejects/{id}")).await.ok();
    assert_eq!(shown["payload"]["id"], "10007", "{shown}");
    assert!(!shown.to_string().contains("me@secret.example"), "addresses are not kept: {shown}");
    assert!(shown["attempts"].as_u64().unwrap() >= 2);

    let good = format!(
        "UPDATE issues SET raw_jsonb = jsonb_set(raw_jsonb, '{{fields,summary}}', '\"Read me\"') WHERE {OF_SOURCE} AND jira_id = '10007'"
    );
    at_source(&mut owner, &good).await;
    // The sandbox's own look-ups hear of a change past its doors within moments.
    eventually(
        async || {
            app.post(&format!("/v1/instances/copy/rejects/{id}/retry"), json!({})).await.json["outcome"]
                .clone()
        },
        |outcome| outcome == "stored",
    )
    .await;
    assert_eq!(app.get("/v1/issues/10007?instance=copy").await.ok()["summary"], "Read me");
    assert_eq!(app.get("/v1/instances/copy/rejects").await.ok()["rejects"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_copy_that_was_given_no_way_to_all_proves_nothing_until_a_poll_does() {
    let app = TestApp::start_without_worker().await;
    app.sandbox("source", 120);
    app.mirror("copy", "source", "cloud");
    let mut owner = app.database.superuser().await;
    // More issues of one minute than a page holds, and no page that leads to the next one.
    let change = format!(
        "UPDATE issues SET created_at = '2026-01-05T10:00:30Z',
             raw_jsonb = jsonb_set(raw_jsonb, '{{fields,created}}', '\"2026-01-05T10:00:30.000+0000\"') WHERE {OF_SOURCE}"
    );
    assert_eq!(at_source(&mut owner, &change).await, 120);
    let faults =
        json!({ "seed": 1, "rules": [{ "fault": "missing_token", "on": { "endpoints": ["search"] } }] });
    app.post("/v1/sandbox/source/faults", faults).await.ok();
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert_eq!(presences(&mut owner).await, [("present".into(), 100)]);
    let proof = async |owner: &mut PgConnection| -> (bool, bool) {
        sqlx::query_as(
            "SELECT last_updated_at IS NOT NULL, last_sync_at IS NOT NULL FROM sync_watermarks
             WHERE entity = 'issues' AND instance_id = (SELECT id FROM jira_instances WHERE name = 'copy')",
        )
        .fetch_one(owner)
        .await
        .unwrap()
    };
    assert_eq!(
        proof(&mut owner).await,
        (true, false),
        "polls are enough from here on, and nothing is proved"
    );
    let freshness = app.get("/v1/instances/copy/freshness").await.ok();
    assert_eq!(freshness["collections"][0]["polled_at"], json!(null), "{freshness}");

    app.ask(Method::DELETE, "/v1/sandbox/source/faults", Some(&app.key), None).await.ok();
    assert_eq!(census(&app)["fetched"], 20);
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert_eq!(presences(&mut owner).await, [("present".into(), 120)]);
    assert_eq!(proof(&mut owner).await, (true, true));
}
