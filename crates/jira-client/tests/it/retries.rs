//! What is repeated, when, and what the manners see of it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jira_client::{
    Access, Auth, Dialect, Hold, JiraClient, JiraError, Manners, NoManners, Outcome, RequestKind,
    ResponseFacts, RetryPolicy, SearchRequest, Tokens,
};
use secrecy::SecretString;
use serde_json::json;

use crate::server::{Asked, Notes, Server, client_at, http, json as answer, ok, plain, with_header};

const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"id\": \"1";
const CUT_CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"id\": \"1\r\n";
const NOT_JSON: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"id\": \"1";
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const NO_ANSWER: &str = "";
const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"id\": \"1\"}";

#[tokio::test]
async fn reads_survive_passing_faults() {
    for status in [408, 429, 500, 502, 503, 504] {
        let server = Server::start(move |_, number| match number {
            1 | 2 => plain(status, "try later"),
            _ => ok(json!({"id": "1"})),
        })
        .await;
        assert!(server.client(Dialect::V3).issue("1", &[], &[]).await.is_ok(), "{status}");
        assert_eq!(server.asked().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn posts_that_only_read_are_repeated() {
    let server = Server::start(|_, number| match number % 2 {
        1 => plain(503, ""),
        _ => ok(json!({"issues": [], "issueChangeLogs": [], "count": 1})),
    })
    .await;
    let client = server.client(Dialect::V3);
    let search = SearchRequest { jql: "project = ED".into(), ..SearchRequest::default() };
    client.search_page(&search, None).await.unwrap();
    client.approximate_count("project = ED").await.unwrap();
    client.issues_by_id(&["1".into()], &[], &[], u64::MAX).await.unwrap();
    client.changelogs(&["1".into()], u64::MAX).await.unwrap();
    assert!(server.asked().iter().all(|asked| asked.method == "POST"));
    assert_eq!(server.asked().len(), 8);
}

#[tokio::test]
async fn reads_survive_cut_and_broken_answers() {
    for fault in [CUT, CUT_CHUNKED, NOT_JSON, EMPTY, NO_ANSWER] {
        let server = Server::start_raw(vec![fault, GOOD]).await;
        let issue = server.client(Dialect::V3).issue("1", &[], &[]).await;
        assert_eq!(issue, Ok(json!({"id": "1"})), "after {fault:?}");
    }
}

#[tokio::test]
async fn four_tries_are_enough() {
    let server = Server::start(|_, _| plain(500, "broken")).await;
    let error = server.client(Dialect::V3).issue("1", &[], &[]).await.unwrap_err();
    assert_eq!(error, JiraError::Upstream { status: 500, excerpt: "broken".into(), retry_after: None });
    assert_eq!(server.asked().len(), 4);

    let server = Server::start_raw(vec![NOT_JSON; 4]).await;
    let error = server.client(Dialect::V3).issue("1", &[], &[]).await.unwrap_err();
    assert_eq!(error, JiraError::CutBody { received: 9 });
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for() {
    let server = Server::start(|_, number| match number {
        1 => with_header(plain(429, ""), "retry-after", "1"),
        _ => ok(json!({"id": "1"})),
    })
    .await;
    let started = Instant::now();
    server.client(Dialect::V3).issue("1", &[], &[]).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "the policy alone would wait milliseconds");
}

#[tokio::test]
async fn a_long_retry_after_is_left_to_the_caller() {
    for status in [429, 503] {
        let server = Server::start(move |_, _| with_header(plain(status, ""), "retry-after", "600")).await;
        let error = server.client(Dialect::V3).issue("1", &[], &[]).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(600)), "{error:?}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn decisions_of_jira_are_not_questioned() {
    for status in [400, 401, 403, 404, 409, 410, 501] {
        let said = || json!({"errorMessages": ["No."]});
        let server = Server::start(move |_, _| answer(status, said())).await;
        assert!(server.client(Dialect::V3).issue("1", &[], &[]).await.is_err());
        assert_eq!(server.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn no_answer_in_time_and_no_server_at_all() {
    let notes = Arc::new(Notes::default());
    let server = Server::start(|_, _| with_header(ok(json!({})), "x-test-delay-ms", "30000")).await;
    let policy = RetryPolicy { max_tries: 2, base: Duration::from_millis(1), ..RetryPolicy::default() };
    let client = server.hasty_client(notes.clone()).with_retry_policy(policy);
    assert_eq!(client.issue("1", &[], &[]).await, Err(JiraError::Timeout));
    let outcomes: Vec<_> = notes.facts().iter().map(|facts| (facts.outcome, facts.status)).collect();
    assert_eq!(outcomes, [(Outcome::TimedOut, None), (Outcome::TimedOut, None)]);

    let client = client_at("http://127.0.0.1:1/?token=abc", Dialect::V3, Arc::new(NoManners));
    let error = client.issue("ED-77", &["summary".into()], &[]).await.unwrap_err();
    let JiraError::Transport { message } = &error else { panic!("{error:?}") };
    assert!(
        !message.contains("abc") && !message.contains("ED-77") && !message.contains("summary"),
        "{message}"
    );
}

#[tokio::test]
async fn manners_see_every_try() {
    let notes = Arc::new(Notes::default());
    let server = Server::start(|_, number| match number {
        1 => with_header(plain(429, "slow down"), "ratelimit-reason", "jira-burst-based"),
        _ => with_header(ok(json!({"id": "1"})), "x-ratelimit-nearlimit", "true"),
    })
    .await;
    server.client_with(Dialect::V3, notes.clone()).issue("ED-1", &[], &[]).await.unwrap();

    let before = notes.before.lock().unwrap().clone();
    assert_eq!(before.len(), 2, "each try asks for leave");
    assert_eq!((before[0].operation, before[0].access), ("issue", Access::Read));
    assert_eq!(before[0].issue.as_deref(), Some("ED-1"));

    let facts = notes.facts();
    assert_eq!(facts.len(), 2);
    assert_eq!((facts[0].attempt, facts[0].status, facts[0].bytes), (1, Some(429), 9));
    assert_eq!(facts[0].rate_limit.reason.as_deref(), Some("jira-burst-based"));
    assert_eq!((facts[1].attempt, facts[1].status), (2, Some(200)));
    assert!(facts[1].rate_limit.near_limit && facts[1].duration > Duration::ZERO);
}

#[tokio::test]
async fn manners_hear_of_operations_that_are_dropped() {
    let notes = Arc::new(Notes::default());
    let server = Server::start(|_, _| with_header(ok(json!({})), "x-test-delay-ms", "30000")).await;
    let client = server.client_with(Dialect::V3, notes.clone());
    let _ = tokio::time::timeout(Duration::from_millis(100), client.issue("1", &[], &[])).await;
    let outcomes: Vec<_> = notes.facts().iter().map(|facts| facts.outcome).collect();
    assert_eq!(outcomes, [Outcome::Abandoned]);
}

#[tokio::test]
async fn manners_learn_of_unusable_bodies() {
    let notes = Arc::new(Notes::default());
    let server = Server::start_raw(vec![NOT_JSON, CUT, GOOD]).await;
    server.client_with(Dialect::V3, notes.clone()).issue("1", &[], &[]).await.unwrap();
    let seen: Vec<_> = notes.facts().iter().map(|facts| (facts.outcome, facts.status)).collect();
    assert_eq!(
        seen,
        [
            (Outcome::BodyUnusable, Some(200)),
            (Outcome::BodyUnusable, Some(200)),
            (Outcome::Answered, Some(200))
        ]
    );
}

/// Hands out `old`, and `new` once `old` was refused.
struct Renewing(Mutex<Vec<&'static str>>);

#[async_trait]
impl Tokens for Renewing {
    async fn access_token(&self, refused: Option<&SecretString>) -> Result<SecretString, JiraError> {
        let token = if refused.is_some() { "new" } else { "old" };
        self.0.lock().unwrap().push(token);
        Ok(token.into())
    }
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_once_for_reads_and_writes() {
    let script = |good: &'static str| {
        move |asked: &Asked, _| match asked.headers["authorization"].to_str().unwrap()
            == format!("Bearer {good}")
        {
            true => ok(json!({"id": "1"})),
            false => answer(401, json!({"code": 401, "message": "Unauthorized"})),
        }
    };
    let signed = |server: &Server, tokens: Arc<Renewing>| {
        JiraClient::new(
            http(),
            server.url().parse().unwrap(),
            Auth::Renewed(tokens),
            Dialect::V3,
            Arc::new(NoManners),
        )
    };
    let server = Server::start(script("new")).await;
    let tokens = Arc::new(Renewing(Mutex::default()));
    signed(&server, tokens.clone()).add_comment("ED-1", &json!({})).await.unwrap();
    assert_eq!((server.asked().len(), tokens.0.lock().unwrap().as_slice()), (2, &["old", "new"][..]));

    let server = Server::start(script("neither")).await;
    let tokens = Arc::new(Renewing(Mutex::default()));
    let error = signed(&server, tokens).issue("ED-1", &[], &[]).await.unwrap_err();
    assert!(matches!(error, JiraError::Unauthenticated { .. }), "{error:?}");
    assert_eq!(server.asked().len(), 2, "renewed once, not for ever");
}

/// Lets nothing through.
struct Closed;

#[async_trait]
impl Manners for Closed {
    async fn before_request(&self, _: &RequestKind) -> Result<(), Hold> {
        Err(Hold { wait: Duration::from_secs(90), reason: "the site asked for it".into() })
    }

    fn after_response(&self, _: &ResponseFacts) {
        panic!("nothing was sent");
    }
}

#[tokio::test]
async fn what_the_manners_hold_back_is_not_sent_and_not_tried_again() {
    let server = Server::start(|_, _| ok(json!({"id": "1"}))).await;
    let error = server.client_with(Dialect::V3, Arc::new(Closed)).issue("1", &[], &[]).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(90)));
    assert!(matches!(error, JiraError::Held { .. }) && server.asked().is_empty());
}
