//! The webhooks of mirrors: at which doors a delivery is believed, what it leads to, and who looks after them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::app::{Answer, TestApp, eventually};

/// A mirror `copy` of a sandbox `source`, synced.
async fn synced(kind: &str) -> TestApp {
    let app = TestApp::start().await;
    app.sandbox("source", 20);
    app.mirror("copy", "source", kind);
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app
}

fn webhook(app: &TestApp, command: &str) -> Value {
    app.json(&["instance", "webhook", command, "copy", "--tenant", "acme"])
}

async fn at_source(app: &TestApp, method: Method, path: &str, body: Value) -> Answer {
    app.ask(method, &format!("/jira/source/rest/{path}"), Some(&app.key), Some(body)).await
}

async fn admin_webhooks(app: &TestApp) -> Vec<Value> {
    app.get("/jira/source/rest/webhooks/1.0/webhook").await.ok().as_array().unwrap().clone()
}

async fn remove_admin_webhooks(app: &TestApp) {
    for hook in admin_webhooks(app).await {
        let id = hook["self"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        at_source(app, Method::DELETE, &format!("webhooks/1.0/webhook/{id}"), Value::Null).await;
    }
}

/// Comments at the source, and waits until the copy has it. The next poll is put off, so that only a webhook can bring it.
async fn a_comment_arrives(app: &TestApp, text: &str) {
    execute(app, "UPDATE sync_schedules SET next_at = now() + interval '1 hour'").await;
    at_source(app, Method::POST, "api/2/issue/10001/comment", json!({ "body": text })).await.ok();
    eventually(
        async || app.get("/jira/copy/rest/api/2/issue/10001/comment").await.ok().to_string(),
        |page| page.contains(text),
    )
    .await;
}

async fn execute(app: &TestApp, sql: &'static str) {
    let mut owner = app.database.superuser().await;
    sqlx::query(sql).execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
}

async fn post(app: &TestApp, url: &str, headers: &[(&str, String)], body: &Value) -> StatusCode {
    let mut request = app.http.post(url).json(body);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_cannot_sign_delivers_at_the_secret_address_until_that_is_rotated() {
    let app = synced("cloud").await;
    remove_admin_webhooks(&app).await;
    let values = webhook(&app, "values");
    let (url, secret_url) = (values["url"].as_str().unwrap(), values["unsigned_url"].as_str().unwrap());
    assert!(secret_url.starts_with(&format!("{url}/")) && values["secret"].as_str().unwrap().len() >= 40);
    assert!(values["events"].as_array().unwrap().contains(&json!("jira:version_released")));
    // By hand, without a secret.
    let by_hand = json!({ "name": "by hand", "url": secret_url, "events": values["events"] });
    assert_eq!(at_source(&app, Method::POST, "webhooks/1.0/webhook", by_hand).await.status, 201);
    a_comment_arrives(&app, "Nobody signed this").await;
    // One that somebody entered by hand is taken for ours, and left as it is.
    let health = webhook(&app, "register");
    assert_eq!(health["registration"]["state"], "registered", "{health}");
    assert_eq!(admin_webhooks(&app).await[0]["name"], "by hand");
    assert_eq!(admin_webhooks(&app).await.len(), 1);

    let event = json!({ "webhookEvent": "jira:issue_updated", "timestamp": 1, "issue": { "id": "10001" } });
    assert_eq!(post(&app, url, &[], &event).await, 401, "the plain address takes nothing that is not signed");
    assert_eq!(post(&app, &format!("{url}/guessed"), &[], &event).await, 401);
    let forged = [("x-hub-signature", "sha256=00".to_owned())];
    assert_eq!(post(&app, secret_url, &forged, &event).await, 401, "a wrong signature is none at all");
    assert_eq!(post(&app, secret_url, &[], &event).await, 202);
    webhook(&app, "rotate");
    let again = json!({ "webhookEvent": "jira:issue_updated", "timestamp": 2, "issue": { "id": "10001" } });
    assert_eq!(post(&app, secret_url, &[], &again).await, 401);
    let rotated = webhook(&app, "values");
    assert_ne!(rotated["secret"], values["secret"]);
    assert_eq!(post(&app, rotated["unsigned_url"].as_str().unwrap(), &[], &again).await, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_without_a_body_names_its_issue_by_the_address() {
    let app = synced("cloud").await;
    remove_admin_webhooks(&app).await;
    let values = webhook(&app, "values");
    let place =
        |url: &Value| format!("{}{}", url.as_str().unwrap(), values["without_body"].as_str().unwrap());
    let signed = json!({ "name": "empty", "url": place(&values["url"]), "secret": values["secret"],
                         "events": ["comment_created"], "excludeBody": true });
    assert_eq!(at_source(&app, Method::POST, "webhooks/1.0/webhook", signed).await.status, 201);
    a_comment_arrives(&app, "Nothing was told but where").await;
    // Those without a body are all alike, and each is one of its own.
    let secret = values["unsigned_url"].as_str().unwrap();
    for _ in 0..2 {
        let sent = app.http.post(format!("{secret}?issue=PAY-1&user_id=someone")).send().await.unwrap();
        assert_eq!(sent.status(), 202);
    }
    let mut owner = app.database.superuser().await;
    let alike: i64 = sqlx::query_scalar("SELECT count(*) FROM webhook_inbox WHERE body = '{}' OR body->'issue' IS NOT NULL AND event = 'unknown'")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert!(alike >= 3, "{alike}");
    let nonsense = app.http.post(secret).body("no JSON").send().await.unwrap();
    assert_eq!(nonsense.status(), 400);
}

/// An app's mirror: the sandbox takes its key for one.
fn app_mirror(app: &TestApp, name: &str) {
    let url = format!("{}/jira/source", app.url);
    let add = ["instance", "add", "--tenant", "acme", "--name", name, "--kind", "cloud", "--url", &url];
    let rest = ["--auth", "oauth", "--token-env", "TEST_TOKEN"];
    let output = app.command().args(add).args(rest).env("TEST_TOKEN", &app.key).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn dynamic_webhooks(app: &TestApp) -> Vec<Value> {
    app.get("/jira/source/rest/api/3/webhook").await.ok()["values"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_registers_webhooks_that_end_and_they_are_given_another_month() {
    let app = TestApp::start().await;
    app.sandbox("source", 20);
    app_mirror(&app, "copy");
    let tested = app.json(&["instance", "test", "copy", "--tenant", "acme"]);
    assert_eq!(tested["webhook"], true, "{tested}");
    let listed = dynamic_webhooks(&app).await;
    assert_eq!(listed.len(), 1, "the sandbox tells apps of issues and comments: {listed:?}");
    assert_eq!(listed[0]["jqlFilter"], "project != null");
    let health = webhook(&app, "show");
    assert_eq!(health["registration"]["kind"], "dynamic");
    assert!(health["registration"]["problem"].as_str().unwrap().contains("sprints"), "{health}");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    a_comment_arrives(&app, "Told to an app").await;

    // Near its end it is given another month, by whoever looks after it.
    execute(&app, "UPDATE webhooks SET expires_at = now() + interval '4 days'").await;
    execute(&app, "UPDATE site_webhooks SET expires_at = now() + interval '4 days', checked_at = now() - interval '1 hour'").await;
    look_after(&app).await;
    let ends = eventually(
        async || {
            let mut owner = app.database.superuser().await;
            let days = "SELECT extract(day FROM min(expires_at) - now())::float8 FROM webhooks";
            sqlx::query_scalar::<_, f64>(days).fetch_one(&mut owner).await.unwrap()
        },
        |days| *days > 28.0,
    )
    .await;
    assert!(ends <= 30.0, "{ends}");
    assert_eq!(dynamic_webhooks(&app).await.len(), 1);

    // One that ended is registered again, and removed with its mirror.
    let id = dynamic_webhooks(&app).await[0]["id"].clone();
    at_source(&app, Method::DELETE, "api/3/webhook", json!({ "webhookIds": [id] })).await;
    let again = webhook(&app, "register");
    assert_eq!(again["registration"]["state"], "registered");
    assert_eq!(dynamic_webhooks(&app).await.len(), 1);
    app.cli(&["instance", "remove", "copy", "--yes", "--tenant", "acme"]);
    assert!(dynamic_webhooks(&app).await.is_empty());
}

/// Lets the worker look after the webhooks of all mirrors now.
async fn look_after(app: &TestApp) {
    execute(app, "SELECT graphile_worker.add_job('upkeep_mirrors', '{}'::json)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_signs_an_apps_deliveries_is_the_secret_of_its_client() {
    let app = TestApp::start().await;
    app.sandbox("source", 5);
    let url = format!("{}/jira/source", app.url);
    let add = [
        "instance", "add", "--tenant", "acme", "--name", "copy", "--kind", "cloud", "--url", &url, "--auth",
        "oauth",
    ];
    // Nobody hands out tokens there: what is delivered is looked at in vain.
    let tokens = format!("{}/nobody", app.url);
    let grant = ["--client-id", "client", "--client-secret-env", "TEST_SECRET", "--token-url", &tokens];
    let grant = grant.into_iter().chain(["--refresh-token-env", "TEST_TOKEN"]);
    let added = app
        .command()
        .args(add)
        .args(grant)
        .env("TEST_SECRET", "hush")
        .env("TEST_TOKEN", "again")
        .output()
        .unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let id = app.get("/v1/instances/copy").await.ok()["id"].as_str().unwrap().to_owned();
    let place = format!("{}/webhooks/jira/{id}", app.url);
    let now = application::ports::Clock::now(&infrastructure::clock::SystemClock).timestamp();
    let deliver = async |token: String| {
        let event =
            json!({ "webhookEvent": "comment_created", "issue": { "id": "10001" }, "timestamp": token });
        post(&app, &place, &[("authorization", format!("Bearer {token}"))], &event).await
    };
    let claims = json!({ "iss": "client", "iat": now - 10, "exp": now + 170 });
    assert_eq!(deliver(token(&json!({ "alg": "HS256", "typ": "JWT" }), &claims, "hush")).await, 202);
    assert_eq!(deliver(token(&json!({ "alg": "HS256" }), &claims, "guessed")).await, 401);
    assert_eq!(deliver(token(&json!({ "alg": "none" }), &claims, "hush")).await, 401);
    let old = json!({ "iat": now - 7_200, "exp": now - 3_600 });
    assert_eq!(deliver(token(&json!({ "alg": "HS256" }), &old, "hush")).await, 401);
    let early = json!({ "iat": now + 3_600, "exp": now + 7_200 });
    assert_eq!(deliver(token(&json!({ "alg": "HS256" }), &early, "hush")).await, 401);
    assert_eq!(deliver("a.b.c".into()).await, 401);
}

/// A JSON Web Token, signed by HS256.
fn token(header: &Value, claims: &Value, secret: &str) -> String {
    use application::ports::Secrets as _;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let keyring =
        infrastructure::crypto::Keyring::new(infrastructure::crypto::MasterKey::generate(), Vec::new());
    let signature = keyring.sign(&secret.into(), signed.as_bytes());
    let hex = signature.strip_prefix("sha256=").unwrap();
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_disabled_or_deleted_is_noticed_and_brought_back_once() {
    let app = synced("cloud").await;
    let hook = admin_webhooks(&app).await[0].clone();
    let id = hook["self"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let disabled =
        json!({ "name": hook["name"], "url": hook["url"], "events": hook["events"], "enabled": false });
    at_source(&app, Method::PUT, &format!("webhooks/1.0/webhook/{id}"), disabled).await.ok();
    execute(&app, "UPDATE site_webhooks SET checked_at = now() - interval '1 day'").await;
    look_after(&app).await;
    eventually(async || admin_webhooks(&app).await[0]["enabled"].clone(), |enabled| *enabled == true).await;

    remove_admin_webhooks(&app).await;
    execute(&app, "UPDATE site_webhooks SET checked_at = now() - interval '1 day'").await;
    look_after(&app).await;
    eventually(async || admin_webhooks(&app).await.len(), |hooks| *hooks == 1).await;
    // An answer that was lost is found at the site instead of being asked for again.
    execute(&app, "DELETE FROM site_webhooks").await;
    execute(&app, "UPDATE jira_instances SET webhook_remote_id = NULL").await;
    assert_eq!(app.json(&["instance", "test", "copy", "--tenant", "acme"])["webhook"], true);
    assert_eq!(admin_webhooks(&app).await.len(), 1);
    a_comment_arrives(&app, "Still signed with our secret").await;

    // Nobody brings back what a person has taken away.
    let off = app.ask(Method::DELETE, "/v1/instances/copy/webhook", Some(&app.key), None).await.ok();
    assert_eq!(off["state"], "off", "{off}");
    assert!(admin_webhooks(&app).await.is_empty());
    assert_eq!(app.json(&["instance", "test", "copy", "--tenant", "acme"])["webhook"], false);
    assert!(admin_webhooks(&app).await.is_empty());
    let on = app.put("/v1/instances/copy/webhook", json!({})).await.ok();
    assert_eq!((&on["state"], admin_webhooks(&app).await.len()), (&json!("registered"), 1));
    let fresh = app.get("/v1/instances/copy/freshness").await.ok();
    assert_eq!(fresh["webhook"]["state"], "registered", "{fresh}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_leads_to_what_it_names_and_not_to_whole_rounds() {
    let app = synced("cloud").await;
    app.until_rosters_are_read("copy").await;
    let rounds = async || {
        let mut owner = app.database.superuser().await;
        let last = "SELECT max(began_at) FROM reference_reads";
        sqlx::query_scalar::<_, chrono::DateTime<chrono::Utc>>(last).fetch_one(&mut owner).await.unwrap()
    };
    let before = rounds().await;
    execute(&app, "UPDATE sync_schedules SET next_at = now() + interval '1 hour'").await;
    let project = app.get("/jira/source/rest/api/3/project/PAY").await.ok();
    let wanted =
        json!({ "name": "77.0", "projectId": project["id"].as_str().unwrap().parse::<i64>().unwrap() });
    assert_eq!(at_source(&app, Method::POST, "api/3/version", wanted).await.status, 201);
    eventually(
        async || app.get("/v1/projects/PAY?instance=copy").await.ok()["versions"].to_string(),
        |versions| versions.contains("77.0"),
    )
    .await;
    let boards = app.get("/jira/source/rest/agile/1.0/board?type=scrum").await.ok();
    let board = boards["values"][0]["id"].clone();
    let sprint = json!({ "name": "Told at once", "originBoardId": board });
    assert_eq!(at_source(&app, Method::POST, "agile/1.0/sprint", sprint).await.status, 201);
    eventually(
        async || app.get(&format!("/v1/sprints?instance=copy&board={board}")).await.ok().to_string(),
        |sprints| sprints.contains("Told at once"),
    )
    .await;
    assert_eq!(rounds().await, before, "no round began");
}
