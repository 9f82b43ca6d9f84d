//! The door over HTTP, mounted as the binary mounts it.

use application::{Caller, Scope};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::ports::{caller, services};
use crate::http_service;

/// One request to the door at `/mcp`, by a caller that the layer in front has found or not.
struct Ask {
    method: &'static str,
    host: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    caller: Option<Caller>,
    body: Value,
    stop: CancellationToken,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            method: "POST",
            host: "jira.example",
            headers: Vec::new(),
            caller: Some(caller(&[Scope::Sql])),
            body: json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "sql_query", "arguments": { "sql": "SELECT 1" },
            } }),
            stop: CancellationToken::new(),
        }
    }
}

impl Ask {
    async fn send(self) -> (StatusCode, Value) {
        let door = http_service(services(), "https://jira.example", self.stop);
        let mut request = Request::builder()
            .method(self.method)
            .uri("/mcp")
            .header(header::HOST, self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(self.body.to_string())).unwrap();
        if let Some(caller) = self.caller {
            request.extensions_mut().insert(caller);
        }
        let response = Router::new().nest_service("/mcp", door).oneshot(request).await.unwrap();
        let status = response.status();
        assert!(response.headers().get("mcp-session-id").is_none());
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn each_request_stands_by_itself_and_brings_its_caller() {
    let (status, answer) = Ask::default().send().await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["result"]["structuredContent"]["rows"][0][1], "SELECT 1");
    let (_, answer) = Ask { caller: Some(caller(&[Scope::Read])), ..Ask::default() }.send().await;
    assert_eq!(answer["result"]["structuredContent"]["code"], "forbidden");
}

#[tokio::test]
async fn a_client_of_a_version_with_sessions_is_served_without_one() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
        } });
        let (status, answer) = Ask { body: hello, ..Ask::default() }.send().await;
        assert_eq!((status, &answer["result"]["protocolVersion"]), (StatusCode::OK, &json!(version)));
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let (status, _) = Ask { body: ready, ..Ask::default() }.send().await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
        let headers = vec![("mcp-session-id", "of-another-server"), ("mcp-protocol-version", version)];
        let (_, answer) = Ask { body: list, headers, ..Ask::default() }.send().await;
        assert_eq!(answer["result"]["tools"][0]["name"], "sql_query");
    }
    // Such clients ask for a stream of notifications; there are none.
    let (status, _) = Ask { method: "GET", ..Ask::default() }.send().await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_client_of_the_version_without_sessions_is_served() {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "sql_query", "arguments": { "sql": "SELECT 1" }, "_meta": meta,
    } });
    let headers =
        vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "sql_query")];
    let (status, answer) = Ask { body, headers, ..Ask::default() }.send().await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["result"]["structuredContent"]["row_count"], 1);
}

#[tokio::test]
async fn without_a_caller_nothing_is_answered() {
    let (_, answer) = Ask { caller: None, ..Ask::default() }.send().await;
    assert_eq!(answer["error"]["code"], -32603);
    assert!(answer.get("result").is_none());
}

#[tokio::test]
async fn pages_of_other_sites_cannot_reach_the_door() {
    for host in ["jira.example:8443", "localhost:8080", "127.0.0.1", "[::1]:8080"] {
        assert_eq!(Ask { host, ..Ask::default() }.send().await.0, StatusCode::OK, "{host}");
    }
    assert_eq!(Ask { host: "evil.example", ..Ask::default() }.send().await.0, StatusCode::FORBIDDEN);
    let from = async |origin| Ask { headers: vec![("origin", origin)], ..Ask::default() }.send().await.0;
    assert_eq!(from("https://jira.example").await, StatusCode::OK);
    assert_eq!(from("http://localhost:6274").await, StatusCode::OK);
    assert_eq!(from("https://evil.example").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn while_the_process_stops_calls_are_finished_but_not_begun() {
    let stop = CancellationToken::new();
    let sleep = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "sql_query", "arguments": { "sql": "SELECT sleep" },
    } });
    let running = tokio::spawn(Ask { body: sleep, stop: stop.clone(), ..Ask::default() }.send());
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    stop.cancel();
    let (_, late) = Ask { stop, ..Ask::default() }.send().await;
    assert_eq!(late["result"]["structuredContent"]["code"], "unavailable");
    let (_, begun) = running.await.unwrap();
    assert_eq!(begun["result"]["structuredContent"]["row_count"], 1, "{begun}");
}
