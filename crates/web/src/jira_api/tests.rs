//! The door from outside, as far as it can be seen without a database; and what tests of its parts share.

mod closed;
mod compatibility;

use application::{
    Error,
    instances::{AuthMethod, Dialect, Instance, InstanceKind},
};
use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::DateTime;
use domain::ids::{InstanceId, TenantId};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

pub(super) use closed::Closed;

use super::{refusal::Refusal, routes};

pub(super) fn instance(kind: InstanceKind, dialect: Dialect) -> Instance {
    Instance {
        id: InstanceId(Uuid::from_u128(1)),
        tenant: TenantId(Uuid::from_u128(2)),
        name: "acme".into(),
        display_name: "Acme".into(),
        kind,
        base_url: "https://acme.example".into(),
        auth_method: AuthMethod::None,
        dialect,
        account_id: None,
        time_zone: None,
        webhook_id: None,
        active: true,
        cloud_id: None,
        requests_per_minute: None,
        credential_problem: None,
        created_at: DateTime::UNIX_EPOCH,
        faults: None,
    }
}

async fn ask(method: &str, path: &str) -> Response {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    routes(Closed::state()).with_state(Closed::state()).oneshot(request).await.unwrap()
}

async fn body_of(response: Response) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 10_000).await.unwrap()).unwrap()
}

async fn refused(error: Error) -> (StatusCode, Value) {
    let response = Refusal::from(error).into_response();
    (response.status(), body_of(response).await)
}

#[tokio::test]
async fn nobody_gets_in_without_a_key() {
    for (method, path) in [
        ("GET", "/jira/acme/rest/api/3/myself"),
        ("GET", "/jira/acme/rest/api/latest/issue/ED-1"),
        ("POST", "/jira/acme/rest/api/2/search"),
        ("GET", "/jira/acme/rest/webhooks/1.0/webhook"),
    ] {
        let response = ask(method, path).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json;charset=UTF-8");
        let text = "Client must be authenticated to access this resource.";
        assert_eq!(body_of(response).await, json!({"errorMessages": [text], "errors": {}}));
    }
}

#[tokio::test]
async fn what_is_not_served_says_so_by_name() {
    for (method, path, named) in [
        ("GET", "/jira/acme/rest/api/3/auditing/record", "GET /rest/api/3/auditing/record (getAuditRecords)"),
        ("POST", "/jira/acme/rest/api/latest/screens", "POST /rest/api/latest/screens (createScreen)"),
        (
            "GET",
            "/jira/acme/rest/api/2/notificationscheme",
            "GET /rest/api/2/notificationscheme (getNotificationSchemes)",
        ),
        ("PUT", "/jira/acme/rest/api/2/project/ED", "PUT /rest/api/2/project/ED (updateProject)"),
        (
            "GET",
            "/jira/acme/rest/builds/0.1/pipelines/a/builds/1",
            "GET /rest/builds/0.1/pipelines/a/builds/1 (getBuildByKey)",
        ),
    ] {
        let response = ask(method, path).await;
        assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED, "{path}");
        let message = format!("{named} is not served by Forebay yet");
        assert_eq!(body_of(response).await, json!({"errorMessages": [message], "errors": {}}));
    }
}

#[tokio::test]
async fn what_jira_does_not_have_is_not_found_in_jiras_words() {
    for (method, path) in [
        ("GET", "/rest/api/3/spaces"),
        ("POST", "/rest/api/4/issue"),
        ("GET", "/rest/api/3/issue/ED-1/nonsense"),
        ("GET", "/rest/agile/2.0/board"),
        ("GET", "/rest"),
    ] {
        let response = ask(method, &format!("/jira/acme{path}")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body_of(response).await,
            json!({"type": "about:blank", "title": "Not Found", "status": 404,
                   "detail": format!("No endpoint {method} {path}."), "instance": path})
        );
    }
}

#[tokio::test]
async fn another_method_is_not_allowed_and_the_right_ones_are_named() {
    for (method, path, methods) in [
        ("PUT", "/rest/api/3/search/jql", "GET, POST"),
        ("DELETE", "/rest/api/2/project/type", "GET"),
        ("PUT", "/rest/api/3/auditing/record", "GET"),
        ("GET", "/rest/api/3/issue/bulkfetch", "POST"),
    ] {
        let response = ask(method, &format!("/jira/acme{path}")).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::ALLOW], methods, "{path}");
        let body = body_of(response).await;
        assert_eq!(
            (&body["detail"], &body["instance"]),
            (&json!(format!("Method '{method}' is not supported.")), &json!(path))
        );
    }
}

#[tokio::test]
async fn errors_have_the_form_and_the_words_of_jira() {
    let (status, body) = refused(Error::not_found("issue", "ED-1")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let text = "Issue does not exist or you do not have permission to see it.";
    assert_eq!(body, json!({"errorMessages": [text], "errors": {}}));

    let (_, body) = refused(Error::not_found("project", "X")).await;
    assert_eq!(body["errorMessages"][0], "No project could be found with key 'X'.");

    let (status, body) = refused(Error::InvalidJql("Error in the JQL Query: …".into())).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body, json!({"errorMessages": ["Error in the JQL Query: …"], "errors": {}}));

    let (status, body) = refused(Error::Unsupported("`was` is not served yet".into())).await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(body["errorMessages"][0], "`was` is not served yet");

    let (status, body) = refused(Error::invalid("transition", "is not open")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body, json!({"errorMessages": [], "errors": {"transition": "is not open"}}));

    let (status, body) = refused(Error::invalid("cursor", "belongs to another query")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let text = "The nextPageToken is not valid; take it from the page before.";
    assert_eq!(body, json!({"errorMessages": [text], "errors": {}}));
}

#[tokio::test]
async fn a_fault_of_ours_shows_nothing_of_its_cause() {
    let (status, body) = refused(Error::internal("password=hunter2")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!body.to_string().contains("hunter2"));
}

#[tokio::test]
async fn waiting_is_asked_for_in_whole_seconds() {
    let error = Error::RateLimited { retry_after: std::time::Duration::from_millis(300) };
    let response = Refusal::from(error).into_response();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn a_slash_behind_a_path_makes_no_other_path_of_it() {
    for (method, path) in [("GET", "project/"), ("POST", "component/"), ("GET", "project/?maxResults=1")] {
        let answer = ask(method, &format!("/jira/acme/rest/api/2/{path}")).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path} reaches its handler");
    }
    assert_eq!(ask("GET", "/jira/acme/rest/api/2/nosuch/").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ask("GET", "/jira/acme/rest/api/2/workflow/").await.status(), StatusCode::NOT_IMPLEMENTED);
    assert_eq!(ask("GET", "/jira/acme/rest/").await.status(), StatusCode::NOT_FOUND);
}
