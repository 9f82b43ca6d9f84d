use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14));

fn outbound(allowed: &str) -> Outbound {
    Outbound::new(allowed.parse().unwrap()).unwrap()
}

/// Asks for a URL as the parts of Forebay do; answers the status, or why there is none.
async fn get(outbound: &Outbound, url: &str) -> Result<u16, String> {
    let url: Url = url.parse().unwrap();
    let http = outbound.client_for(&url).map_err(|refused| refused.to_string())?;
    let answer = http.get(url).send().await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| match refusal_in(&error) {
        Some(refused) => refused.to_string(),
        None => format!("not refused: {error:?}"),
    })
}

/// Answers names with the next of these, and with the last for ever.
struct Names(Mutex<HashMap<&'static str, Vec<Vec<IpAddr>>>>);

impl Names {
    fn of(names: impl IntoIterator<Item = (&'static str, Vec<Vec<IpAddr>>)>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(names.into_iter().collect())))
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

/// A server that nobody must reach: it answers, and tells by its handle that it did.
async fn inside() -> (String, tokio::task::JoinHandle<Vec<String>>) {
    serve(vec![answer("200 OK", "")]).await
}

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
    let status = get(&outbound("127.0.0.1"), &format!("{here}/first")).await;
    assert_eq!(status, Ok(302), "the redirect to elsewhere is the answer");
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
    let deliveries = WebhookDeliveries::new(outbound("127.0.0.1"));
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
    let deliveries = WebhookDeliveries::new(outbound("127.0.0.1"));
    let error = deliveries.post(&closed, &[], Vec::new()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("refused") && !error.to_string().contains("hunter2"), "{error}");

    let error = deliveries.post("no address", &[], Vec::new()).await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_server_on_this_machine_is_called_only_where_the_operator_allows_it() {
    let (here, reached) = inside().await;
    let port = here.rsplit(':').next().unwrap();
    let refusing = outbound("");
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "LOCALHOST.",
        "x.localhost",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0.0.0.0",
        "[::]",
    ] {
        let told = get(&refusing, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(told.contains("FOREBAY_ALLOW_PRIVATE_NETWORKS"), "{host}: {told}");
        let deliveries = WebhookDeliveries::new(refusing.clone());
        let error = deliveries.post(&format!("http://{host}:{port}/"), &[], Vec::new()).await.unwrap_err();
        assert!(!error.is_retryable() && error.to_string().contains("FOREBAY_ALLOW"), "{host}: {error}");
    }
    assert!(!reached.is_finished(), "nobody got through");
    assert_eq!(get(&outbound("127.0.0.0/8"), &format!("{here}/")).await, Ok(200));
    assert!(reached.await.unwrap()[0].starts_with("get / "));
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_whatever_it_led_to_before() {
    let (here, reached) = inside().await;
    let port = here.rsplit(':').next().unwrap();
    let url = format!("http://jira.example:{port}/rest");
    let names = Names::of([("jira.example", vec![vec![PUBLIC], vec![LOOPBACK]])]);
    assert_eq!(names.lookup("jira.example").await.unwrap(), [PUBLIC]);
    let rebound = Outbound::with_lookup(AllowedNetworks::default(), names).unwrap();
    rebound.check("url", &url).await.unwrap();
    let told = get(&rebound, &url).await.unwrap_err();
    assert!(told.contains("`jira.example` leads to no address that Forebay calls"), "{told}");
    assert!(!told.contains("127.0.0.1"), "the inside is not told: {told}");
    let deliveries = WebhookDeliveries::new(rebound);
    let error = deliveries.post(&url, &[], Vec::new()).await.unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("leads to no address"), "{error}");
    assert!(!reached.is_finished(), "nobody got through");

    let names = Names::of([("jira.example", vec![vec![LOOPBACK]])]);
    let allowed = Outbound::with_lookup(AllowedNetworks::loopback(), names).unwrap();
    assert_eq!(get(&allowed, &url).await, Ok(200));
}

#[tokio::test]
async fn of_several_addresses_only_those_that_may_be_called_are_tried() {
    let (here, _) = inside().await;
    let port = here.rsplit(':').next().unwrap();
    let private = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let names = Names::of([("jira.example", vec![vec![private, LOOPBACK]])]);
    let outbound = Outbound::with_lookup(AllowedNetworks::loopback(), names).unwrap();
    assert_eq!(get(&outbound, &format!("http://jira.example:{port}/")).await, Ok(200));
}

#[tokio::test]
async fn a_redirect_to_an_address_inside_is_refused() {
    let (there, reached) = inside().await;
    let there = there.replace("127.0.0.1", "127.0.0.2");
    for target in [there.as_str(), "http://169.254.169.254/latest/meta-data/", "http://user@jira.example/"] {
        let (here, _) = serve(vec![answer("302 Found", &format!("location: {target}\r\n"))]).await;
        let told = get(&outbound("127.0.0.1"), &here).await.unwrap_err();
        assert!(!told.starts_with("not refused"), "{target}: {told}");
    }
    assert!(!reached.is_finished(), "nobody got through");
}

#[tokio::test]
async fn an_address_is_checked_when_it_is_given_with_field_and_remedy() {
    let names = Names::of([
        ("public.example", vec![vec![PUBLIC]]),
        ("inside.example", vec![vec![IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))]]),
    ]);
    let outbound = Outbound::with_lookup(AllowedNetworks::default(), names).unwrap();
    for url in ["https://public.example/jira", "https://8.8.8.8"] {
        outbound.check("url", url).await.unwrap();
    }
    // Whether a name leads inside or nowhere is the same to whoever gives it, early and late.
    let mut told = Vec::new();
    for name in ["inside.example", "unknown.example"] {
        let url = format!("https://{name}/");
        outbound.check("url", &url).await.unwrap();
        told.push(get(&outbound, &url).await.unwrap_err().replace(name, "NAME"));
        let deliveries = WebhookDeliveries::new(outbound.clone());
        told.push(
            deliveries.post(&url, &[], Vec::new()).await.unwrap_err().to_string().replace(name, "NAME"),
        );
    }
    assert!(told[0].contains("`NAME` leads to no address that Forebay calls"), "{}", told[0]);
    assert_eq!(told[..2], told[2..]);
    for (url, said) in [
        ("https://192.168.0.7", "a private network"),
        ("http://metadata.google.internal/", "the metadata service of a cloud"),
        ("http://METADATA./", "the metadata service of a cloud"),
        ("ftp://public.example", "http or https"),
        ("https://me:secret@public.example", "user name or password"),
        ("no address", "is no address"),
    ] {
        let Err(Error::Invalid(problems)) = outbound.check("url", url).await else {
            panic!("{url} is refused")
        };
        assert_eq!(problems[0].field, "url");
        let told = &problems[0].message;
        assert!(
            told.contains(said) && !told.contains("10.1.2.3") && !told.contains("secret"),
            "{url}: {told}"
        );
    }
}
