//! Deliveries that come twice, late, in another order, forged, or not at all.

use std::sync::{Arc, Mutex};

use application::ports::Secrets;
use axum::{Router, extract::State, http::HeaderMap, routing::post};
use infrastructure::crypto::Keyring;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{injected, sandbox, serve};
use crate::app::{MASTER_KEY, TestApp, eventually};

const SECRET: &str = "It's a Secret to Everybody";

/// A delivery as it came.
#[derive(Clone, Debug)]
struct Delivery {
    id: String,
    signature: String,
    text: String,
    body: Value,
}

type Inbox = Arc<Mutex<Vec<Delivery>>>;

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, text: String) {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let delivery = Delivery {
        id: header("x-atlassian-webhook-identifier"),
        signature: header("x-hub-signature"),
        body: serde_json::from_str(&text).unwrap(),
        text,
    };
    inbox.lock().unwrap().push(delivery);
}

/// Somebody who listens, registered at the sandbox.
async fn listen(app: &TestApp) -> Inbox {
    let inbox = Inbox::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", post(receive)).with_state(inbox.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let hook = json!({ "name": "mine", "url": url, "events": ["comment_created"], "secret": SECRET });
    let registered = app.post("/jira/play/rest/webhooks/1.0/webhook", hook).await;
    assert!(registered.status.is_success(), "{}", registered.text);
    inbox
}

async fn comment(app: &TestApp, issue: u32) {
    let path = format!("/jira/play/rest/api/2/issue/{issue}/comment");
    assert_eq!(app.post(&path, json!({ "body": "x" })).await.status, 201);
}

async fn received(inbox: &Inbox, count: usize) -> Vec<Delivery> {
    let look = || async { inbox.lock().unwrap().clone() };
    eventually(look, |found| found.len() >= count).await
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_come_twice_forged_late_or_never() {
    let app = sandbox(20).await;
    let inbox = listen(&app).await;
    comment(&app, 10_001).await;
    let right = received(&inbox, 1).await.remove(0);

    serve(&app, json!([{ "fault": "webhook_duplicate", "copies": 2 }])).await;
    comment(&app, 10_002).await;
    let found = received(&inbox, 4).await;
    assert!(found[1..].iter().all(|copy| copy.id == found[1].id && copy.body == found[1].body), "{found:?}");
    assert_ne!(found[1].id, right.id);

    serve(&app, json!([{ "fault": "webhook_loss" }])).await;
    comment(&app, 10_003).await;
    assert_eq!(injected(&app).await, json!({ "webhook_loss": 1 }));

    serve(&app, json!([{ "fault": "webhook_bad_signature" }])).await;
    comment(&app, 10_004).await;
    let found = received(&inbox, 5).await;
    assert_eq!(found[4].body["issue"]["id"], "10004", "the lost one did not come");
    assert_eq!(signature_of(&right), right.signature);
    assert_ne!(signature_of(&found[4]), found[4].signature);

    // Half of them wait for up to three seconds, so that others overtake them.
    serve(&app, json!([{ "fault": "webhook_reorder", "ms": 3000, "probability": 0.5 }])).await;
    for issue in 10_005..10_017 {
        comment(&app, issue).await;
    }
    let found = received(&inbox, 17).await;
    let order: Vec<&str> =
        found[5..].iter().map(|delivery| delivery.body["issue"]["id"].as_str().unwrap()).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(order.len(), 12);
    assert_ne!(order, sorted, "they came as they were sent");
}

/// What a delivery's signature would be with the secret that was registered.
fn signature_of(delivery: &Delivery) -> String {
    let keyring = Keyring::parse(&SecretString::from(MASTER_KEY)).unwrap();
    keyring.sign(&SecretString::from(SECRET), delivery.text.as_bytes())
}
