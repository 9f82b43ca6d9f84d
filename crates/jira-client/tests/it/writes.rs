//! Writes: what is sent, and that nothing is ever done twice.

use std::sync::Arc;

use jira_client::{Access, Dialect, JiraError, NewWebhook, NoManners};
use serde_json::json;

use crate::server::{Notes, Server, client_at, json as answer, ok, plain, with_header};

#[tokio::test]
async fn a_comment_is_adf_on_cloud_and_text_elsewhere() {
    let server = Server::start(|asked, _| answer(201, json!({"id": "1", "body": asked.body["body"]}))).await;
    let adf = json!({"type": "doc", "version": 1, "content": []});
    for (dialect, version, body) in [(Dialect::V3, "3", adf), (Dialect::V2, "2", json!("*hello*"))] {
        let comment = server.client(dialect).add_comment("ED-1", &body).await.unwrap();
        assert_eq!(comment, json!({"id": "1", "body": body}));
        let asked = server.asked().pop().unwrap();
        assert_eq!(
            (asked.method.as_str(), asked.path),
            ("POST", format!("/rest/api/{version}/issue/ED-1/comment"))
        );
        assert_eq!(asked.headers["content-type"], "application/json");
        assert_eq!(asked.headers["x-atlassian-token"], "no-check");
    }
}

#[tokio::test]
async fn transitions_are_listed_and_done() {
    let notes = Arc::new(Notes::default());
    let server = Server::start(|asked, _| match asked.method.as_str() {
        "GET" => ok(json!({"expand": "transitions", "transitions": [{"id": "31", "name": "Done"}]})),
        _ => plain(204, ""),
    })
    .await;
    let client = server.client_with(Dialect::V2, notes.clone());
    assert_eq!(client.transitions("ED-1").await.unwrap(), [json!({"id": "31", "name": "Done"})]);
    let fields = json!({"resolution": {"name": "Done"}});
    client.do_transition("ED-1", "31", Some(fields), Some(&json!("finished"))).await.unwrap();
    client.do_transition("ED-1", "41", None, None).await.unwrap();

    let asked = server.asked();
    assert_eq!(asked[0].query["expand"], "transitions.fields");
    assert_eq!(asked[1].path, "/rest/api/2/issue/ED-1/transitions");
    assert_eq!(
        asked[1].body,
        json!({"transition": {"id": "31"}, "fields": {"resolution": {"name": "Done"}},
               "update": {"comment": [{"add": {"body": "finished"}}]}})
    );
    assert_eq!(asked[2].body, json!({"transition": {"id": "41"}}));
    let write = notes.before.lock().unwrap()[1].clone();
    assert_eq!(
        (write.operation, write.access, write.issue.as_deref()),
        ("do_transition", Access::Write, Some("ED-1"))
    );
}

#[tokio::test]
async fn a_write_is_repeated_after_429_only() {
    let server = Server::start(|_, number| match number {
        1 => plain(429, ""),
        _ => answer(201, json!({"id": "1"})),
    })
    .await;
    server.client(Dialect::V3).add_comment("ED-1", &json!({})).await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_uncertain_write_is_not_repeated_and_says_so() {
    for status in [408, 500, 502, 503, 504] {
        let server = Server::start(move |_, _| with_header(plain(status, "oops"), "retry-after", "1")).await;
        let error = server.client(Dialect::V3).add_comment("ED-1", &json!({})).await.unwrap_err();
        let JiraError::Indeterminate { operation, cause } = &error else { panic!("{status}: {error:?}") };
        assert_eq!(*operation, "add_comment");
        assert!(cause.contains(&status.to_string()) && !error.is_retryable());
        assert_eq!(server.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_write_without_an_answer_is_uncertain() {
    let slow = Server::start(|_, _| with_header(plain(204, ""), "x-test-delay-ms", "30000")).await;
    let error =
        slow.hasty_client(Arc::new(NoManners)).do_transition("ED-1", "31", None, None).await.unwrap_err();
    assert!(matches!(error, JiraError::Indeterminate { .. }), "{error:?}");
    assert_eq!(slow.asked().len(), 1);

    for fault in [
        "",
        "HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{\"id\"",
        "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
    ] {
        let server = Server::start_raw(vec![fault]).await;
        let error = server.client(Dialect::V3).add_comment("ED-1", &json!({})).await.unwrap_err();
        assert!(matches!(error, JiraError::Indeterminate { .. }), "{fault:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_write_carried_out_as_anonymous_is_uncertain() {
    let server = Server::start(|_, _| {
        with_header(answer(201, json!({"id": "1"})), "x-seraph-loginreason", "AUTHENTICATED_FAILED")
    })
    .await;
    let error = server.client(Dialect::V3).add_comment("ED-1", &json!({})).await.unwrap_err();
    assert!(
        matches!(&error, JiraError::Indeterminate { cause, .. } if cause.contains("AUTHENTICATED_FAILED"))
    );
}

#[tokio::test]
async fn a_log_in_page_is_no_success() {
    let server = Server::start(|_, _| plain(200, "<html>please log in</html>")).await;
    let error = server.client(Dialect::V3).do_transition("ED-1", "31", None, None).await.unwrap_err();
    assert!(matches!(error, JiraError::Indeterminate { .. }), "{error:?}");
}

#[tokio::test]
async fn what_jira_refused_was_certainly_not_done() {
    let client = client_at("http://127.0.0.1:1", Dialect::V3, Arc::new(NoManners));
    let error = client.add_comment("ED-1", &json!({})).await.unwrap_err();
    assert!(matches!(error, JiraError::Transport { .. }), "never connected: {error:?}");
    for (status, retryable) in [(400, false), (404, true), (409, false), (501, false), (429, true)] {
        let server = Server::start(move |_, _| plain(status, "")).await;
        let error = server.client(Dialect::V3).do_transition("ED-1", "31", None, None).await.unwrap_err();
        assert!(!matches!(error, JiraError::Indeterminate { .. }), "{status}: {error:?}");
        assert_eq!(error.is_retryable(), retryable, "{status}");
    }
}

#[tokio::test]
async fn webhooks_are_listed_made_and_removed() {
    let server = Server::start(|asked, _| {
        let one = json!({"name": "forebay", "url": "https://f.example/hook", "events": ["jira:issue_updated"],
                         "enabled": true, "self": "https://h/rest/webhooks/1.0/webhook/72"});
        match asked.method.as_str() {
            "GET" => ok(json!([one])),
            "POST" => answer(201, one),
            _ => plain(204, ""),
        }
    })
    .await;
    let client = client_at(&format!("{}/jira", server.url()), Dialect::V3, Arc::new(NoManners));
    let new = NewWebhook {
        name: "forebay".into(),
        url: "https://f.example/hook".into(),
        events: vec!["jira:issue_updated".into()],
        jql: Some("project = ED".into()),
        secret: Some("s3cr3t".into()),
    };
    let made = client.create_webhook(&new).await.unwrap();
    assert_eq!(made.id, "72");
    assert_eq!(client.list_webhooks().await.unwrap(), [made]);
    client.delete_webhook("72").await.unwrap();

    let asked = server.asked();
    assert_eq!(
        asked[0].body,
        json!({"name": "forebay", "url": "https://f.example/hook", "events": ["jira:issue_updated"],
               "filters": {"issue-related-events-section": "project = ED"}, "excludeBody": false, "enabled": true,
               "secret": "s3cr3t"})
    );
    assert!(asked[..2].iter().all(|asked| asked.path == "/jira/rest/webhooks/1.0/webhook"));
    assert_eq!(
        (asked[2].method.as_str(), asked[2].path.as_str()),
        ("DELETE", "/jira/rest/webhooks/1.0/webhook/72")
    );
}
