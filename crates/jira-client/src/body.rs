//! Taking answers apart without losing anything, and saying what is wrong when they have another shape.

use serde_json::{Map, Value};

use crate::JiraError;
use crate::redaction::{excerpt, mask_addresses};

/// The error for an answer that is JSON but not what `what` promises.
pub(crate) fn unexpected(what: impl Into<String>, body: &Value) -> JiraError {
    JiraError::InvalidBody { what: what.into(), excerpt: excerpt(&mask_addresses(&body.to_string())) }
}

/// The answer as an object.
pub(crate) fn object(what: &str, body: Value) -> Result<Map<String, Value>, JiraError> {
    match body {
        Value::Object(object) => Ok(object),
        other => Err(unexpected(format!("{what}: not an object"), &other)),
    }
}

/// The answer as an array of objects.
pub(crate) fn array(what: &str, body: Value) -> Result<Vec<Value>, JiraError> {
    match body {
        Value::Array(items) => Ok(items),
        other => Err(unexpected(format!("{what}: not an array"), &other)),
    }
}

/// Takes the array at `key` out of an answer.
pub(crate) fn take_array(
    what: &str,
    from: &mut Map<String, Value>,
    key: &str,
) -> Result<Vec<Value>, JiraError> {
    match from.remove(key) {
        Some(Value::Array(items)) => Ok(items),
        other => Err(unexpected(format!("{what}: no array `{key}`"), &other.unwrap_or(Value::Null))),
    }
}

/// A string, or a number written as one: ids come as both.
pub(crate) fn id_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A non-empty string.
pub(crate) fn text(from: &Map<String, Value>, key: &str) -> Option<String> {
    from.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A count; `None` if absent, null or not a whole number.
pub(crate) fn count(from: &Map<String, Value>, key: &str) -> Option<u64> {
    from.get(key).and_then(Value::as_u64)
}
