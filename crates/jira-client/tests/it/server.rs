//! A scripted server: each test says how it answers, and reads back what it was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use jira_client::{Auth, Dialect, Hold, JiraClient, Manners, RequestKind, ResponseFacts, RetryPolicy};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: HashMap<String, String>,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Asked {
    pub fn number(&self, name: &str) -> usize {
        self.query[name].parse().unwrap()
    }
}

pub type Answer = Response<Body>;

pub fn json(status: u16, body: Value) -> Answer {
    let response =
        Response::builder().status(status).header("content-type", "application/json;charset=UTF-8");
    response.body(Body::from(body.to_string())).unwrap()
}

pub fn ok(body: Value) -> Answer {
    json(200, body)
}

pub fn plain(status: u16, body: &str) -> Answer {
    Response::builder().status(status).body(Body::from(body.to_owned())).unwrap()
}

pub fn with_header(mut answer: Answer, name: &'static str, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers each request by `script`, which gets the request and its number, from 1.
    pub async fn start<F>(script: F) -> Self
    where
        F: Fn(&Asked, usize) -> Answer + Send + Sync + 'static,
    {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let script = Arc::new(script);
        let app = Router::new().fallback(move |request: Request| {
            let (log, script) = (log.clone(), script.clone());
            async move {
                let asked = read(request).await;
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(asked.clone());
                    log.len()
                };
                let answer = script(&asked, number);
                if let Some(wait) = answer.headers().get("x-test-delay-ms") {
                    let wait = wait.to_str().unwrap().parse().unwrap();
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                answer
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, asked, task }
    }

    /// Answers each connection with the next of these raw responses and closes it.
    pub async fn start_raw(responses: Vec<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            for response in responses {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 64 * 1024];
                let _ = stream.read(&mut request).await.unwrap();
                stream.write_all(response.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        Self { address, asked: Arc::default(), task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn client(&self, dialect: Dialect) -> JiraClient {
        self.client_with(dialect, Arc::new(jira_client::NoManners))
    }

    pub fn client_with(&self, dialect: Dialect, manners: Arc<dyn Manners>) -> JiraClient {
        client_at(&self.url(), dialect, manners)
    }

    /// A client that does not wait for answers with `x-test-delay-ms`.
    pub fn hasty_client(&self, manners: Arc<dyn Manners>) -> JiraClient {
        client_on(http_with_timeout(Duration::from_millis(300)), &self.url(), Dialect::V3, manners)
    }
}

async fn read(request: Request) -> Asked {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: query.into_owned().collect(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }
}

pub const EMAIL: &str = "ann@example.com";
pub const TOKEN: &str = "t0k3n-of-ann";

pub fn basic_auth() -> Auth {
    Auth::Basic { email: EMAIL.into(), token: TOKEN.into() }
}

/// An HTTP client that is patient even on a busy machine.
pub fn http() -> reqwest::Client {
    http_with_timeout(Duration::from_secs(20))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the client under test is given one, as every user of the crate gives it"
)]
fn http_with_timeout(timeout: Duration) -> reqwest::Client {
    // Without a provider reqwest panics; a second installation fails harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(timeout)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

pub fn client_at(url: &str, dialect: Dialect, manners: Arc<dyn Manners>) -> JiraClient {
    client_on(http(), url, dialect, manners)
}

fn client_on(http: reqwest::Client, url: &str, dialect: Dialect, manners: Arc<dyn Manners>) -> JiraClient {
    let client = JiraClient::new(http, url.parse().unwrap(), basic_auth(), dialect, manners);
    client.with_retry_policy(RetryPolicy {
        base: Duration::from_millis(5),
        cap: Duration::from_millis(20),
        longest_retry_after: Duration::from_secs(2),
        ..RetryPolicy::default()
    })
}

/// Manners that only take notes.
#[derive(Default)]
pub struct Notes {
    pub before: Mutex<Vec<RequestKind>>,
    pub after: Mutex<Vec<ResponseFacts>>,
}

#[async_trait]
impl Manners for Notes {
    async fn before_request(&self, cost: &RequestKind) -> Result<(), Hold> {
        self.before.lock().unwrap().push(cost.clone());
        Ok(())
    }

    fn after_response(&self, seen: &ResponseFacts) {
        self.after.lock().unwrap().push(seen.clone());
    }
}

impl Notes {
    pub fn facts(&self) -> Vec<ResponseFacts> {
        self.after.lock().unwrap().clone()
    }
}

/// Texts for arguments that take lists of strings.
pub fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}
