//! The border: another tenant sees nothing, through any door.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Row, postgres::PgRow};

use crate::app::TestApp;

async fn two_tenants() -> (TestApp, String) {
    let app = TestApp::start().await;
    app.sandbox("site", 20);
    app.cli(&["tenant", "create", "globex"]);
    let other = app.key_for("globex", "read,write,sql,ai,admin");
    (app, other)
}

/// The operations that name something of a tenant, each with a name that exists in the other one. An operation of the
/// OpenAPI document that is neither here nor in [`OWN_ONLY`] fails the test, so that none can be forgotten.
const FOREIGN: &[(&str, &str, &str, u16)] = &[
    ("GET", "/v1/instances/{name}", "/v1/instances/site", 404),
    ("DELETE", "/v1/instances/{name}", "/v1/instances/site", 404),
    ("POST", "/v1/instances/{name}/test", "/v1/instances/site/test", 404),
    ("PUT", "/v1/instances/{name}/credential", "/v1/instances/site/credential", 404),
    ("GET", "/v1/instances/{name}/quota", "/v1/instances/site/quota", 404),
    ("GET", "/v1/instances/{name}/webhook", "/v1/instances/site/webhook", 404),
    ("PUT", "/v1/instances/{name}/webhook", "/v1/instances/site/webhook", 404),
    ("DELETE", "/v1/instances/{name}/webhook", "/v1/instances/site/webhook", 404),
    ("POST", "/v1/instances/{name}/webhook/rotate", "/v1/instances/site/webhook/rotate", 404),
    ("POST", "/v1/instances/{name}/webhook/values", "/v1/instances/site/webhook/values", 404),
    ("POST", "/v1/instances/{name}/sync", "/v1/instances/site/sync", 404),
    ("GET", "/v1/instances/{name}/sync", "/v1/instances/site/sync", 404),
    ("POST", "/v1/instances/{name}/sync/pause", "/v1/instances/site/sync/pause", 404),
    ("POST", "/v1/instances/{name}/sync/resume", "/v1/instances/site/sync/resume", 404),
    ("POST", "/v1/instances/{name}/sync/cancel", "/v1/instances/site/sync/cancel", 404),
    ("GET", "/v1/instances/{name}/sync/events", "/v1/instances/site/sync/events", 404),
    ("GET", "/v1/jobs/queued/{id}", "/v1/jobs/queued/{acme_job}", 404),
    ("DELETE", "/v1/jobs/queued/{id}", "/v1/jobs/queued/{acme_job}", 404),
    ("POST", "/v1/jobs/queued/{id}/retry", "/v1/jobs/queued/{acme_job}/retry", 404),
    ("POST", "/v1/instances/{name}/census", "/v1/instances/site/census", 404),
    ("GET", "/v1/instances/{name}/census", "/v1/instances/site/census", 404),
    ("PATCH", "/v1/instances/{name}/census", "/v1/instances/site/census", 404),
    ("POST", "/v1/instances/{name}/census/decision", "/v1/instances/site/census/decision", 404),
    ("GET", "/v1/instances/{name}/freshness", "/v1/instances/site/freshness", 404),
    ("GET", "/v1/instances/{name}/drift", "/v1/instances/site/drift", 404),
    ("GET", "/v1/instances/{name}/rejects", "/v1/instances/site/rejects", 404),
    ("GET", "/v1/instances/{name}/rejects/{id}", "/v1/instances/site/rejects/{acme_key}", 404),
    ("POST", "/v1/instances/{name}/rejects/{id}/retry", "/v1/instances/site/rejects/{acme_key}/retry", 404),
    ("GET", "/v1/issues/{key}", "/v1/issues/10001", 404),
    ("GET", "/v1/issues/{key}/comments", "/v1/issues/10001/comments", 404),
    ("GET", "/v1/issues/{key}/changelog", "/v1/issues/10001/changelog", 404),
    ("GET", "/v1/issues/{key}/history", "/v1/issues/10001/history", 404),
    ("GET", "/v1/issues/{key}/state", "/v1/issues/10001/state?at=2026-01-31T12:00:00Z", 404),
    ("GET", "/v1/issues/{key}/time-in-status", "/v1/issues/10001/time-in-status", 404),
    ("GET", "/v1/issues/{key}/transitions", "/v1/issues/10001/transitions", 404),
    ("POST", "/v1/issues/{key}/comments", "/v1/issues/10001/comments", 404),
    ("POST", "/v1/issues/{key}/transitions", "/v1/issues/10001/transitions", 404),
    ("GET", "/v1/keys/{id}", "/v1/keys/{acme_key}", 404),
    ("PATCH", "/v1/keys/{id}", "/v1/keys/{acme_key}", 404),
    ("GET", "/v1/projects/{key}", "/v1/projects/10000", 404),
    ("GET", "/v1/sprints/{id}/issues", "/v1/sprints/{sprint}/issues", 404),
    ("GET", "/v1/fields/{id}", "/v1/fields/summary", 404),
    ("DELETE", "/v1/keys/{id}", "/v1/keys/{acme_key}", 404),
    ("POST", "/v1/users/erase", "/v1/users/erase", 404),
    ("GET", "/v1/sandbox/{name}/faults", "/v1/sandbox/site/faults", 404),
    ("POST", "/v1/sandbox/{name}/faults", "/v1/sandbox/site/faults", 404),
    ("DELETE", "/v1/sandbox/{name}/faults", "/v1/sandbox/site/faults", 404),
    ("GET", "/v1/sandbox/{name}/workflow", "/v1/sandbox/site/workflow", 404),
    ("PUT", "/v1/sandbox/{name}/workflow", "/v1/sandbox/site/workflow", 404),
    ("DELETE", "/v1/sandbox/{name}/workflow", "/v1/sandbox/site/workflow", 404),
];

/// Operations that name nothing: what they answer is the caller's own, as the tests below see.
const OWN_ONLY: &[(&str, &str)] = &[
    ("GET", "/v1/instances"),
    ("POST", "/v1/instances"),
    ("GET", "/v1/issues"),
    ("POST", "/v1/issues/search"),
    ("GET", "/v1/sync"),
    ("GET", "/v1/projects"),
    ("GET", "/v1/users"),
    ("GET", "/v1/boards"),
    ("GET", "/v1/sprints"),
    ("GET", "/v1/fields"),
    ("GET", "/v1/jobs"),
    ("GET", "/v1/jobs/queued"),
    ("GET", "/v1/pulse"),
    ("GET", "/v1/audit"),
    ("POST", "/v1/sql"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("GET", "/v1/whoami"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_rest_operation_hides_what_is_anothers() {
    let (app, other) = two_tenants().await;
    let acme_key = app.json(&["key", "list", "--tenant", "acme"])[0]["id"].as_str().unwrap().to_owned();
    let sprint = app.get("/v1/sprints").await.ok()["sprints"][0]["id"].clone();
    let acme_job: i64 = sqlx::query_scalar(
        "SELECT (graphile_worker.add_job('deliver_webhook', json_build_object('tenant', id), run_at => now() + '1 day')).id
         FROM tenants WHERE name = 'acme'",
    )
    .fetch_one(&mut app.database.superuser().await)
    .await
    .unwrap();
    for path in [
        "/v1/projects/10000".to_owned(),
        format!("/v1/sprints/{sprint}/issues"),
        "/v1/fields/summary".into(),
        format!("/v1/jobs/queued/{acme_job}"),
    ] {
        assert_eq!(app.get(&path).await.status, 200, "{path}: the owner sees it");
    }
    let document = app.get("/openapi.json").await.ok();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| ["get", "post", "put", "delete", "patch"].contains(&name.as_str()))
        {
            let method = method.to_uppercase();
            let known = FOREIGN.iter().any(|case| case.0 == method && case.1 == path)
                || OWN_ONLY.contains(&(method.as_str(), path.as_str()))
                || ["/health/live", "/health/ready", "/metrics"].contains(&path.as_str());
            assert!(known, "{method} {path} has no case in the foreign-tenant test");
        }
    }
    for (method, _, path, status) in FOREIGN {
        let body = match (*method, path) {
            ("POST", path) if path.ends_with("comments") => Some(json!({ "body": "hello" })),
            ("POST", path) if path.ends_with("transitions") => Some(json!({ "transition": "31" })),
            ("POST", path) if path.ends_with("erase") => {
                Some(json!({ "account_id": "x", "instance": "site" }))
            }
            ("POST", path) if path.ends_with("decision") => Some(json!({ "decision": "accept" })),
            ("PATCH", path) if path.ends_with("census") => Some(json!({ "brake_percent": 100 })),
            ("PATCH", _) => Some(json!({ "name": "mine" })),
            ("POST", path) if path.ends_with("faults") => Some(json!({ "rules": [] })),
            ("PUT", path) if path.ends_with("workflow") => Some(json!({
                "statuses": [{ "id": "1", "name": "Open", "category": "new" }], "transitions": [], "initial": "1",
            })),
            ("PUT", path) if path.ends_with("credential") => Some(json!({ "token": "theirs" })),
            _ => None,
        };
        let path = path.replace("{acme_key}", &acme_key).replace("{sprint}", &sprint.to_string());
        let path = path.replace("{acme_job}", &acme_job.to_string());
        let answer = app.ask(Method::from_bytes(method.as_bytes()).unwrap(), &path, Some(&other), body).await;
        assert_eq!(answer.status.as_u16(), *status, "{method} {path}: {}", answer.text);
    }
    assert_eq!(app.get("/v1/issues/10001").await.status, 200, "the owner still sees it");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_searches_and_numbers_of_another_tenant_are_empty() {
    let (app, other) = two_tenants().await;
    let get = async |path: &str| app.ask(Method::GET, path, Some(&other), None).await.ok();
    assert_eq!(get("/v1/instances").await["instances"], json!([]));
    assert_eq!(get("/v1/issues?jql=ORDER%20BY%20key&total=true").await["total"], 0);
    assert_eq!(get("/v1/pulse").await["issues"], 0);
    for list in ["projects", "users", "boards", "sprints", "fields"] {
        let path = format!("/v1/{list}");
        assert_eq!(get(&path).await[list], json!([]), "{list}");
        let own = app.get(&path).await.ok();
        assert!(!own[list].as_array().unwrap().is_empty(), "{list}: the owner sees some");
    }
    assert_eq!(get("/v1/jobs").await["runs"], json!([]));
    let entries = get("/v1/audit").await["entries"].clone();
    let actions: Vec<_> = entries.as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["create_key"], "their own key, and nothing of anyone else");
    let keys = get("/v1/keys").await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    let page = app.ask(Method::GET, "/jira/site/rest/api/2/issue/10001", Some(&other), None).await;
    assert_eq!(page.status, 404);
    let sql =
        async |text: &str| app.ask(Method::POST, "/v1/sql", Some(&other), Some(json!({ "sql": text }))).await;
    for view in [
        "issues",
        "changelog",
        "comments",
        "worklogs",
        "links",
        "field_values",
        "status_history",
        "time_in_status",
        "time_in_category",
        "issue_metrics",
        "lead_time_view",
        "user_workload",
        "projects",
        "users",
        "statuses",
        "sprints",
        "versions",
        "components",
        "boards",
        "sprint_issues",
        "attachments",
        "watchers",
        "remote_links",
        "filters",
        "issue_link_types",
        "freshness",
    ] {
        assert_eq!(
            sql(&format!("SELECT count(*) FROM jira.{view}")).await.ok()["rows"],
            json!([[0]]),
            "{view}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_shows_another_tenant_nothing() {
    let (app, other) = two_tenants().await;
    let call = async |key: &str, tool: &str, arguments: Value| {
        crate::doors::mcp_call(&app, key, tool, arguments).await
    };
    let own = call(&app.key, "jql_search", json!({ "jql": "ORDER BY key" })).await;
    assert_eq!(own["structuredContent"]["total"], 20, "{own}");
    let theirs = call(&other, "jql_search", json!({ "jql": "ORDER BY key" })).await;
    assert_eq!(theirs["structuredContent"]["total"], 0, "{theirs}");
    let issue = call(&other, "get_issue", json!({ "key": "10001" })).await;
    assert_eq!(issue["isError"], true);
    let rows = call(&other, "sql_query", json!({ "sql": "SELECT count(*) FROM issues" })).await;
    assert!(rows.to_string().contains("[[0]]"), "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tenant_every_table_is_refused() {
    let (app, _other) = two_tenants().await;
    let mut owner = app.database.superuser().await;
    let tables: Vec<String> = sqlx::query(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE n.nspname = 'public' AND c.relkind = 'r'",
    )
    .map(|row: PgRow| row.get(0))
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(tables.len() > 20);
    for role in ["forebay_app", "forebay_read"] {
        let mut connection = app.database.connect(role).await;
        for table in &tables {
            let count = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(format!(
                "SELECT count(*) FROM public.{table}"
            )));
            let Err(error) = count.fetch_one(&mut connection).await else {
                panic!("{role} is answered of {table}")
            };
            // The SQL door's role may not even name the tables.
            let refusal = if role == "forebay_read" { "permission denied" } else { "no tenant" };
            assert!(error.to_string().contains(refusal), "{role}, {table}: {error}");
        }
    }
}

/// The walk through the catalogue is the program's own; that it sees each kind of gap is tested beside it.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_a_tenant_is_behind_the_border_and_every_view_asks_as_the_caller() {
    let (app, _other) = two_tenants().await;
    let gaps =
        infrastructure::postgres::roles::border_gaps(&mut app.database.superuser().await).await.unwrap();
    assert_eq!(gaps, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_question_at_the_sql_door_gets_nothing_of_anyone() {
    let (app, other) = two_tenants().await;
    for sql in [
        "SELECT set_config('app.current_tenant_id', 'x', false)",
        "SELECT set_config('role', 'forebay_app', true)",
        "SELECT * FROM public.issues",
        "SELECT * FROM tenants",
        "SELECT * FROM pg_catalog.pg_stat_activity",
        "SELECT * FROM pg_stat_activity",
        "SELECT current_setting('app.sql_ticket')",
        "SELECT 1; SELECT 2",
        "DELETE FROM issues",
        "WITH gone AS (DELETE FROM jira.issues RETURNING *) SELECT * FROM gone",
        "SELECT * INTO stolen FROM issues",
        "SELECT * FROM issues FOR UPDATE",
        "COPY issues TO '/tmp/x'",
        "SELECT pg_sleep(100)",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT lo_import('/etc/passwd')",
        "SET ROLE forebay_app",
        "EXPLAIN ANALYZE SELECT 1",
    ] {
        let answer = app.ask(Method::POST, "/v1/sql", Some(&other), Some(json!({ "sql": sql }))).await;
        assert_eq!(answer.status, 400, "{sql}: {}", answer.text);
        assert_eq!(answer.json["errors"][0]["field"], "sql", "{sql}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scope_opens_its_own_door_only() {
    let app = TestApp::start().await;
    app.sandbox("site", 3);
    let reader = app.key_for("acme", "read");
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        app.ask(method, path, Some(&reader), body).await.status.as_u16()
    };
    assert_eq!(ask(Method::GET, "/v1/issues/10001", None).await, 200);
    assert_eq!(ask(Method::POST, "/v1/issues/10001/comments", Some(json!({ "body": "x" }))).await, 403);
    assert_eq!(ask(Method::POST, "/v1/sql", Some(json!({ "sql": "SELECT 1" }))).await, 403);
    assert_eq!(ask(Method::GET, "/v1/audit", None).await, 403);
    assert_eq!(ask(Method::DELETE, "/v1/instances/site", None).await, 403);
    let comment = json!({ "body": "x" });
    assert_eq!(ask(Method::POST, "/jira/site/rest/api/2/issue/10001/comment", Some(comment)).await, 403);
    let refused = crate::doors::mcp_call(&app, &reader, "sql_query", json!({ "sql": "SELECT 1" })).await;
    assert_eq!(refused["isError"], true, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_at_once() {
    let app = TestApp::start().await;
    let key = app.key_for("acme", "read");
    let ask = async || app.ask(Method::GET, "/v1/whoami", Some(&key), None).await.status.as_u16();
    assert_eq!(ask().await, 200);
    let id = app.get("/v1/whoami").await.ok();
    assert_eq!(id["scopes"].as_array().unwrap().len(), 5);
    let keys = app.json(&["key", "list", "--tenant", "acme"]);
    let reader = keys.as_array().unwrap().iter().find(|key| key["scopes"] == json!(["read"])).unwrap();
    app.cli(&["key", "revoke", reader["id"].as_str().unwrap()]);
    assert_eq!(ask().await, 401);
}
