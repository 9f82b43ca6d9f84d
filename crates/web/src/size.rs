//! Bodies that say themselves that they are too large are refused before any of them is read, each door in its own form.

use axum::{
    extract::Request,
    http::{StatusCode, header::CONTENT_LENGTH},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{LARGEST_BODY, jira_api, rest::problem};

/// The layer. What does not tell its length is cut off where it becomes too large, and refused by whoever reads it.
pub(crate) async fn refuse_large(request: Request, next: Next) -> Response {
    let told = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if told.is_none_or(|length: usize| length <= LARGEST_BODY) {
        return next.run(request).await;
    }
    if request.uri().path().starts_with("/jira/") {
        let message = format!("The request body may have at most {LARGEST_BODY} bytes.");
        return jira_api::refusal::Refusal::message(StatusCode::PAYLOAD_TOO_LARGE, message).into_response();
    }
    problem::Refusal::TooLarge(LARGEST_BODY).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::{Body, to_bytes},
        middleware::from_fn,
        routing::any,
    };
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    async fn sent(path: &str, length: usize) -> (StatusCode, Value) {
        let router = Router::new().fallback(any(|| async { "{}" })).layer(from_fn(refuse_large));
        let request = Request::post(path).header(CONTENT_LENGTH, length).body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), LARGEST_BODY).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn each_door_refuses_in_its_own_form() {
        assert_eq!(sent("/v1/sql", LARGEST_BODY).await, (StatusCode::OK, json!({})));
        let (status, problem) = sent("/v1/sql", LARGEST_BODY + 1).await;
        assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")));
        let (status, body) = sent("/jira/play/rest/api/3/issue", LARGEST_BODY + 1).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(body["errorMessages"], json!(["The request body may have at most 26214400 bytes."]));
    }
}
