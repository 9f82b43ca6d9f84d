//! What handlers take from a request. A request that cannot be read is refused with problem+json that names the field
//! and the remedy, as every other error is.

use std::error::Error as _;

use application::{Caller, Error, FieldProblem, Result};
use axum::{
    extract::{
        FromRequest, FromRequestParts, Json, Path, Query, Request,
        path::ErrorKind,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use super::problem::{LARGEST_JSON, Problem, Refusal};
use crate::{auth, state::WebState};

/// An authenticated caller. It stands before the other extractors of a handler, so that strangers learn nothing but 401.
#[derive(Clone, Debug)]
pub(crate) struct ApiCaller(pub(crate) Caller);

impl FromRequestParts<WebState> for ApiCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Problem> {
        Ok(Self(auth::authenticate(parts, state).await?))
    }
}

/// A JSON body.
#[derive(Debug)]
pub(crate) struct ValidJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ValidJson<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_body(&rejection)),
        }
    }
}

fn refuse_body(rejection: &JsonRejection) -> Refusal {
    let cause = rejection.source().map(ToString::to_string).unwrap_or_default();
    match rejection {
        JsonRejection::JsonDataError(_) => {
            Refusal::Unreadable(Error::Invalid(vec![field_problem(&cause, "body")]))
        }
        JsonRejection::JsonSyntaxError(_) => {
            Refusal::Unreadable(Error::invalid("body", format!("is not well-formed JSON: {cause}")))
        }
        JsonRejection::MissingJsonContentType(_) => Refusal::NotJson,
        other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge(LARGEST_JSON),
        _ => Refusal::Unreadable(Error::invalid("body", "could not be read to its end; send it again")),
    }
}

/// The parameters after the `?`.
#[derive(Debug)]
pub(crate) struct ValidQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ValidQuery<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_query(&rejection)),
        }
    }
}

fn refuse_query(rejection: &QueryRejection) -> Refusal {
    let cause = rejection.source().map(ToString::to_string).unwrap_or_default();
    Refusal::Unreadable(Error::Invalid(vec![field_problem(&cause, "query")]))
}

/// The named parts of the path.
#[derive(Debug)]
pub(crate) struct ValidPath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for ValidPath<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_path(&rejection)),
        }
    }
}

fn refuse_path(rejection: &PathRejection) -> Refusal {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return Refusal::Unreadable(Error::invalid("path", rejection.body_text()));
    };
    // Ids of Jira's are whole numbers, ours are UUIDs.
    let not = |field: &str, value: &str, expected: &str| {
        let kind = if expected.to_lowercase().contains("uuid") { "a UUID" } else { "a whole number" };
        Error::invalid(field, format!("`{value}` is not {kind}"))
    };
    let problem = match failed.kind() {
        ErrorKind::ParseErrorAtKey { key, value, expected_type } => not(key, value, expected_type),
        ErrorKind::DeserializeError { key, value, message } => not(key, value, message),
        ErrorKind::ParseError { value, expected_type } => not("path", value, expected_type),
        _ => Error::invalid("path", rejection.body_text()),
    };
    Refusal::Unreadable(problem)
}

/// Reads serde's message, which axum prefixes with the path of the field (`scopes[0]: unknown variant …`); `whole` is
/// the name of the input as a whole.
fn field_problem(cause: &str, whole: &str) -> FieldProblem {
    let cause = cause.rsplit_once(" at line ").map_or(cause, |(message, _position)| message);
    let (path, message) = match cause.split_once(": ") {
        Some((path, message)) if !path.contains(char::is_whitespace) => (path, message),
        _ => (whole, cause),
    };
    let named = |lead: &str| message.strip_prefix(lead)?.split_once('`');
    let (field, message) = if let Some((field, _)) = named("missing field `") {
        (field, "is needed".to_owned())
    } else if let Some((field, rest)) = named("unknown field `") {
        (field, format!("is not known here{}", rest.replace(", expected", "; known is")))
    } else if let Some((field, _)) = named("duplicate field `") {
        (field, "is given twice".to_owned())
    } else {
        (path, remedy(message))
    };
    FieldProblem { field: field.to_owned(), message }
}

/// The standard library's messages about numbers say what is wrong, not what would be right.
fn remedy(message: &str) -> String {
    match message {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number".into()
        }
        "number too large to fit in target type" => "is too large a number".into(),
        "provided string was not `true` or `false`" => "must be `true` or `false`".into(),
        // What chrono says of a text that is no time.
        "input contains invalid characters"
        | "premature end of input"
        | "trailing input"
        | "input is out of range"
        | "input is not enough for unique date and time" => {
            "must be a time such as 2026-01-31T12:00:00Z, or where a day is asked for 2026-01-31".into()
        }
        other if other.starts_with("unknown variant `") => other
            .replacen("unknown variant ", "", 1)
            .replacen(", expected", " is not known here; known is", 1),
        other => other.into(),
    }
}

/// # Errors
/// [`Error::Invalid`] unless the value is within the bounds, both included.
pub(crate) fn within<N: PartialOrd + std::fmt::Display>(
    field: &str,
    value: N,
    least: N,
    most: N,
) -> Result<N> {
    if value < least || value > most {
        return Err(Error::invalid(field, format!("must be {least} to {most}")));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::{Body, to_bytes},
        extract::DefaultBodyLimit,
        routing::get,
    };
    use serde::Deserialize;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        name: String,
        count: Option<u32>,
        kind: Option<Kind>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Small,
        Large,
    }

    fn app() -> Router {
        let by_query = async |ValidQuery(order): ValidQuery<Order>| order.name;
        let by_body = async |ValidJson(order): ValidJson<Order>| {
            let kind = order.kind.map(|kind| matches!(kind, Kind::Large));
            format!("{} {:?} {kind:?}", order.name, order.count)
        };
        Router::new().route("/", get(by_query).post(by_body)).layer(DefaultBodyLimit::max(200))
    }

    async fn send(request: Request) -> (u16, Value) {
        let response = app().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let problem = status >= 400;
        assert_eq!(problem, response.headers()["content-type"] == "application/problem+json");
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn body(text: &str) -> (u16, Value) {
        let request = Request::post("/").header("content-type", "application/json");
        send(request.body(Body::from(text.to_owned())).unwrap()).await
    }

    async fn query(text: &str) -> (u16, Value) {
        send(Request::get(format!("/?{text}")).body(Body::empty()).unwrap()).await
    }

    fn only(field: &str, message: &str) -> Value {
        json!([{ "field": field, "message": message }])
    }

    #[tokio::test]
    async fn each_wrong_field_of_a_body_is_named_with_its_remedy() {
        assert_eq!(body(r#"{"name": "tea", "count": 2, "kind": "large"}"#).await.0, 200);
        let cases = [
            (r"{}", "name", "is needed"),
            (r#"{"name": 1}"#, "name", "invalid type: integer `1`, expected a string"),
            (r#"{"name": "x", "count": -1}"#, "count", "invalid value: integer `-1`, expected u32"),
            (
                r#"{"name": "x", "kind": "huge"}"#,
                "kind",
                "`huge` is not known here; known is `small` or `large`",
            ),
            (
                r#"{"name": "x", "nme": 1}"#,
                "nme",
                "is not known here; known is one of `name`, `count`, `kind`",
            ),
            (r#"{"name": "x", "name": "y"}"#, "name", "is given twice"),
            (r#""tea""#, "body", "invalid type: string \"tea\", expected struct Order"),
        ];
        for (text, field, message) in cases {
            let (status, problem) = body(text).await;
            assert_eq!((status, &problem["errors"]), (400, &only(field, message)), "{text}");
            assert_eq!(problem["code"], "invalid");
        }
    }

    #[tokio::test]
    async fn each_wrong_parameter_is_named_with_its_remedy() {
        assert_eq!(query("name=tea&count=2").await.0, 200);
        let cases = [
            ("", "name", "is needed"),
            ("name=x&count=two", "count", "must be a whole number"),
            ("name=x&count=", "count", "must be a whole number"),
            ("name=x&count=99999999999", "count", "is too large a number"),
            ("name=x&name=y", "name", "is given twice"),
            ("name=x&sort=up", "sort", "is not known here; known is one of `name`, `count`, `kind`"),
        ];
        for (text, field, message) in cases {
            let (status, problem) = query(text).await;
            assert_eq!((status, &problem["errors"]), (400, &only(field, message)), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_no_json_is_refused_by_its_own_status() {
        let (status, problem) = body(r#"{"name": "#).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("body")));
        assert!(problem["detail"].as_str().unwrap().contains("line 1 column 9"), "{problem}");

        let (status, problem) = body(&format!(r#"{{"name": "{}"}}"#, "x".repeat(300))).await;
        assert_eq!((status, &problem["code"]), (413, &json!("too_large")));

        let plain = Request::post("/").header("content-type", "text/plain").body(Body::from("{}")).unwrap();
        let (status, problem) = send(plain).await;
        assert_eq!((status, &problem["code"]), (415, &json!("unsupported_media_type")));
    }

    #[test]
    fn bounds_are_part_of_what_is_allowed() {
        assert_eq!(within("limit", 1, 1, 200).unwrap(), 1);
        assert_eq!(within("limit", 200, 1, 200).unwrap(), 200);
        assert_eq!(within("limit", 201, 1, 200).unwrap_err().to_string(), "limit: must be 1 to 200");
        assert!(within("limit", 0, 1, 200).is_err());
    }
}
