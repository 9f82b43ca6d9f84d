//! The same write, sent again under the same `Idempotency-Key`, happens once.

use serde_json::{Value, json};

use crate::app::{TestApp, client};

async fn comment(app: &TestApp, path: &str, key: &str, text: &str) -> (u16, bool, Value) {
    let body = if path.contains("/api/3/") {
        let paragraph = json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
        json!({ "body": { "type": "doc", "version": 1, "content": [paragraph] } })
    } else {
        json!({ "body": text })
    };
    let request =
        client().post(format!("{}{path}", app.url)).bearer_auth(&app.key).header("idempotency-key", key);
    let answer = request.json(&body).send().await.unwrap();
    let replayed = answer.headers().get("idempotency-replayed").is_some_and(|value| value == "true");
    (answer.status().as_u16(), replayed, answer.json().await.unwrap())
}

async fn count(app: &TestApp, text: &str) -> usize {
    let mut owner = app.database.superuser().await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM comments WHERE body_text = $1")
        .bind(text)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    usize::try_from(rows).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_write_is_answered_from_its_first_answer() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    for (door, path) in
        [("rest", "/v1/issues/10001/comments"), ("jira", "/jira/site/rest/api/3/issue/10001/comment")]
    {
        let first = comment(&app, path, &format!("{door}-1"), door).await;
        assert_eq!((first.0, first.1), (201, false), "{:?}", first.2);
        let again = comment(&app, path, &format!("{door}-1"), door).await;
        assert_eq!((again.0, again.1, &again.2), (201, true, &first.2));
        assert_eq!(count(&app, door).await, 1);

        let other = comment(&app, path, &format!("{door}-1"), "something else").await;
        assert_eq!((other.0, other.1), (422, false), "{:?}", other.2);
        let new = comment(&app, path, &format!("{door}-2"), door).await;
        assert_eq!((new.0, new.1), (201, false));
        assert_eq!(count(&app, door).await, 2);
    }
    // A key that cannot be one is named.
    let wrong = comment(&app, "/v1/issues/10001/comments", "a b", "x").await;
    assert_eq!((wrong.0, &wrong.2["errors"][0]["field"]), (400, &json!("Idempotency-Key")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_requests_at_the_same_time_one_executes() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    let path = "/v1/issues/10001/comments";
    let racing = (0..8).map(|_| comment(&app, path, "race", "raced"));
    let answers = futures::future::join_all(racing).await;
    for (status, _, body) in &answers {
        assert!([201, 409].contains(status), "{status}: {body}");
    }
    assert_eq!(answers.iter().filter(|(status, replayed, _)| *status == 201 && !replayed).count(), 1);
    assert_eq!(count(&app, "raced").await, 1);
    assert_eq!(comment(&app, path, "race", "raced").await.0, 201);
    assert_eq!(count(&app, "raced").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_happen_can_be_tried_again_and_secrets_are_not_kept() {
    let app = TestApp::start().await;
    let path = "/v1/issues/10001/comments";
    assert_eq!(comment(&app, path, "later", "patience").await.0, 404);
    app.sandbox("site", 5);
    assert_eq!(comment(&app, path, "later", "patience").await.0, 201);

    let make = async || {
        let request = client().post(format!("{}/v1/keys", app.url)).bearer_auth(&app.key);
        let request =
            request.header("idempotency-key", "k").json(&json!({ "name": "once", "scopes": ["read"] }));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, made) = make().await;
    assert_eq!(status, 201);
    let secret = serde_json::from_str::<Value>(&made).unwrap()["key"].as_str().unwrap().to_owned();
    let (status, again) = make().await;
    assert_eq!(status, 409, "{again}");
    assert!(!again.contains(&secret));
    let mut owner = app.database.superuser().await;
    let kept: Vec<String> = sqlx::query_scalar("SELECT coalesce(response::text, '') FROM idempotency_keys")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    assert!(kept.iter().all(|text| !text.contains(&secret)), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_write_counts_against_the_keys_rate() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    let arguments = ["key", "create", "--tenant", "acme", "--scopes", "read,write", "--rate", "3"];
    let key = app.cli(&arguments).trim().to_owned();
    for (door, path) in
        [("rest", "/v1/issues/10001/comments"), ("jira", "/jira/site/rest/api/2/issue/10001/comment")]
    {
        let key = if door == "rest" { key.clone() } else { app.cli(&arguments).trim().to_owned() };
        let send = async |idempotency_key: &str| {
            let request = client().post(format!("{}{path}", app.url)).bearer_auth(&key);
            let request = request.header("idempotency-key", idempotency_key);
            let answer = request.json(&json!({ "body": door })).send().await.unwrap();
            let wait = answer
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            (answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed"), wait)
        };
        // A write counts once, though a layer and its handler both ask who sends it; and so does each repetition.
        assert_eq!(send("a").await, (201, false, None), "{door}");
        assert_eq!(send("a").await, (201, true, None), "{door}");
        assert_eq!(send("a").await, (201, true, None), "{door}");
        for idempotency_key in ["a", "b"] {
            let (status, replayed, wait) = send(idempotency_key).await;
            assert_eq!((status, replayed), (429, false), "{door}");
            assert!(wait.is_some_and(|seconds| (1..=20).contains(&seconds)), "{door}: {wait:?}");
        }
        assert_eq!(count(&app, door).await, 1, "what was refused was not done");
    }
}

/// What only reads is done each time: its answer would outlive what its reader may see, and people who are erased.
#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_anew_each_time() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    for (path, body) in [
        ("/v1/sql", json!({ "sql": "SELECT key FROM issues" })),
        ("/v1/issues/search", json!({ "jql": "project is not empty" })),
        ("/jira/site/rest/api/3/search", json!({ "jql": "project is not empty" })),
        ("/jira/site/rest/api/3/search/jql", json!({ "jql": "project is not empty" })),
        ("/jira/site/rest/api/3/search/approximate-count", json!({ "jql": "project is not empty" })),
        ("/jira/site/rest/api/3/issue/bulkfetch", json!({ "issueIdsOrKeys": ["10001"] })),
        ("/jira/site/rest/api/3/jql/match", json!({ "issueIds": [10001], "jqls": ["project is not empty"] })),
        ("/jira/site/rest/api/3/changelog/bulkfetch", json!({ "issueIdsOrKeys": ["10001"] })),
    ] {
        for _ in 0..2 {
            let request = client().post(format!("{}{path}", app.url)).bearer_auth(&app.key);
            let answer = request.header("idempotency-key", "again").json(&body).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.headers().get("idempotency-replayed").is_none(), "{path}");
        }
    }
    let mut owner = app.database.superuser().await;
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM idempotency_keys").fetch_one(&mut owner).await.unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_not_repeated_to_a_key_that_may_less_than_it_did() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    let made = json!({ "name": "k", "scopes": ["read", "write"] });
    let made = app.post("/v1/keys", made).await.ok();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let path = "/v1/issues/10001/comments";
    let comment = async || {
        let request =
            client().post(format!("{}{path}", app.url)).bearer_auth(key).header("idempotency-key", "k");
        let answer = request.json(&json!({ "body": "once" })).send().await.unwrap();
        let replayed = answer.headers().contains_key("idempotency-replayed");
        (answer.status().as_u16(), replayed)
    };
    assert_eq!(comment().await, (201, false));
    assert_eq!(comment().await, (201, true));
    for narrowed in [json!({ "policy": { "projects": ["NONE"] } }), json!({ "scopes": ["read"] })] {
        let path = format!("/v1/keys/{id}");
        app.ask(reqwest::Method::PATCH, &path, Some(&app.key), Some(narrowed)).await.ok();
        assert_eq!(comment().await, (422, false));
    }
    assert_eq!(count(&app, "once").await, 1);
}
