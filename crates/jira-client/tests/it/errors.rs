//! How failures of every shape are told apart.

use std::time::Duration;

use jira_client::{Dialect, JiraError};
use serde_json::json;

use crate::server::{Answer, Server, TOKEN, json as answer, ok, plain, with_header};

async fn error_of(script: impl Fn() -> Answer + Send + Sync + 'static) -> JiraError {
    let server = Server::start(move |_, _| script()).await;
    server.client(Dialect::V3).issue("ED-1", &[], &[]).await.unwrap_err()
}

#[tokio::test]
async fn statuses_become_errors_with_jiras_messages() {
    let said = |error: &JiraError| error.to_string().ends_with(": No.");
    for status in [400, 401, 403, 404, 409, 410, 413, 415, 422] {
        let error = error_of(move || answer(status, json!({"errorMessages": ["No."], "errors": {}}))).await;
        let as_expected = match status {
            401 => matches!(error, JiraError::Unauthenticated { .. }),
            403 => matches!(error, JiraError::Forbidden { .. }),
            404 => matches!(error, JiraError::NotFound { .. }),
            409 => matches!(error, JiraError::Conflict { .. }),
            410 => matches!(error, JiraError::Gone { .. }),
            _ => matches!(error, JiraError::BadRequest { .. }),
        };
        assert!(as_expected && said(&error) && !error.is_retryable(), "{status}: {error:?}");
    }
}

#[tokio::test]
async fn field_errors_are_kept_by_field() {
    let error = error_of(|| {
        answer(
            400,
            json!({"errorMessages": [], "errors": {"summary": "You must specify a summary of the issue."}}),
        )
    })
    .await;
    let JiraError::BadRequest { messages, field_errors } = error else { panic!("{error:?}") };
    assert!(messages.is_empty());
    assert_eq!(field_errors["summary"], "You must specify a summary of the issue.");
}

#[tokio::test]
async fn problem_json_gateway_and_service_management_bodies() {
    let problem =
        json!({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "Failed to convert"});
    assert!(error_of(move || answer(400, problem.clone())).await.to_string().ends_with("Failed to convert"));
    let gateway = json!({"code": 401, "message": "Unauthorized; scope does not match"});
    assert!(
        error_of(move || answer(401, gateway.clone())).await.to_string().ends_with("scope does not match")
    );
    let desk =
        json!({"errorMessage": "No such desk", "i18nErrorMessage": {"i18nKey": "k", "parameters": []}});
    assert!(error_of(move || answer(404, desk.clone())).await.to_string().ends_with("No such desk"));
}

#[tokio::test]
async fn html_of_a_proxy_is_kept_short() {
    let error = error_of(|| plain(502, &format!("<html>{}</html>", "x".repeat(5_000)))).await;
    let JiraError::Upstream { status, excerpt, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*status, excerpt.len()), (502, 500));
    assert!(excerpt.starts_with("<html>xxx"));
}

#[tokio::test]
async fn a_404_that_is_not_of_jira_says_nothing_about_the_issue() {
    for body in
        ["<html><h1>404 Not Found</h1></html>", "", "no such route", r#"{"code":404,"message":"Not Found"}"#]
    {
        let error = error_of(move || plain(404, body)).await;
        assert!(matches!(error, JiraError::ForeignPage { status: 404, .. }), "{body}: {error:?}");
        assert!(error.is_retryable());
    }
    let hidden = json!({"errorMessages": ["Issue does not exist or you do not have permission to see it."]});
    assert!(matches!(error_of(move || answer(404, hidden.clone())).await, JiraError::NotFound { .. }));
}

#[tokio::test]
async fn pages_that_come_with_a_success_are_told_apart() {
    let login = "<!DOCTYPE html><form action='/login.jsp'><input name='os_username'></form>";
    let error = error_of(move || plain(200, login)).await;
    assert_eq!(error, JiraError::LoginPage);
    assert!(!error.is_retryable(), "the same credentials meet the same page");

    let redirect = || with_header(plain(302, ""), "location", "https://sso.example/saml2/idp");
    let server = Server::start(move |_, _| redirect()).await;
    assert_eq!(server.client(Dialect::V2).issue("ED-1", &[], &[]).await, Err(JiraError::LoginPage));

    let maintenance = error_of(|| plain(200, "<html>We will be back soon</html>")).await;
    assert!(matches!(maintenance, JiraError::ForeignPage { status: 200, .. }), "{maintenance:?}");
    assert!(maintenance.is_retryable());

    let garbage = error_of(|| plain(200, "{\"id\": 1} trailing")).await;
    assert!(matches!(garbage, JiraError::NotJson { .. }), "{garbage:?}");
}

#[tokio::test]
async fn a_server_that_calls_the_user_anonymous_gave_no_answer() {
    let error = error_of(|| with_header(ok(json!({"issues": []})), "x-ausername", "anonymous")).await;
    assert!(matches!(&error, JiraError::Unauthenticated { messages } if messages[0].contains("X-AUSERNAME")));
    let server = Server::start(|_, _| with_header(ok(json!({"id": "1"})), "x-ausername", "ann")).await;
    assert!(server.client(Dialect::V2).issue("ED-1", &[], &[]).await.is_ok());
}

#[tokio::test]
async fn an_answer_given_as_to_an_anonymous_caller_is_no_answer() {
    // Jira ignores bad Basic credentials where anonymous access is possible (jira-facts 5.4).
    for (status, reason) in [
        (200, "AUTHENTICATED_FAILED"),
        (404, "AUTHENTICATED_FAILED"),
        (400, "AUTHENTICATED_FAILED"),
        (403, "AUTHENTICATION_DENIED"),
    ] {
        let error = error_of(move || {
            with_header(answer(status, json!({"issues": []})), "x-seraph-loginreason", reason)
        })
        .await;
        assert!(matches!(error, JiraError::Unauthenticated { .. }), "{status} {reason}: {error:?}");
        assert!(error.to_string().contains(reason));
    }
}

#[tokio::test]
async fn a_good_log_in_may_be_mentioned_too() {
    let server =
        Server::start(|_, _| with_header(ok(json!({"id": "1"})), "x-seraph-loginreason", "OK")).await;
    assert!(server.client(Dialect::V2).issue("ED-1", &[], &[]).await.is_ok());
}

#[tokio::test]
async fn overload_together_with_a_failed_log_in_stays_overload() {
    let error =
        error_of(|| with_header(plain(503, "busy"), "x-seraph-loginreason", "AUTHENTICATED_FAILED")).await;
    assert!(matches!(error, JiraError::Upstream { status: 503, .. }), "{error:?}");
}

#[tokio::test]
async fn what_a_page_echoes_is_redacted() {
    let echo =
        format!("your token {TOKEN} and basic YW5uQGV4YW1wbGUuY29tOnQwazNuLW9mLWFubg== of ann@example.com");
    for status in [200, 400, 401, 418, 500] {
        let echo = echo.clone();
        let error = error_of(move || plain(status, &echo)).await;
        let text = format!("{error} {error:?}");
        assert!(text.contains("your token [redacted]"), "{text}");
        assert!(!text.contains(TOKEN) && !text.contains("YW5u") && !text.contains("ann@"), "{text}");
    }
}

#[tokio::test]
async fn rate_limits_carry_wait_and_reason() {
    let error = error_of(|| {
        let limited = with_header(plain(429, ""), "retry-after", "1800");
        with_header(limited, "ratelimit-reason", "jira-quota-tenant-based")
    })
    .await;
    let expected = JiraError::RateLimited {
        retry_after: Some(Duration::from_secs(1_800)),
        reason: Some("jira-quota-tenant-based".into()),
    };
    assert_eq!(error, expected);
    assert!(error.is_retryable());
}

#[tokio::test]
async fn an_answer_of_absurd_size_is_not_read() {
    let server = Server::start(|_, _| plain(200, &" ".repeat(65 * 1024 * 1024))).await;
    let client = server.client(Dialect::V3);
    let error = client.issue("ED-1", &[], &[]).await.unwrap_err();
    assert!(matches!(error, JiraError::TooLarge { .. }), "{error:?}");
    assert_eq!(server.asked().len(), 1, "asking again would not make it smaller");
}
