//! What REST answers before a use case is asked, and what its document says.

mod document;
mod fakes;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, Response},
};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::state::WebState;

async fn send(state: WebState, request: Request<Body>) -> Response<Body> {
    crate::router(state, Router::new()).oneshot(request).await.unwrap()
}

fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path)
}

async fn get(path: &str) -> Response<Body> {
    send(fakes::state(), request(Method::GET, path).body(Body::empty()).unwrap()).await
}

/// With the key that may read and nothing else.
async fn signed_in(method: Method, path: &str, body: Value) -> Response<Body> {
    let request = request(method, path)
        .header("authorization", format!("Bearer {}", fakes::key()))
        .header("content-type", "application/json");
    send(fakes::state(), request.body(Body::from(body.to_string())).unwrap()).await
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 10_000_000).await.unwrap().to_vec()).unwrap()
}

/// The status and code of a problem.
async fn problem(response: Response<Body>) -> (u16, String) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!((&body["status"], &body["type"]), (&json!(status), &json!("about:blank")), "{body}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
    (status, body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn strangers_learn_nothing_but_how_to_sign_in() {
    for path in
        ["/v1/whoami", "/v1/instances", "/v1/issues/PAY-7?nonsense=1", "/v1/audit", "/v1/pulse?weeks=0"]
    {
        let response = get(path).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"forebay\"", "{path}");
        assert_eq!(problem(response).await, (401, "unauthenticated".into()), "{path}");
    }
}

#[tokio::test]
async fn a_key_is_told_what_it_may_not() {
    let reserved = [
        (Method::GET, "/v1/audit", Value::Null),
        (Method::GET, "/v1/keys", Value::Null),
        (Method::GET, "/v1/jobs", Value::Null),
        (Method::POST, "/v1/keys", json!({ "name": "x", "scopes": ["admin"] })),
        (Method::GET, "/v1/keys/00000000-0000-0000-0000-000000000002", Value::Null),
        (Method::PATCH, "/v1/keys/00000000-0000-0000-0000-000000000002", json!({ "name": "y" })),
        (Method::DELETE, "/v1/keys/00000000-0000-0000-0000-000000000002", Value::Null),
        (Method::POST, "/v1/instances", json!({ "name": "x", "kind": "sandbox" })),
        (Method::DELETE, "/v1/instances/x", Value::Null),
        (Method::POST, "/v1/instances/x/test", Value::Null),
        (Method::POST, "/v1/instances/x/sync", Value::Null),
        (Method::POST, "/v1/sandbox/x/faults", json!({ "seed": 1, "rules": [] })),
        (Method::PUT, "/v1/sandbox/x/faults", json!({ "seed": 1, "rules": [] })),
        (Method::DELETE, "/v1/sandbox/x/faults", Value::Null),
        (Method::POST, "/sandbox/x/faults", json!({ "seed": 1, "rules": [] })),
        (Method::POST, "/v1/issues/PAY-7/comments", json!({ "body": "x" })),
        (Method::POST, "/v1/issues/PAY-7/transitions", json!({ "transition": "Done" })),
        (Method::POST, "/v1/sql", json!({ "sql": "SELECT 1" })),
    ];
    for (method, path, body) in reserved {
        let response = signed_in(method, path, body).await;
        assert_eq!(problem(response).await, (403, "forbidden".into()), "{path}");
    }
}

#[tokio::test]
async fn wrong_input_is_refused_before_anything_is_asked() {
    let wrong = [
        (Method::GET, "/v1/issues?limit=201", Value::Null, "invalid"),
        (Method::GET, "/v1/issues?limit=0", Value::Null, "invalid"),
        (Method::GET, "/v1/issues?max=5", Value::Null, "invalid"),
        (Method::GET, "/v1/issues?jql=project+%3D%3D", Value::Null, "invalid_jql"),
        (Method::POST, "/v1/issues/search", json!({ "jql": 1 }), "invalid"),
        (Method::POST, "/v1/issues/search", json!({ "startAt": 1 }), "invalid"),
        (Method::GET, "/v1/pulse?weeks=105", Value::Null, "invalid"),
        (Method::GET, "/v1/issues/PAY-7?raw=yes", Value::Null, "invalid"),
        (Method::GET, "/v1/projects?page=2", Value::Null, "invalid"),
        (Method::GET, "/v1/sprints?state=open", Value::Null, "invalid"),
        (Method::GET, "/v1/sprints/seven/issues", Value::Null, "invalid"),
        (Method::GET, "/v1/fields?custom=maybe", Value::Null, "invalid"),
        (Method::POST, "/v1/issues/PAY-7/comments", json!({}), "invalid"),
        (Method::POST, "/v1/sandbox/x/faults", json!({ "rules": [{ "fault": "flood" }] }), "invalid"),
        (Method::POST, "/v1/issues/PAY-7/transitions", json!({ "fields": {} }), "invalid"),
    ];
    for (method, path, body, code) in wrong {
        let response = signed_in(method, path, body).await;
        assert_eq!(problem(response).await, (400, code.into()), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/issues/PAY-7/nothing"] {
        assert_eq!(problem(get(path).await).await, (404, "unknown_route".into()), "{path}");
    }
    let response = signed_in(Method::PUT, "/v1/instances", Value::Null).await;
    assert_eq!(response.headers()["allow"], "GET,HEAD,POST");
    assert_eq!(problem(response).await, (405, "method_not_allowed".into()));
}

#[tokio::test]
async fn a_database_out_of_reach_is_said_so() {
    let response = signed_in(Method::GET, "/v1/instances", Value::Null).await;
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(problem(response).await, (503, "unavailable".into()));
}

#[tokio::test]
async fn balancers_and_scrapers_need_no_key() {
    assert_eq!(text(get("/health/live").await).await, r#"{"status":"ok"}"#);
    assert_eq!(text(get("/health/ready").await).await, r#"{"status":"ok"}"#);
    let metrics = get("/metrics").await;
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(text(metrics).await, "forebay_http_requests_total 1\n");

    let state = fakes::state();
    state.draining.store(true, std::sync::atomic::Ordering::Relaxed);
    let ready = request(Method::GET, "/health/ready").body(Body::empty()).unwrap();
    assert_eq!(problem(send(state, ready).await).await, (503, "not_ready".into()));
}

#[tokio::test]
async fn the_reference_page_comes_from_here_alone() {
    let page = get("/docs/api").await;
    assert_eq!((page.status().as_u16(), &page.headers()["location"]), (303, &"/docs/api/".parse().unwrap()));
    let page = text(get("/docs/api/").await).await;
    let script = text(get("/docs/api/swagger-initializer.js").await).await;
    assert!(page.contains("swagger-ui-bundle.js") && page.contains("name=\"viewport\""), "{page}");
    assert!(script.contains("/openapi.json") && script.contains("validatorUrl"), "{script}");
    for text in [page, script] {
        assert!(!text.contains("https://") && !text.contains("http://"), "{text}");
    }
    assert!(get("/docs/api/swagger-ui-bundle.js").await.status().is_success());

    let served: Value = serde_json::from_str(&text(get("/openapi.json").await).await).unwrap();
    assert_eq!(served, serde_json::to_value(super::openapi()).unwrap());
}
