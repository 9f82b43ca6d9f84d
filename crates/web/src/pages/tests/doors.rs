//! Who gets in, and what every answer carries, over the routes as they are served.

#[expect(clippy::duplicate_mod, reason = "the same fake ports serve the tests of REST")]
#[path = "../../rest/tests/fakes.rs"]
mod fakes;

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, Response, StatusCode, header},
};
use tower::ServiceExt;

use crate::pages::{assets, routes};

async fn send(request: Request<Body>) -> Response<Body> {
    routes().with_state(fakes::state()).oneshot(request).await.unwrap()
}

fn browser(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
}

async fn get(path: &str) -> Response<Body> {
    send(browser(Method::GET, path).body(Body::empty()).unwrap()).await
}

async fn form(path: &str, site: &str, body: &'static str) -> Response<Body> {
    let request = browser(Method::POST, path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", site);
    send(request.body(Body::from(body)).unwrap()).await
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 10_000_000).await.unwrap().to_vec()).unwrap()
}

fn location(response: &Response<Body>) -> &str {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()[header::LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn strangers_are_sent_to_sign_in_and_come_back_to_their_page() {
    assert_eq!(location(&get("/").await), "/login");
    assert_eq!(
        location(&get("/issues?jql=project%20%3D%20A").await),
        "/login?next=%2Fissues%3Fjql%3Dproject%2520%253D%2520A"
    );
    for path in ["/issues/A-1", "/instances", "/instances/acme", "/instances/acme/events", "/audit"] {
        assert!(location(&get(path).await).starts_with("/login?next=%2F"), "{path}");
    }
    for path in ["/issues/A-1/comments", "/issues/A-1/transitions", "/instances/acme/sync", "/logout"] {
        let answer = form(path, "same-origin", "body=x&transition=1").await;
        assert_eq!(location(&answer), "/login", "{path}: a form is not sent again");
    }
}

#[tokio::test]
async fn a_wrong_key_or_a_stale_link_is_told_so_on_the_sign_in_page() {
    let refused = form("/login", "same-origin", "key=fb_wrong&next=%2Fissues").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(!refused.headers().contains_key(header::SET_COOKIE));
    let page = text(refused).await;
    assert!(
        page.contains("role=\"alert\"") && page.contains("value=\"/issues\"") && !page.contains("fb_wrong"),
        "{page}"
    );

    let stale = get("/login/link?token=stale").await;
    assert_eq!(stale.status(), StatusCode::UNAUTHORIZED);
    assert!(text(stale).await.contains("expired"));
}

#[tokio::test]
async fn no_other_site_signs_a_visitor_in_or_out() {
    for path in ["/login", "/logout"] {
        let answer = form(path, "cross-site", "key=fb_wrong").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(!answer.headers().contains_key(header::SET_COOKIE), "{path}");
    }
    let left = form("/logout", "same-origin", "").await;
    assert_eq!(location(&left), "/login");
    assert!(left.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn the_audit_log_is_closed_to_those_who_do_not_manage() {
    let request =
        browser(Method::GET, "/audit").header(header::AUTHORIZATION, format!("Bearer {}", fakes::key()));
    let answer = send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let page = text(answer).await;
    assert!(page.contains("scope <code>admin</code>") && page.contains("reader"), "{page}");
    assert!(!page.contains("href=\"/audit\""), "and is not offered");
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_page_with_the_request_id() {
    let broken =
        browser(Method::GET, "/instances").header(header::AUTHORIZATION, format!("Bearer {}", fakes::key()));
    let broken = send(broken.body(Body::empty()).unwrap()).await;
    assert_eq!(broken.status(), StatusCode::SERVICE_UNAVAILABLE);
    for (answer, status) in [
        (get("/nowhere").await, StatusCode::NOT_FOUND),
        (get("/assets/unknown.css").await, StatusCode::NOT_FOUND),
        (get("/login/link").await, StatusCode::BAD_REQUEST),
        (get("/logout").await, StatusCode::METHOD_NOT_ALLOWED),
        (broken, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        assert_eq!(answer.status(), status);
        let page = text(answer).await;
        assert!(page.contains("<h1>") && page.contains("Request <code>"), "{status}: {page}");
    }
}

#[tokio::test]
async fn every_answer_forbids_what_the_console_does_not_need() {
    for path in ["/", "/login", "/nowhere", "/instances/acme/events", assets::STYLE.path.as_str()] {
        let answer = get(path).await;
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(answer.headers()[header::REFERRER_POLICY], "same-origin", "{path}");
    }
    assert_eq!(get("/login").await.headers()[header::CACHE_CONTROL], "no-store");
}
