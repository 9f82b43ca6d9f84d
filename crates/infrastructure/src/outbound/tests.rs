use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// Answers each connection with the next of these, and hands back the requests.
async fn serve(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut chunk = [0; 4096];
                let read = stream.read(&mut chunk).await.unwrap();
                assert!(read > 0, "the connection ended early");
                request.extend_from_slice(&chunk[..read]);
            }
            requests.push(String::from_utf8_lossy(&request).to_lowercase());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    (format!("http://{address}"), requests)
}

/// Whether headers, and as much body as they announce, have come.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    body.len() >= length.parse().unwrap()
}

fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn redirects_are_followed_within_the_host_only() {
    let (elsewhere, _nobody) = serve(vec![]).await;
    let (here, requests) = serve(vec![
        answer("302 Found", "location: /next\r\n"),
        answer("302 Found", &format!("location: {elsewhere}/login\r\n")),
    ])
    .await;
    let response = client().unwrap().get(format!("{here}/first")).send().await.unwrap();
    assert_eq!(response.status(), 302, "the redirect to elsewhere is the answer");
    let requests = requests.await.unwrap();
    assert!(requests[0].starts_with("get /first ") && requests[1].starts_with("get /next "), "{requests:?}");
    assert!(
        requests[0].contains(&format!("user-agent: forebay/{}", env!("CARGO_PKG_VERSION"))),
        "{requests:?}"
    );
    assert!(requests[0].contains("accept-encoding: gzip"), "{requests:?}");
}

#[test]
fn a_redirect_may_upgrade_to_tls_and_never_give_it_up() {
    let same = |from: &str, to: &str| is_same_host(&from.parse().unwrap(), &to.parse().unwrap());
    assert!(same("https://jira.example/a", "https://jira.example/b"));
    assert!(same("http://jira.example/a", "https://jira.example/a"));
    assert!(!same("https://jira.example/a", "http://jira.example/a"));
    assert!(!same("https://jira.example/a", "https://jira.example:8443/a"));
    assert!(!same("https://jira.example/a", "https://evil.example/a"));
    assert!(!same("http://jira.example:8080/a", "https://jira.example:22/a"));
}

#[tokio::test]
async fn a_delivery_carries_its_headers_and_body_and_answers_the_status() {
    let (here, requests) = serve(vec![answer("410 Gone", "")]).await;
    let deliveries = WebhookDeliveries::new(client().unwrap());
    let headers = [("x-hub-signature", "sha256=00".to_owned()), ("user-agent", "Atlassian".to_owned())];
    assert_eq!(deliveries.post(&format!("{here}/hook"), &headers, b"Hello!".to_vec()).await.unwrap(), 410);
    let request = requests.await.unwrap().remove(0);
    assert!(request.starts_with("post /hook ") && request.ends_with("hello!"), "{request}");
    assert!(
        request.contains("x-hub-signature: sha256=00") && request.contains("user-agent: atlassian"),
        "{request}"
    );
    assert!(!request.contains("forebay/"), "the caller's own name stands alone: {request}");
}

#[tokio::test]
async fn a_delivery_that_gets_no_answer_may_be_tried_again_and_does_not_show_the_address() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/hook?token=hunter2", listener.local_addr().unwrap())
    };
    let deliveries = WebhookDeliveries::new(client().unwrap());
    let error = deliveries.post(&closed, &[], Vec::new()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("refused") && !error.to_string().contains("hunter2"), "{error}");

    let error = deliveries.post("no address", &[], Vec::new()).await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");
}
