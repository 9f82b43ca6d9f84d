//! The reference page at `/docs/api`, as vendored, but for a phone's width and a title of our own.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, header},
    response::Response,
};

/// The page itself is a few hundred bytes; what is larger is passed on as it is.
const LONGEST: usize = 64 * 1024;

/// Lets a phone show the page at its own width: the vendored one says nothing of it.
pub(super) async fn fit_to_phones(response: Response) -> Response {
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(is_html);
    if !is_page || response.headers().get(header::CONTENT_LENGTH).is_some_and(is_long) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(page) = to_bytes(body, LONGEST).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let page = String::from_utf8_lossy(&page)
        .replacen(
            "<head>",
            r#"<head><meta name="viewport" content="width=device-width, initial-scale=1">"#,
            1,
        )
        .replacen("<title>Swagger UI</title>", "<title>API · Forebay</title>", 1);
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(page.len()));
    Response::from_parts(parts, Body::from(page))
}

fn is_html(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"text/html")
}

fn is_long(value: &HeaderValue) -> bool {
    value.to_str().ok().and_then(|text| text.parse::<usize>().ok()).is_none_or(|length| length > LONGEST)
}
