//! JQL beyond searching: parsed, matched, completed, explained, timed, and as the filter of webhooks.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::State, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::{TestApp, eventually};

const API: &str = "/jira/site/rest/api/3/jql";

async fn parsed(app: &TestApp, validation: &str, queries: &[&str]) -> Vec<Value> {
    let answer =
        app.post(&format!("{API}/parse?validation={validation}"), json!({ "queries": queries })).await.ok();
    answer["queries"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_parsed_matched_and_sanitised() {
    let app = TestApp::start().await;
    app.sandbox("site", 60);
    let queries = ["status = Done ORDER BY key DESC", "project = NOWHERE", "invalid query"];
    let strict = parsed(&app, "strict", &queries).await;
    assert_eq!(strict[0]["structure"]["where"]["operand"]["value"], "Done");
    assert_eq!(strict[0]["structure"]["orderBy"]["fields"][0]["direction"], "desc");
    assert_eq!(strict[1]["errors"], json!(["The value 'NOWHERE' does not exist for the field 'project'."]));
    assert!(strict[1].get("structure").is_none());
    assert!(strict[2]["errors"][0].as_str().unwrap().contains("Expecting operator but got 'query'"));
    let warned = parsed(&app, "warn", &queries).await;
    assert_eq!(warned[1]["warnings"][0], strict[1]["errors"][0]);
    assert_eq!(warned[1]["structure"]["where"]["operand"]["value"], "NOWHERE");
    let unchecked = parsed(&app, "none", &queries).await;
    assert!(unchecked[1].get("warnings").is_none() && unchecked[1]["structure"].is_object());
    assert!(unchecked[2]["errors"].is_array());
    let wrong = app.post(&format!("{API}/parse?validation=maybe"), json!({ "queries": queries })).await;
    assert_eq!(wrong.status, 400);

    let found =
        app.get("/jira/site/rest/api/3/search/jql?jql=statusCategory%20%3D%20Done&maxResults=100").await.ok();
    let done: Vec<i64> = found["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["id"].as_str().unwrap().parse().unwrap())
        .collect();
    let asked: Vec<i64> = (10_001..=10_060).collect();
    let body =
        json!({ "issueIds": asked, "jqls": ["statusCategory = Done", "nonsense = 1", "project is EMPTY"] });
    let matches = app.post(&format!("{API}/match"), body).await.ok();
    let mut expected = done.clone();
    expected.sort_unstable();
    assert_eq!(matches["matches"][0], json!({ "matchedIssues": expected, "errors": [] }));
    let unknown = "Field 'nonsense' does not exist or you do not have permission to view it.";
    assert_eq!(matches["matches"][1], json!({ "matchedIssues": [], "errors": [unknown] }));
    assert_eq!(matches["matches"][2], json!({ "matchedIssues": [], "errors": [] }));

    let body = json!({ "queries": [{ "query": "status = Done", "accountId": "abc" }, { "query": "= =" }] });
    let sanitised = app.post(&format!("{API}/sanitize"), body).await.ok();
    let first =
        json!({ "initialQuery": "status = Done", "sanitizedQuery": "status = Done", "accountId": "abc" });
    assert_eq!(sanitised["queries"][0], first);
    assert!(sanitised["queries"][1]["errors"]["errorMessages"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn editors_are_told_fields_functions_and_values() {
    let app = TestApp::start().await;
    app.sandbox("site", 60);
    let data = app.get(&format!("{API}/autocompletedata")).await.ok();
    let field = |name: &str| {
        let fields = data["visibleFieldNames"].as_array().unwrap();
        fields.iter().find(|field| field["value"] == name).cloned().unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(field("summary")["operators"], json!(["~", "!~", "is", "is not"]));
    assert_eq!(field("status")["auto"], "true");
    assert_eq!(field("\"Story Points\"")["types"], json!(["java.lang.Number"]));
    assert!(field("\"Story Points\"")["cfid"].as_str().unwrap().starts_with("cf["));
    let functions = data["visibleFunctionNames"].as_array().unwrap();
    assert!(functions.iter().any(|f| f["value"] == "openSprints()" && f["isList"] == "true"));
    assert!(data["jqlReservedWords"].as_array().unwrap().contains(&json!("limit")));
    let body = json!({ "includeCollapsedFields": true, "projectIds": [10000] });
    assert_eq!(app.post(&format!("{API}/autocompletedata"), body).await.ok(), data);

    let suggested = |query: &'static str| {
        let app = &app;
        async move {
            app.get(&format!("{API}/autocompletedata/suggestions?{query}")).await.ok()["results"].clone()
        }
    };
    assert_eq!(
        suggested("fieldName=status&fieldValue=do").await,
        json!([{ "value": "Done", "displayName": "<b>Do</b>ne" }])
    );
    assert_eq!(suggested("fieldName=summary&fieldValue=a").await, json!([]));
    assert!(!suggested("fieldName=labels").await.as_array().unwrap().is_empty());
    assert!(!suggested("fieldName=status&predicateName=by").await.as_array().unwrap().is_empty());
    assert_eq!(app.get(&format!("{API}/autocompletedata/suggestions")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_explained_and_the_suite_of_the_benchmark_is_answered() {
    let app = TestApp::start().await;
    app.sandbox("site", 60);
    let text = "labels = 'secret-word' AND statusCategory = Done ORDER BY updated DESC";
    let statements = app.json(&["search", text, "--explain"]);
    let first = &statements[0];
    assert!(!first["sql"].as_str().unwrap().contains("secret-word"), "{first}");
    assert!(statements.to_string().contains("secret-word"), "parameters stand beside");
    assert!(first["plan"][0].as_str().unwrap().contains("cost="), "{first}");
    let shown = app.cli(&["search", text, "--explain"]);
    assert!(shown.starts_with("-- statement 1\nSELECT ") && shown.contains("--   $1 = "), "{shown}");

    let figures = app.json(&["bench", "jql", "--reads", "1"]);
    assert!(figures["kinds"].as_array().unwrap().len() >= 7, "{figures}");
    let (asked, left_out) = (figures["queries"].as_array().unwrap(), figures["left_out"].as_array().unwrap());
    assert_eq!(asked.len() + left_out.len(), 60);
    assert!(left_out.len() < 15, "{left_out:?}");
}

async fn hear(State(heard): State<Arc<Mutex<Vec<String>>>>, text: String) {
    let body: Value = serde_json::from_str(&text).unwrap();
    let summary = body["issue"]["fields"]["summary"].as_str().unwrap_or_default();
    heard.lock().unwrap().push(format!("{} {summary}", body["webhookEvent"].as_str().unwrap()));
}

/// Registers a webhook with that filter; answers what it hears.
async fn listen(app: &TestApp, filter: &str) -> Arc<Mutex<Vec<String>>> {
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", post(hear)).with_state(heard.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let hook = json!({
        "name": "hook", "url": url, "events": ["jira:issue_created", "jira:issue_deleted"],
        "filters": { "issue-related-events-section": filter },
    });
    let registered = app.post("/jira/site/rest/webhooks/1.0/webhook", hook).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    assert_eq!(registered.json["filters"]["issue-related-events-section"], filter);
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_with_a_filter_hears_of_issues_that_meet_it() {
    let app = TestApp::start().await;
    app.sandbox("site", 20);
    let (all, some) = (listen(&app, "").await, listen(&app, "summary ~ banana AND labels = fruit").await);
    let project = app.get("/jira/site/rest/api/3/project").await.ok()[0]["key"].clone();
    for (summary, label) in [("Stone", "fruit"), ("Bananas", "stone"), ("Bananas", "fruit")] {
        let fields = json!({
            "project": { "key": project }, "issuetype": { "name": "Task" }, "summary": summary, "labels": [label],
        });
        let made = app.post("/jira/site/rest/api/3/issue", json!({ "fields": fields })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/jira/site/rest/api/3/issue/{}", made.json["key"].as_str().unwrap());
        let gone = app.ask(reqwest::Method::DELETE, &path, Some(&app.key), None).await;
        assert_eq!(gone.status, 204, "{}", gone.text);
    }
    let heard = |list: &Arc<Mutex<Vec<String>>>| {
        let mut heard = list.lock().unwrap().clone();
        heard.sort();
        heard
    };
    eventually(|| async { heard(&all).len() }, |count| *count == 6).await;
    let both = eventually(|| async { heard(&some) }, |heard| heard.len() >= 2).await;
    assert_eq!(both, ["jira:issue_created Bananas", "jira:issue_deleted Bananas"]);

    let filter = json!({ "issue-related-events-section": "project = NOWHERE" });
    let hook = json!({ "name": "x", "url": "http://127.0.0.1:9/", "events": ["jira:issue_created"], "filters": filter });
    let refused = app.post("/jira/site/rest/webhooks/1.0/webhook", hook).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
}
