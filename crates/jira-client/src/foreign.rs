//! Answers that are not Jira's: log-in pages of a single sign-on, error pages of proxies (jira-facts 10.1).

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};

/// How much of a page is looked at.
const LOOK: usize = 64 * 1024;

/// What only stands on a page that asks who one is.
const LOGIN_MARKS: [&str; 7] = [
    "os_username",
    "os_password",
    "type=\"password\"",
    "type='password'",
    "samlrequest",
    "login.jsp",
    "id.atlassian.com/login",
];

/// Where redirects to a log-in lead.
const LOGIN_PATHS: [&str; 5] = ["login", "signin", "saml", "oauth2/authorize", "/sso"];

/// Whether a body is a web page.
pub(crate) fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let says_html = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("html"));
    let start = lower(&body.trim_ascii_start()[..body.trim_ascii_start().len().min(64)]);
    let looks_html = ["<!doctype html", "<html", "<head", "<body"].iter().any(|mark| start.starts_with(mark));
    // A body that is JSON is JSON whatever its header says.
    let looks_json = start.starts_with('{') || start.starts_with('[');
    looks_html || (says_html && !looks_json)
}

/// Whether a web page is one that asks who one is.
pub(crate) fn is_login_page(body: &[u8]) -> bool {
    let text = lower(&body[..body.len().min(LOOK)]);
    LOGIN_MARKS.iter().any(|mark| text.contains(mark))
}

/// Whether an answer sends the caller to a log-in.
pub(crate) fn is_redirect_to_login(status: StatusCode, headers: &HeaderMap) -> bool {
    let target = headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_ascii_lowercase);
    status.is_redirection()
        && target.is_some_and(|target| LOGIN_PATHS.iter().any(|path| target.contains(path)))
}

fn lower(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(name: reqwest::header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn pages_are_told_from_json_by_what_they_are() {
        let none = HeaderMap::new();
        assert!(is_page(&none, b"\r\n <!DOCTYPE HTML><html>"));
        assert!(is_page(&headers(CONTENT_TYPE, "text/html;charset=UTF-8"), b"Bad gateway"));
        assert!(
            !is_page(&headers(CONTENT_TYPE, "text/html"), br#"{"errorMessages":[]}"#),
            "mislabelled JSON"
        );
        assert!(!is_page(&none, b"") && !is_page(&none, b"null"));
    }

    #[test]
    fn a_page_that_wants_a_password_is_a_login_page() {
        assert!(is_login_page(br#"<html><input name="os_username"></html>"#));
        assert!(is_login_page(br#"<html><INPUT TYPE="password"></html>"#));
        assert!(!is_login_page(b"<html><h1>502 Bad Gateway</h1></html>"));
    }

    #[test]
    fn a_redirect_to_a_login_is_told_from_another() {
        let to = |target| is_redirect_to_login(StatusCode::FOUND, &headers(LOCATION, target));
        assert!(to("/login.jsp?os_destination=%2Frest"));
        assert!(to("https://sso.example/idp/SAML2/Redirect"));
        assert!(!to("https://jira.example/rest/api/2/myself"));
        assert!(!is_redirect_to_login(StatusCode::OK, &headers(LOCATION, "/login.jsp")));
    }
}
