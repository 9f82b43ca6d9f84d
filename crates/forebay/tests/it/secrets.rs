//! Master keys change while everything runs, and nothing secret comes out anywhere.

use std::{
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};

use crate::app::{MASTER_KEY, TestApp, client, free_port};

const NEW_KEY: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

/// As stored: the id of the key that sealed each text.
async fn sealing_keys(app: &TestApp) -> Vec<String> {
    let mut owner = app.database.superuser().await;
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT format('%I.%I', table_schema, table_name), column_name::text FROM information_schema.columns
         WHERE column_name LIKE '%\\_encrypted' AND table_schema IN ('public', 'forebay') ORDER BY 1, 2",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let mut ids = Vec::new();
    for (table, column) in columns {
        let sql = format!("SELECT split_part({column}, '.', 2) FROM {table} WHERE {column} IS NOT NULL");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut owner).await.unwrap();
        ids.extend(rows.iter().map(|row| row.get::<String, _>(0)));
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_is_replaced_while_everything_runs() {
    let both = format!("{NEW_KEY},{MASTER_KEY}");
    let app = TestApp::start_with(&[("FOREBAY_MASTER_KEY", &both)]).await;
    app.sandbox("source", 3);
    app.mirror("copy", "source", "cloud");
    let webhook = json!({ "name": "w", "url": format!("{}/hook", app.url), "events": ["jira:issue_updated"], "secret": "s" });
    assert_eq!(app.post("/jira/source/rest/webhooks/1.0/webhook", webhook).await.status, 201);
    let rotate = || {
        let output =
            app.command().env("FOREBAY_MASTER_KEY", &both).args(["key-rotate", "--json"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let first = rotate();
    assert_eq!(first["root_sealed_anew"], true, "{first}");
    let anew = |report: &Value| -> u64 {
        report["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column["sealed_anew"].as_u64().unwrap())
            .sum()
    };
    // Those that the command line sealed with the old key alone.
    assert!(anew(&first) >= 2, "{first}");
    let ids = sealing_keys(&app).await;
    assert!(ids.len() >= 4 && ids.iter().all(|id| *id == first["key"]), "{ids:?} {first}");
    // Repeated, it does nothing.
    let second = rotate();
    assert_eq!((anew(&second), &second["root_sealed_anew"]), (0, &json!(false)));

    // The new key alone: keys, addresses' hashes, credentials and roles are what they were.
    let alone = |arguments: &[&str]| {
        let output = app.command().env("FOREBAY_MASTER_KEY", NEW_KEY).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    alone(&["instance", "test", "copy", "--tenant", "acme"]);
    alone(&["doctor"]);
    let mut command = app.command();
    command.env("FOREBAY_MASTER_KEY", NEW_KEY);
    let port = free_port();
    let mut server = crate::app::serve(command, port, &["serve"]);
    let url = format!("http://127.0.0.1:{port}");
    crate::app::eventually(
        || async {
            let asked = client().get(format!("{url}/v1/whoami")).bearer_auth(&app.key).send().await;
            asked.map(|answer| answer.status().as_u16()).unwrap_or_default()
        },
        |status| *status == 200,
    )
    .await;
    crate::app::signal(&server, "TERM");
    server.wait().unwrap();

    // The old key alone is told what is missing, and changes nothing.
    let output = app.output(&["migrate", "up"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(first["key"].as_str().unwrap()) && said.contains("FOREBAY_MASTER_KEY"), "{said}");
}

/// Takes traces, and keeps what they say: the bodies, without the headers that let them in. The first is refused, so that
/// there is something to complain of.
struct Collector {
    address: std::net::SocketAddr,
    received: Arc<Mutex<String>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, received) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(String::new())));
        let kept = received.clone();
        let refused = AtomicBool::new(false);
        let take = move |body: axum::body::Bytes| {
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&body));
            let status = if refused.swap(true, Ordering::Relaxed) { 200 } else { 403 };
            async move { axum::http::StatusCode::from_u16(status).unwrap() }
        };
        let take = Arc::new(take);
        let routes = axum::Router::new().fallback(move |body: axum::body::Bytes| take(body));
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, received }
    }

    fn received(&self) -> String {
        self.received.lock().unwrap().clone()
    }
}

/// Secrets that are easy to recognise go in through every door that takes some; none may come out of any.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one server, and every way to it that knows a secret")]
async fn nothing_secret_is_logged_or_answered() {
    const MARK: &str = "MARKEDSECRET";
    let app = TestApp::start().await;
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let log = std::env::temp_dir().join(format!("forebay-log-{}-{port}", std::process::id()));
    let mut command = app.command();
    command.args(["serve", "--with-worker"]);
    let collector = Collector::start().await;
    command
        .env("FOREBAY_LISTEN", format!("127.0.0.1:{port}"))
        // Collectors are paid for by tokens: in a header, or in the address.
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://me:{MARK}@{}", collector.address))
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("x-api-key={MARK}header"))
        .env("FOREBAY_LOG", "trace,h2=info,hyper=debug");
    let file = std::fs::File::create(&log).unwrap();
    let mut server = command.stdout(file.try_clone().unwrap()).stderr(Stdio::from(file)).spawn().unwrap();
    crate::app::eventually(
        || async {
            client().get(format!("{url}/health/ready")).send().await.is_ok_and(|a| a.status().is_success())
        },
        |ready| *ready,
    )
    .await;

    let mut answers = Vec::new();
    let made = app.post("/v1/keys", json!({ "name": "k", "scopes": ["read", "admin", "write"] })).await.ok();
    let key = made["key"].as_str().unwrap().to_owned();
    let secret = key.rsplit('_').next().unwrap().to_owned();
    let mut ask = async |method: Method, path: &str, body: Option<Value>| {
        let mut request = client().request(method, format!("{url}{path}")).bearer_auth(&key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        answers.push(format!("{path} {:?} {}", answer.headers().clone(), answer.text().await.unwrap()));
    };
    let token = format!("{MARK}token");
    let mirror = json!({ "name": "m", "kind": "cloud", "url": "http://127.0.0.1:9", "auth": "api_token",
                         "email": format!("{MARK}@example.com"), "token": token });
    ask(Method::POST, "/v1/instances", Some(mirror)).await;
    ask(Method::POST, "/v1/instances/m/test", None).await;
    ask(Method::POST, "/v1/instances/m/sync", None).await;
    let consent = json!({ "client_id": "client", "client_secret": format!("{MARK}client"), "refresh_token": format!("{MARK}refresh"),
                         "token_url": "http://127.0.0.1:9/token" });
    let with = |more: Value| {
        let mut body = consent.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(body)
    };
    let consented = json!({ "name": "o", "kind": "cloud", "url": "http://127.0.0.1:9", "auth": "oauth" });
    ask(Method::POST, "/v1/instances", with(consented.clone())).await;
    ask(Method::POST, "/v1/instances/o/test", None).await;
    ask(Method::PUT, "/v1/instances/o/credential", with(json!({ "auth": "oauth" }))).await;
    let another = json!({ "auth": "api_token", "email": format!("{MARK}@example.com"), "token": format!("{MARK}another") });
    ask(Method::PUT, "/v1/instances/m/credential", Some(another.clone())).await;
    // Refused, and the refusal does not repeat what was sent.
    let mut wrong = with(consented).unwrap();
    wrong["token"] = json!(token);
    ask(Method::POST, "/v1/instances", Some(wrong)).await;
    for member in ["client_secret", "refresh_token", "token", "email"] {
        let mut wrong = another.clone();
        wrong[member] = json!([format!("{MARK}list")]);
        ask(Method::PUT, "/v1/instances/m/credential", Some(wrong)).await;
    }
    ask(Method::POST, "/v1/instances", Some(json!({ "name": "s", "kind": "sandbox" }))).await;
    let webhook = json!({ "name": "w", "url": "http://127.0.0.1:9/x", "events": ["jira:issue_updated"], "secret": format!("{MARK}hook") });
    ask(Method::POST, "/jira/s/rest/webhooks/1.0/webhook", Some(webhook)).await;
    for path in [
        "/v1/instances",
        "/v1/instances/m",
        "/v1/keys",
        "/v1/audit?limit=100",
        "/v1/sync",
        "/v1/whoami",
        "/jira/s/rest/webhooks/1.0/webhook",
        "/v1/instances/o",
        "/instances",
        "/instances/m",
        "/instances/o",
        "/audit",
        "/metrics",
        "/openapi.json",
    ] {
        ask(Method::GET, path, None).await;
    }
    ask(Method::POST, "/v1/keys", Some(json!({ "name": 7 }))).await;
    let wrong = format!("fb_aaaaaaaaaa_{MARK}{}", "x".repeat(28));
    client().get(format!("{url}/v1/whoami")).bearer_auth(&wrong).send().await.unwrap();
    client()
        .post(format!("{url}/login"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("key={wrong}"))
        .send()
        .await
        .unwrap();
    client().get(format!("{url}/v1/whoami?token={MARK}")).bearer_auth(&key).send().await.unwrap();
    // Who asks for a person by an address gets it back when nobody has it; the log does not.
    let jql = format!("assignee = \"{MARK}@example.com\"");
    for (path, body) in [
        ("/v1/issues/search", json!({ "jql": jql, "instance": "s" })),
        ("/jira/s/rest/api/3/search/jql", json!({ "jql": jql })),
    ] {
        let asked = client().post(format!("{url}{path}")).bearer_auth(&key).json(&body).send().await.unwrap();
        assert_eq!(asked.status(), 400, "{path}");
    }
    let search = format!("{url}/jira/s/rest/api/3/user/search?query={MARK}%40example.com");
    client().get(search).bearer_auth(&key).send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    crate::app::signal(&server, "TERM");
    server.wait().unwrap();

    let traced = collector.received();
    assert!(traced.contains("/v1/whoami"), "traces arrive");
    assert!(!traced.contains(MARK) && !traced.contains(&secret), "{traced}");
    let logged = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    assert!(logged.contains("answered"), "the log is on");
    for text in answers.iter().map(String::as_str).chain(logged.lines()) {
        for hidden in [MARK, &secret, MASTER_KEY] {
            assert!(!text.contains(hidden), "{hidden} in: {text}");
        }
    }
    // Nor in the debug texts of what holds them, nor readable in the database.
    let mut owner = app.database.superuser().await;
    for table in ["jira_instances", "oauth_grants", "webhooks", "api_keys", "audit_log", "idempotency_keys"] {
        let sql = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t");
        let text: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut owner).await.unwrap();
        assert!(!text.contains(MARK) && !text.contains(&secret), "{table}");
    }
}
