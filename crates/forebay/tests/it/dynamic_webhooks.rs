//! Webhooks of apps at a sandbox: each registered by itself, limited to what it asked for, tried again for an hour, and told what it
//! missed.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    routing::any,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor;
use tokio::net::TcpListener;

use crate::app::{TestApp, eventually};

/// What came, and what it is answered with.
#[derive(Clone)]
struct Receiver {
    heard: Arc<Mutex<Vec<(String, HeaderMap, Value)>>>,
    status: Arc<Mutex<StatusCode>>,
}

async fn receive(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, text: String) -> StatusCode {
    let body = serde_json::from_str(&text).unwrap_or_default();
    receiver.heard.lock().unwrap().push((uri.path().to_owned(), headers, body));
    *receiver.status.lock().unwrap()
}

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self { heard: Arc::default(), status: Arc::new(Mutex::new(StatusCode::OK)) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(any(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (receiver, url)
    }

    /// The first that is as wanted.
    async fn heard(&self, wanted: impl Fn(&str, &HeaderMap, &Value) -> bool) -> (String, HeaderMap, Value) {
        let look = || async {
            let heard = self.heard.lock().unwrap();
            heard.iter().find(|(path, headers, body)| wanted(path, headers, body)).cloned()
        };
        eventually(look, Option::is_some).await.unwrap()
    }

    fn count(&self, wanted: impl Fn(&Value) -> bool) -> usize {
        self.heard.lock().unwrap().iter().filter(|(_, _, body)| wanted(body)).count()
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

const API: &str = "/jira/play/rest/api/3";

async fn ask(app: &TestApp, method: Method, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { None } else { Some(body) };
    let answer = app.ask(method, &format!("{API}/{path}"), Some(&app.key), body).await;
    (answer.status.as_u16(), answer.json)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_registers_webhooks_and_hears_what_they_ask_for() {
    let app = TestApp::start().await;
    app.sandbox("play", 30);
    let (receiver, url) = Receiver::start().await;
    let project =
        ask(&app, Method::GET, "issue/10001", Value::Null).await.1["fields"]["project"]["key"].clone();
    let jql = format!("project = {}", project.as_str().unwrap());
    let hook = |events: &[&str], more: Value| {
        let mut hook = json!({ "events": events, "jqlFilter": jql });
        hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hook
    };
    let body = json!({ "url": format!("{url}/${{issue.key}}/hook"), "webhooks": [
        hook(&["jira:issue_updated"], json!({})),
        { "events": ["jira:issue_updated"], "jqlFilter": "watchCount > 1" },
        hook(&["jira:issue_updated"], json!({ "fieldIdsFilter": ["labels"] })),
        hook(&["issue_property_set"], json!({ "issuePropertyKeysFilter": ["review"] })),
    ] });
    let (status, registered) = ask(&app, Method::POST, "webhook", body).await;
    assert_eq!(status, 200, "{registered}");
    let results = registered["webhookRegistrationResult"].as_array().unwrap();
    assert_eq!(results[1], json!({ "errors": ["The clause watchCount is unsupported"] }), "in their order");
    let id = |at: usize| results[at]["createdWebhookId"].clone();

    let (_, listed) = ask(&app, Method::GET, "webhook?maxResults=2", Value::Null).await;
    assert_eq!((&listed["total"], &listed["isLast"]), (&json!(3), &json!(false)), "{listed}");
    assert_eq!((&listed["values"][0]["id"], &listed["values"][0]["jqlFilter"]), (&id(0), &json!(jql)));
    let of_administrators = app.get("/jira/play/rest/webhooks/1.0/webhook").await.ok();
    assert_eq!(of_administrators, json!([]), "they are none of the administrators'");

    let edit = async |fields: Value| {
        let (status, body) = ask(&app, Method::PUT, "issue/10001", json!({ "fields": fields })).await;
        assert_eq!(status, 204, "{body}");
    };
    edit(json!({ "summary": "Only the first" })).await;
    edit(json!({ "labels": ["both"] })).await;
    let is_about = |body: &Value, field: &str| body["changelog"]["items"][0]["fieldId"] == field;
    let (path, headers, first) = receiver.heard(|_, _, body| is_about(body, "summary")).await;
    assert_eq!(first["matchedWebhookIds"], json!([id(0)]));
    assert_eq!(path, format!("/{}/hook", first["issue"]["key"].as_str().unwrap()));
    assert_eq!(header(&headers, "x-atlassian-webhook-flow"), Some("Primary"));
    assert!(header(&headers, "x-atlassian-webhook-trace").is_some_and(|trace| !trace.is_empty()));
    assert_eq!(header(&headers, "x-atlassian-webhook-retry"), None, "it is no retry");
    let (_, _, both) = receiver.heard(|_, _, body| is_about(body, "labels")).await;
    assert_eq!(both["matchedWebhookIds"], json!([id(0), id(2)]), "once for both");
    for key in ["other", "review"] {
        ask(&app, Method::PUT, &format!("issue/10001/properties/{key}"), json!({ "by": "zoe" })).await;
    }
    let (_, _, set) = receiver.heard(|_, _, body| body["webhookEvent"] == "issue_property_set").await;
    assert_eq!(set["property"]["key"], "review", "nobody asked for the other one");

    // What is done to many issues at once is told as such.
    let bulk = json!({ "selectedIssueIdsOrKeys": ["10001"], "selectedActions": ["labels"], "editedFieldsInput": {
        "labelsFields": [{ "fieldId": "labels", "labels": [{ "name": "bulk" }], "bulkEditMultiSelectFieldOption": "ADD" }] } });
    assert_eq!(ask(&app, Method::POST, "bulk/issues/fields", bulk).await.0, 201);
    receiver
        .heard(|_, headers, body| {
            is_about(body, "labels") && header(headers, "x-atlassian-webhook-flow") == Some("Secondary")
        })
        .await;

    let (status, refreshed) =
        ask(&app, Method::PUT, "webhook/refresh", json!({ "webhookIds": [id(0), 99] })).await;
    assert!(status == 200 && refreshed["expirationDate"].as_str().unwrap().ends_with("+0000"), "{refreshed}");
    // What has ended is neither listed nor told of anything.
    let mut owner = app.database.superuser().await;
    owner
        .execute("UPDATE webhooks SET expires_at = now() - interval '1 minute' WHERE field_ids IS NOT NULL")
        .await
        .unwrap();
    assert_eq!(ask(&app, Method::GET, "webhook", Value::Null).await.1["total"], 2);
    assert_eq!(ask(&app, Method::DELETE, "webhook", json!({ "webhookIds": [id(0), 99] })).await.0, 202);
    assert_eq!(ask(&app, Method::GET, "webhook", Value::Null).await.1["total"], 1);
    let before = receiver.count(|body| body["webhookEvent"] == "jira:issue_updated");
    edit(json!({ "labels": ["nobody-hears"] })).await;
    ask(&app, Method::PUT, "issue/10001/properties/review", json!({ "by": "ann" })).await;
    receiver.heard(|_, _, body| body["property"]["value"]["by"] == "ann").await;
    assert_eq!(receiver.count(|body| body["webhookEvent"] == "jira:issue_updated"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_tried_again_after_minutes_and_told_of_when_it_is_given_up() {
    let app = TestApp::start().await;
    app.sandbox("play", 30);
    let (receiver, url) = Receiver::start().await;
    *receiver.status.lock().unwrap() = StatusCode::SERVICE_UNAVAILABLE;
    let project =
        ask(&app, Method::GET, "issue/10001", Value::Null).await.1["fields"]["project"]["key"].clone();
    let hook = json!({ "events": ["comment_created"], "jqlFilter": format!("project = {}", project.as_str().unwrap()) });
    let body = json!({ "url": url, "webhooks": [hook] });
    assert_eq!(ask(&app, Method::POST, "webhook", body).await.0, 200);
    let comment = json!({ "body": { "type": "doc", "version": 1, "content": [
        { "type": "paragraph", "content": [{ "type": "text", "text": "unheard" }] }] } });
    assert_eq!(ask(&app, Method::POST, "issue/10001/comment", comment).await.0, 201);
    let mut owner = app.database.superuser().await;
    let (_, first, _) = receiver.heard(|_, _, _| true).await;
    for retry in 1..=5 {
        // The next try waits for 5 to 15 minutes; nobody waits for that here.
        let waiting = "SELECT extract(epoch FROM run_at - now())::float8 FROM graphile_worker._private_jobs j
                       JOIN graphile_worker._private_tasks t ON t.id = j.task_id
                       WHERE t.identifier = 'deliver_webhook' AND j.locked_at IS NULL AND run_at > now() + interval '1 minute'";
        let mut look = None;
        for _ in 0..200 {
            look = sqlx::query_scalar::<_, f64>(waiting).fetch_optional(&mut owner).await.unwrap();
            if look.is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let seconds = look.expect("the next try is planned");
        assert!((200.0..=901.0).contains(&seconds), "{seconds}");
        owner
            .execute(
                "UPDATE graphile_worker._private_jobs j SET run_at = now() FROM graphile_worker._private_tasks t
                 WHERE t.id = j.task_id AND t.identifier = 'deliver_webhook'",
            )
            .await
            .unwrap();
        let wanted = retry.to_string();
        let (_, again, _) = receiver
            .heard(|_, headers, _| header(headers, "x-atlassian-webhook-retry") == Some(wanted.as_str()))
            .await;
        for name in ["x-atlassian-webhook-identifier", "x-atlassian-webhook-trace"] {
            assert_eq!(header(&again, name), header(&first, name), "{name}");
        }
    }
    let failed = eventually(
        || async { ask(&app, Method::GET, "webhook/failed", Value::Null).await.1 },
        |page| page["values"].as_array().is_some_and(|values| !values.is_empty()),
    )
    .await;
    let value = &failed["values"][0];
    assert_eq!(value["id"].as_str(), header(&first, "x-atlassian-webhook-identifier"));
    let body: Value = serde_json::from_str(value["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["webhookEvent"], &value["url"]), (&json!("comment_created"), &json!(url)));
    let next = failed["next"].as_str().unwrap();
    let next = &next[next.find("webhook/failed").unwrap()..];
    assert_eq!(ask(&app, Method::GET, next, Value::Null).await.1["values"], json!([]));
    assert_eq!(receiver.count(|_| true), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_changes_a_webhook_and_its_secret_stays() {
    let app = TestApp::start().await;
    app.sandbox("play", 30);
    let (receiver, url) = Receiver::start().await;
    let path = "/jira/play/rest/webhooks/1.0/webhook";
    let hook = json!({ "name": "mine", "url": format!("{url}/a"), "events": ["comment_created"], "secret": "s3cr3t" });
    let made = app.post(path, hook).await.ok();
    let one = format!("{path}/{}", made["self"].as_str().unwrap().rsplit('/').next().unwrap());
    let put = async |body: Value| app.ask(Method::PUT, &one, Some(&app.key), Some(body)).await;
    let changed = json!({ "name": "yours", "url": format!("{url}/b"), "events": ["issue_property_set"], "enabled": true });
    let answer = put(changed).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((&answer.json["name"], &answer.json["isSigned"]), (&json!("yours"), &json!(true)));
    assert_eq!(put(json!({ "name": "no events", "url": url })).await.status, 400);
    assert_eq!(
        app.ask(Method::PUT, &format!("{path}/99"), Some(&app.key), Some(json!({}))).await.status,
        404
    );
    ask(&app, Method::PUT, "issue/10001/properties/review", json!(1)).await;
    let (path, headers, _) = receiver.heard(|_, _, body| body["webhookEvent"] == "issue_property_set").await;
    assert_eq!(path, "/b");
    assert!(header(&headers, "x-hub-signature").is_some_and(|signature| signature.starts_with("sha256=")));
}
