//! Request bodies. Jira reads them leniently in some places (numbers as text, nulls for what is optional) and strictly
//! in others; both are repeated here, because clients depend on them (jira-facts 1.1, 11.3).

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// A JSON object as sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Body(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        require_json(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::BAD_REQUEST,
            };
            Refusal::message(status, "The request body is too large, or could not be read.")
        })?;
        Self::parse(&bytes)
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = sent.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::media_type(sent.unwrap_or("null")))
}

impl Body {
    /// # Errors
    /// 400 for no content, for what is no JSON, and for JSON other than an object.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Refusal::unreadable_body("No content to map to Object due to end of input"));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Refusal::invalid_payload()),
            Err(_) => Err(Refusal::unreadable_body(
                "There was an error parsing JSON. Check that your request body is valid.",
            )),
        }
    }

    /// An object within another body.
    pub(super) fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Refuses members other than these: what Jira does where the body's schema is closed.
    ///
    /// # Errors
    /// 400.
    pub(super) fn allow_only(&self, names: &[&str]) -> Result<(), Refusal> {
        if self.0.keys().all(|name| names.contains(&name.as_str())) {
            return Ok(());
        }
        Err(Refusal::invalid_payload())
    }

    /// All members.
    pub(super) fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A member, unless it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether the member is there, and null.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_null)
    }

    /// A text.
    ///
    /// # Errors
    /// 400 for anything but text, null and absence.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::invalid_payload()),
        }
    }

    /// A number: as text too, and without its fraction.
    ///
    /// # Errors
    /// 400 for anything but a number, null and absence.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            // The cast saturates, which is far out of every range that is asked for.
            Some(Value::Number(number)) => {
                Ok(number.as_i64().or_else(|| number.as_f64().map(|number| number.trunc() as i64)))
            }
            Some(Value::String(text)) => {
                text.trim().parse().map(Some).map_err(|_| Refusal::invalid_payload())
            }
            Some(_) => Err(Refusal::invalid_payload()),
        }
    }

    /// A list of texts or numbers; a text with commas is taken for one.
    ///
    /// # Errors
    /// 400 for anything else but null and absence.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Refusal> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(split(text)),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.trim().to_owned()),
                    Value::Number(number) => Ok(number.to_string()),
                    _ => Err(Refusal::invalid_payload()),
                })
                .collect(),
            Some(_) => Err(Refusal::invalid_payload()),
        }
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use axum::{http::HeaderValue, response::IntoResponse};

    use super::*;

    fn body(text: &str) -> Body {
        Body::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_come_as_text_and_with_fractions() {
        let body = body(r#"{"a": "5", "b": 1.5, "c": null, "d": true, "e": "abc"}"#);
        assert_eq!(body.integer("a").unwrap(), Some(5));
        assert_eq!(body.integer("b").unwrap(), Some(1));
        assert_eq!(body.integer("c").unwrap(), None);
        assert!(body.is_null("c") && !body.is_null("z"));
        assert!(body.integer("d").is_err());
        assert!(body.integer("e").is_err());
    }

    #[test]
    fn lists_hold_texts_or_numbers() {
        let body = body(r#"{"ids": [10001, "ED-1"], "text": "names, schema", "none": null, "bad": [{}]}"#);
        assert_eq!(body.list("ids").unwrap(), ["10001", "ED-1"]);
        assert_eq!(body.list("text").unwrap(), ["names", "schema"]);
        assert!(body.list("none").unwrap().is_empty());
        assert!(body.list("bad").is_err());
    }

    #[test]
    fn a_closed_body_takes_nothing_unknown() {
        let body = body(r#"{"jql": "a = b", "startAt": 0}"#);
        assert!(body.allow_only(&["jql", "startAt"]).is_ok());
        assert!(body.allow_only(&["jql"]).is_err());
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for text in ["", " \n", "{", "[]", "null"] {
            let refusal = Body::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refusal.into_response().status(), StatusCode::BAD_REQUEST, "{text:?}");
        }
    }

    #[test]
    fn only_json_is_read() {
        let with = |value| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]);
        assert!(require_json(&with("application/json")).is_ok());
        assert!(require_json(&with("Application/JSON; charset=utf-8")).is_ok());
        assert!(require_json(&with("text/plain")).is_err());
        assert!(require_json(&HeaderMap::new()).is_err());
    }
}
