//! Lists of issues as clients of Jira ask for them: queries with errors, what issues are expanded with, the order in which a request is
//! judged, and what boards have on them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::TestApp;

async fn search(app: &TestApp, site: &str, query: &[(&str, &str)]) -> (u16, Value) {
    let query: Vec<String> = query
        .iter()
        .map(|(name, value)| {
            format!("{name}={}", value.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>())
        })
        .collect();
    let answer = app.get(&format!("/jira/{site}/rest/api/2/search?{}", query.join("&"))).await;
    (answer.status.as_u16(), answer.json)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_with_errors_is_answered_as_far_as_it_can_be_where_that_is_asked_for() {
    let app = TestApp::start().await;
    app.sandbox("play", 30);
    let total = search(&app, "play", &[("jql", ""), ("maxResults", "0")]).await.1["total"].as_u64().unwrap();
    let project =
        search(&app, "play", &[("maxResults", "1")]).await.1["issues"][0]["fields"]["project"]["key"].clone();
    let project = project.as_str().unwrap();
    let own = search(&app, "play", &[("jql", &format!("project = {project}"))]).await.1["total"].clone();

    let bad = format!(
        "project in ({project}, GONE) AND (nonsense = 1 OR project is not EMPTY) ORDER BY nowhere, key"
    );
    assert_eq!(search(&app, "play", &[("jql", &bad)]).await.0, 400);
    assert_eq!(search(&app, "play", &[("jql", &bad), ("validateQuery", "true")]).await.0, 400);
    for warn in ["warn", "false"] {
        let (status, found) = search(&app, "play", &[("jql", &bad), ("validateQuery", warn)]).await;
        assert_eq!((status, &found["total"]), (200, &own), "{found}");
        let warnings = found["warningMessages"].as_array().unwrap();
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert_eq!(warnings[0], "The value 'GONE' does not exist for the field 'project'.");
    }
    let (status, found) = search(&app, "play", &[("jql", &bad), ("validateQuery", "none")]).await;
    assert_eq!((status, found.get("warningMessages")), (200, None));
    // A wrong condition finds nothing, and neither does its opposite; what cannot be parsed is refused in any case.
    for (jql, count) in
        [("project = GONE", 0), ("project != GONE", 0), ("project = GONE OR project is not EMPTY", total)]
    {
        let (status, found) = search(&app, "play", &[("jql", jql), ("validateQuery", "warn")]).await;
        assert_eq!((status, found["total"].as_u64()), (200, Some(count)), "{jql}: {found}");
    }
    assert_eq!(search(&app, "play", &[("jql", "project = = x"), ("validateQuery", "none")]).await.0, 400);
    let body = json!({ "jql": "project = GONE", "validateQuery": "warn" });
    let posted = app.post("/jira/play/rest/api/2/search", body).await.ok();
    assert_eq!(posted["warningMessages"].as_array().unwrap().len(), 1);

    let board = app.get("/jira/play/rest/agile/1.0/board").await.ok()["values"][0]["id"].clone();
    let path = format!("/jira/play/rest/agile/1.0/board/{board}/issue?jql=project%20%3D%20GONE");
    assert_eq!(app.get(&path).await.status, 400);
    let lenient = app.get(&format!("{path}&validateQuery=warn")).await.ok();
    assert_eq!(
        (&lenient["total"], lenient["warningMessages"].as_array().map(Vec::len)),
        (&json!(0), Some(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_of_a_list_are_expanded_as_one_issue_is() {
    let app = TestApp::start().await;
    app.sandbox("play", 30);
    app.mirror("copy", "play", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app.until_rosters_are_read("copy").await;
    for site in ["play", "copy"] {
        let api = format!("/jira/{site}/rest/api/3");
        let body = json!({ "jql": "id in (10001, 10002)", "fields": ["summary"], "expand": "editmeta,operations,transitions" });
        let found = app.post(&format!("{api}/search/jql"), body).await.ok();
        let one = app.get(&format!("{api}/issue/10001?expand=editmeta,operations,transitions")).await.ok();
        let listed = found["issues"].as_array().unwrap().iter().find(|issue| issue["id"] == "10001").unwrap();
        assert_eq!(
            (&listed["editmeta"], &listed["operations"]),
            (&one["editmeta"], &one["operations"]),
            "{site}"
        );
        assert!(listed["editmeta"]["fields"]["summary"]["required"] == true, "{listed}");
        assert!(one["transitions"].as_array().is_some_and(|open| !open.is_empty()), "{one}");
        assert_eq!(listed["transitions"], one["transitions"], "{site}");
        let bulk = json!({ "issueIdsOrKeys": ["10001"], "fields": ["summary"], "expand": ["operations", "versionedRepresentations"] });
        let bulk = app.post(&format!("{api}/issue/bulkfetch"), bulk).await.ok();
        let issue = &bulk["issues"][0];
        assert_eq!(issue["operations"], json!({ "linkGroups": [] }), "{issue}");
        assert_eq!(
            issue["versionedRepresentations"],
            json!({ "summary": { "1": one["fields"]["summary"] } })
        );
        assert!(issue.get("fields").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_judged_in_the_order_in_which_jira_judges_it() {
    let app = TestApp::start().await;
    app.sandbox("play", 30);
    let refused = async |body: Value| {
        let answer = app.post("/jira/play/rest/api/3/search/jql", body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        answer.text
    };
    let mut body = json!({ "nextPageToken": "no token", "maxResults": 0, "jql": "order by key" });
    assert!(refused(body.clone()).await.contains("nextPageToken"));
    body["nextPageToken"] = Value::Null;
    assert!(refused(body.clone()).await.contains("maxResults"));
    body["maxResults"] = json!(5);
    assert!(refused(body.clone()).await.contains("Unbounded JQL"));
    body["jql"] = json!("project = GONE");
    assert!(refused(body.clone()).await.contains("GONE"));
    body["reconcileIssues"] = json!((0..51).collect::<Vec<i32>>());
    assert!(refused(body.clone()).await.contains("reconcileIssues"));
    body["reconcileIssues"] = json!([]);
    body["properties"] = json!(["a", "b", "c", "d", "e", "f"]);
    assert!(refused(body).await.contains("properties"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_of_a_mirror_has_the_issues_of_its_filter() {
    let app = TestApp::start().await;
    app.sandbox("play", 60);
    let boards = app.get("/jira/play/rest/agile/1.0/board?type=kanban").await.ok();
    let board = boards["values"][0]["id"].clone();
    let configuration = app.get(&format!("/jira/play/rest/agile/1.0/board/{board}/configuration")).await.ok();
    let filter = configuration["filter"]["id"].as_str().unwrap();
    let path = format!("/jira/play/rest/api/3/filter/{filter}");
    let name = app.get(&path).await.ok()["name"].clone();
    let narrow = json!({ "name": name, "jql": "id in (10001, 10002, 10003) ORDER BY id DESC" });
    let edited = app.ask(Method::PUT, &path, Some(&app.key), Some(narrow)).await;
    assert_eq!(edited.status, 200, "{}", edited.text);
    // A Server does not list the filter, and shows it to whoever knows its id.
    for (copy, kind) in [("copy", "cloud"), ("old", "server")] {
        app.mirror(copy, "play", kind);
        app.json(&["sync", "run", copy, "--tenant", "acme", "--wait"]);
        app.until_rosters_are_read(copy).await;
    }
    for site in ["play", "copy", "old"] {
        let issues = app.get(&format!("/jira/{site}/rest/agile/1.0/board/{board}/issue")).await.ok();
        let ids: Vec<&str> =
            issues["issues"].as_array().unwrap().iter().map(|issue| issue["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["10003", "10002", "10001"], "{site}");
        let epics = app.get(&format!("/jira/{site}/rest/agile/1.0/board/{board}/epic")).await.ok();
        assert!(epics["total"].as_u64().unwrap() <= 3, "{site}: {epics}");
    }
    // Without the filter nobody can tell what is on the board.
    let mut owner = app.database.superuser().await;
    let sql = format!(
        "DELETE FROM filters WHERE jira_id::text = '{filter}' AND instance_id = (SELECT id FROM jira_instances WHERE name = 'copy')"
    );
    sqlx::Executor::execute(&mut owner, sqlx::AssertSqlSafe(sql)).await.unwrap();
    let unknown = app.get(&format!("/jira/copy/rest/agile/1.0/board/{board}/issue")).await;
    assert_eq!(unknown.status, 501, "{}", unknown.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn pickers_and_named_histories_and_merged_versions() {
    let app = TestApp::start().await;
    app.sandbox("play", 60);
    let api = "/jira/play/rest/api/2";
    let projects = app.get(&format!("{api}/project")).await.ok();
    let key = projects[0]["key"].as_str().unwrap();
    let found =
        app.get(&format!("{api}/projects/picker?query={}&maxResults=1", key.to_lowercase())).await.ok();
    assert_eq!(
        (&found["projects"][0]["key"], found["projects"].as_array().map(Vec::len)),
        (&json!(key), Some(1)),
        "{found}"
    );
    assert_eq!(app.get(&format!("{api}/projects/picker?query=nothing-like-it")).await.ok()["total"], 0);

    let put = async |path: &str, body: Value| {
        app.ask(Method::PUT, &format!("{api}/{path}"), Some(&app.key), Some(body)).await
    };
    put("issue/10001", json!({ "fields": { "summary": "Twice changed" } })).await;
    let histories = app.get(&format!("{api}/issue/10001/changelog")).await.ok();
    let last = histories["values"].as_array().unwrap().last().unwrap().clone();
    let id = last["id"].as_str().unwrap().parse::<i64>().unwrap();
    let listed =
        app.post(&format!("{api}/issue/10001/changelog/list"), json!({ "changelogIds": [id, 1] })).await.ok();
    assert_eq!((&listed["histories"], &listed["total"]), (&json!([last]), &json!(1)));

    let of_issue = app.get(&format!("{api}/issue/10001")).await.ok()["fields"]["project"]["key"].clone();
    let make = async |name: &str| {
        let made =
            app.post(&format!("{api}/version"), json!({ "name": name, "project": of_issue })).await.ok();
        made["id"].as_str().unwrap().to_owned()
    };
    let (from, into) = (make("From").await, make("Into").await);
    put("issue/10001", json!({ "fields": { "fixVersions": [{ "id": from.parse::<i64>().unwrap() }], "versions": [{ "name": "From" }] } })).await;
    assert_eq!(put(&format!("version/{from}/mergeto/{into}"), json!({})).await.status, 204);
    let fields = app.get(&format!("{api}/issue/10001")).await.ok()["fields"].clone();
    assert_eq!(
        (&fields["fixVersions"][0]["name"], &fields["versions"][0]["name"]),
        (&json!("Into"), &json!("Into"))
    );
    assert_eq!(app.get(&format!("{api}/version/{from}")).await.status, 404);

    // Of ranking, too, what can be done is done.
    let ranked = json!({ "issues": ["10002", "NONE-1"], "rankBeforeIssue": "10003" });
    let ranked =
        app.ask(Method::PUT, "/jira/play/rest/agile/1.0/issue/rank", Some(&app.key), Some(ranked)).await;
    assert_eq!(ranked.status, 207, "{}", ranked.text);
    assert_eq!(
        (&ranked.json["entries"][0]["status"], &ranked.json["entries"][1]["status"]),
        (&json!(200), &json!(404))
    );
}
