//! What is sent: paths, headers, credentials.

use std::sync::Arc;

use jira_client::{Auth, Dialect, JiraClient, JiraError, NoManners};
use serde_json::json;

use crate::server::{Server, client_at, http, ok};

fn me() -> serde_json::Value {
    json!({"accountId": "a1", "displayName": "Ann", "timeZone": "Europe/Berlin", "emailAddress": "ann@example.com"})
}

#[tokio::test]
async fn myself_on_cloud_sends_basic_credentials_and_asks_for_json() {
    let server = Server::start(|_, _| ok(me())).await;
    let myself = server.client(Dialect::V3).myself().await.unwrap();
    assert_eq!(myself.account_id.as_deref(), Some("a1"));
    assert_eq!(myself.display_name.as_deref(), Some("Ann"));
    assert_eq!(myself.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(myself.raw, me());
    assert!(!format!("{myself:?}").contains("ann@example.com"));

    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/rest/api/3/myself"));
    // base64 of "ann@example.com:t0k3n-of-ann"
    assert_eq!(asked.headers["authorization"], "Basic YW5uQGV4YW1wbGUuY29tOnQwazNuLW9mLWFubg==");
    assert_eq!(asked.headers["accept"], "application/json");
}

#[tokio::test]
async fn myself_on_data_center_has_no_account_id() {
    let server =
        Server::start(|_, _| ok(json!({"key": "JIRAUSER1", "name": "ann", "displayName": "Ann"}))).await;
    let myself = server.client(Dialect::V2).myself().await.unwrap();
    assert_eq!((myself.account_id, myself.key.as_deref()), (None, Some("JIRAUSER1")));
    assert_eq!(server.asked()[0].path, "/rest/api/2/myself");
}

#[tokio::test]
async fn bearer_and_no_credentials() {
    let server = Server::start(|_, _| ok(me())).await;
    for (auth, expected) in [(Auth::Bearer("pat".into()), Some("Bearer pat")), (Auth::None, None)] {
        let url = server.url().parse().unwrap();
        let client = JiraClient::new(http(), url, auth, Dialect::V2, Arc::new(NoManners));
        client.myself().await.unwrap();
        let asked = server.asked().pop().unwrap();
        assert_eq!(asked.headers.get("authorization").map(|value| value.to_str().unwrap()), expected);
    }
}

#[tokio::test]
async fn a_base_url_may_have_a_path() {
    let server = Server::start(|_, _| ok(me())).await;
    for base in ["/jira/demo", "/jira/demo/"] {
        let client = client_at(&format!("{}{base}", server.url()), Dialect::V3, Arc::new(NoManners));
        client.myself().await.unwrap();
        assert_eq!(server.asked().pop().unwrap().path, "/jira/demo/rest/api/3/myself");
        client.with_dialect(Dialect::V2).myself().await.unwrap();
        assert_eq!(server.asked().pop().unwrap().path, "/jira/demo/rest/api/2/myself");
    }
}

#[tokio::test]
async fn server_info_tells_the_dialect() {
    for (deployment, dialect) in [("Cloud", Dialect::V3), ("Server", Dialect::V2)] {
        let server = Server::start(move |_, _| {
            ok(json!({"baseUrl": "https://h", "deploymentType": deployment, "version": "1001.0.0"}))
        })
        .await;
        let info = server.client(Dialect::V2).server_info().await.unwrap();
        assert_eq!((info.base_url.as_str(), info.version.as_deref()), ("https://h", Some("1001.0.0")));
        assert_eq!(info.dialect(), dialect);
        assert_eq!(server.asked()[0].path, "/rest/api/2/serverInfo");
    }
}

#[tokio::test]
async fn an_answer_that_names_nobody_is_not_myself() {
    let server = Server::start(|_, _| ok(json!({"hello": "world"}))).await;
    let error = server.client(Dialect::V3).myself().await.unwrap_err();
    assert!(matches!(error, JiraError::InvalidBody { .. }), "{error:?}");
}

#[tokio::test]
async fn an_id_with_strange_characters_stays_inside_its_segment() {
    let server = Server::start(|_, _| ok(json!({"id": "1"}))).await;
    let client = server.client(Dialect::V3);
    client.issue("A/../../admin?x=1", &[], &[]).await.unwrap();
    assert_eq!(server.asked()[0].path, "/rest/api/3/issue/A%2F..%2F..%2Fadmin%3Fx=1");
    assert!(matches!(client.issue("..", &[], &[]).await, Err(JiraError::BadRequest { .. })));
    assert_eq!(server.asked().len(), 1, "a dot segment is not sent at all");
}
