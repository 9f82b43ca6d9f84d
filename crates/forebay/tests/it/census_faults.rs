//! Censuses of a site that answers wrongly: whatever it says, nothing that is there is written off.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::{TestApp, client};

/// What becomes of an answer on its way: the path, the answer, and headers to add.
type Tamper = Box<dyn FnMut(&str, &Value, &mut Answer) + Send>;

pub struct Answer {
    pub status: u16,
    pub body: Value,
    headers: Vec<(&'static str, &'static str)>,
}

/// A site in front of a sandbox, which changes what it likes in the answers.
#[derive(Clone)]
pub struct Liar {
    behind: String,
    http: reqwest::Client,
    tamper: Arc<Mutex<Option<Tamper>>>,
    url: String,
}

impl Liar {
    async fn in_front_of(app: &TestApp, sandbox: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jira/{sandbox}", listener.local_addr().unwrap());
        let liar = Self { behind: app.url.clone(), http: client(), tamper: Arc::default(), url };
        let router = Router::new().fallback(answer).with_state(liar.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        liar
    }

    pub fn lie(&self, tamper: impl FnMut(&str, &Value, &mut Answer) + Send + 'static) {
        *self.tamper.lock().unwrap() = Some(Box::new(tamper));
    }
}

async fn answer(
    State(liar): State<Liar>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut request = liar.http.request(method, format!("{}{uri}", liar.behind)).body(body.to_vec());
    for name in ["authorization", "content-type"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let sent = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let served = request.send().await.unwrap();
    let status = served.status().as_u16();
    let mut answer = Answer { status, body: served.json().await.unwrap_or(Value::Null), headers: Vec::new() };
    if let Some(tamper) = liar.tamper.lock().unwrap().as_mut() {
        tamper(uri.path(), &sent, &mut answer);
    }
    let mut response = Response::builder().status(answer.status).header("content-type", "application/json");
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body.to_string())).unwrap()
}

/// Whether a request lists ids only: the roll call.
fn is_roll_call(path: &str, sent: &Value) -> bool {
    path.ends_with("/search/jql") && sent["fields"] == json!(["id"])
}

/// A synced mirror of a sandbox that is reached through somebody who may lie.
pub async fn mirrored(issues: u32) -> (TestApp, Liar) {
    let app = TestApp::start().await;
    app.sandbox("source", issues);
    let liar = Liar::in_front_of(&app, "source").await;
    let added = [
        "instance",
        "add",
        "--tenant",
        "acme",
        "--name",
        "copy",
        "--kind",
        "cloud",
        "--url",
        &liar.url,
        "--email",
        "me@x.org",
        "--token-env",
        "TEST_TOKEN",
    ];
    let output = tokio::task::block_in_place(|| {
        app.command().args(added).env("TEST_TOKEN", &app.key).output().unwrap()
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let run =
        tokio::task::block_in_place(|| app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]));
    assert_eq!(run["issues"], issues);
    (app, liar)
}

/// Takes a census; answers whether it succeeded, and its document.
fn census(app: &TestApp) -> (bool, Value) {
    let output =
        tokio::task::block_in_place(|| app.output(&["sync", "census", "copy", "--tenant", "acme", "--json"]));
    (output.status.success(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

async fn present(app: &TestApp) -> u64 {
    app.get("/v1/issues?instance=copy&limit=1&total=true").await.ok()["total"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_is_cut_short_or_breaks_off_concludes_nothing() {
    let (app, liar) = mirrored(60).await;
    // Half of each page, and "there is more", without a token (jira-facts 12).
    liar.lie(|path, sent, answer| {
        if is_roll_call(path, sent) {
            let issues = answer.body["issues"].as_array_mut().unwrap();
            issues.truncate(issues.len() / 2);
            answer.body["isLast"] = json!(false);
            answer.body.as_object_mut().unwrap().remove("nextPageToken");
        }
    });
    let (succeeded, found) = census(&app);
    assert!(!succeeded && found["state"] == "failed" && found["gone"] == 0, "{found}");
    assert!(found["projects"][0]["error"].as_str().unwrap().contains("says that there is more"), "{found}");
    assert_eq!(present(&app).await, 60);

    liar.lie(|path, sent, answer| {
        if is_roll_call(path, sent) {
            (answer.status, answer.body) = (400, json!({ "errorMessages": ["broken"] }));
        }
    });
    assert!(!census(&app).0);
    assert_eq!(present(&app).await, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_nobody_or_to_another_account_concludes_nothing() {
    let (app, liar) = mirrored(40).await;
    // Anonymous: 200 with nothing in it (jira-facts 5.4).
    liar.lie(|path, sent, answer| {
        if is_roll_call(path, sent) {
            answer.body = json!({ "issues": [], "isLast": true });
            answer.headers.push(("X-Seraph-LoginReason", "AUTHENTICATED_FAILED"));
        }
    });
    assert!(!census(&app).0);
    assert_eq!(present(&app).await, 40);

    // Credentials that end after the ids were listed: `myself` is asked again before anything is written.
    let mut asked = 0;
    liar.lie(move |path, sent, answer| {
        if is_roll_call(path, sent) {
            answer.body["issues"].as_array_mut().unwrap().truncate(1);
        }
        if path.ends_with("/bulkfetch") {
            answer.body["issues"] = json!([]);
        }
        if path.ends_with("/myself") {
            asked += 1;
            if asked > 1 {
                answer.body["accountId"] = json!("somebody-else");
            }
        }
    });
    app.json(&["sync", "census", "copy", "--tenant", "acme", "--brake-percent", "100"]);
    assert!(!census(&app).0);
    assert_eq!(present(&app).await, 40, "the brake was off, and another account answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lags_hides_nothing_and_an_archived_issue_says_so() {
    let (app, liar) = mirrored(40).await;
    let without = |hidden: &'static str| {
        move |path: &str, sent: &Value, answer: &mut Answer| {
            if is_roll_call(path, sent) {
                answer.body["issues"].as_array_mut().unwrap().retain(|issue| issue["id"] != hidden);
            }
        }
    };
    liar.lie(without("10006"));
    let (succeeded, found) = census(&app);
    let absent: u64 =
        found["projects"].as_array().unwrap().iter().map(|p| p["absent"].as_u64().unwrap()).sum();
    assert!(succeeded && absent == 1 && found["gone"] == 0, "{found}");
    assert_eq!(present(&app).await, 40);

    // Absent from searches and readable by id: Data Center says on the issue that it is archived (jira-facts 2.6).
    let hide = without("10006");
    liar.lie(move |path, sent, answer| {
        hide(path, sent, answer);
        if path.ends_with("/issue/10006") {
            answer.body["fields"]["archiveddate"] = json!("2026-01-05T10:00:00.000+0000");
        }
    });
    assert!(census(&app).0);
    assert_eq!(present(&app).await, 39);
    let mut owner = app.database.superuser().await;
    let presence: String = sqlx::query_scalar(
        "SELECT presence FROM issues WHERE jira_id = '10006'
         AND instance_id = (SELECT id FROM jira_instances WHERE name = 'copy')",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(presence, "archived");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_come_twice_or_out_of_order_are_no_loss() {
    let (app, liar) = mirrored(40).await;
    liar.lie(|path, sent, answer| {
        if is_roll_call(path, sent) {
            let issues = answer.body["issues"].as_array_mut().unwrap();
            let again = issues.clone();
            issues.reverse();
            issues.extend(again);
        }
    });
    let (succeeded, found) = census(&app);
    assert!(succeeded && found["gone"] == 0, "{found}");
    assert_eq!(present(&app).await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_the_site_cannot_answer_for_stays() {
    let (app, liar) = mirrored(40).await;
    liar.lie(|path, sent, answer| {
        if is_roll_call(path, sent) {
            let issues = answer.body["issues"].as_array_mut().unwrap();
            issues.drain(..issues.len().min(2));
        }
        // "A retriable error or payload constraint" (jira-facts 1.4).
        if path.ends_with("/bulkfetch") {
            let asked = sent["issueIdsOrKeys"].as_array().unwrap();
            let later = asked.iter().map(|id| json!({ "id": id, "errorMessage": "later" }));
            answer.body = json!({ "issues": [], "issueErrors": later.collect::<Vec<_>>() });
        }
    });
    let (succeeded, found) = census(&app);
    let sum = |count: &str| -> u64 {
        found["projects"].as_array().unwrap().iter().map(|project| project[count].as_u64().unwrap()).sum()
    };
    assert!(succeeded && sum("absent") >= 2 && sum("unsettled") >= 2 && sum("gone") == 0, "{found}");
    assert_eq!(present(&app).await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_many_issues_that_leaves_some_out_is_no_word_on_those() {
    let (app, liar) = mirrored(40).await;
    liar.lie(|path, sent, answer| {
        if is_roll_call(path, sent) {
            let issues = answer.body["issues"].as_array_mut().unwrap();
            issues.drain(..issues.len().min(6));
        }
        if path.ends_with("/issue/bulkfetch") && sent["issueIdsOrKeys"].as_array().unwrap().len() > 3 {
            answer.body["issues"].as_array_mut().unwrap().truncate(3);
        }
    });
    let (succeeded, found) = census(&app);
    let absent = found["projects"].as_array().unwrap().iter().map(|p| p["absent"].as_u64().unwrap()).max();
    assert!(succeeded && absent > Some(3) && found["gone"] == 0, "{found}");
    assert_eq!(present(&app).await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_is_gone_for_a_moment_only_is_not_written_off() {
    let (app, liar) = mirrored(60).await;
    let mut asked = 0;
    liar.lie(move |path, sent, answer| {
        if is_roll_call(path, sent) {
            answer.body["issues"].as_array_mut().unwrap().retain(|issue| issue["id"] != "10004");
        } else if path.ends_with("/issue/10004") {
            asked += 1;
            if asked == 1 {
                answer.status = 404;
                answer.body = json!({ "errorMessages": ["Issue does not exist"], "errors": {} });
            }
        }
    });
    let (succeeded, found) = census(&app);
    assert!(succeeded && found["gone"] == 0, "{found}");
    assert_eq!(present(&app).await, 60);
}
