//! Taking answers apart without losing anything, and saying what is wrong when they have another shape.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, value::RawValue};

use crate::JiraError;
use crate::redaction::{excerpt, mask_addresses};

/// What an answer is read into.
pub(crate) trait Body: DeserializeOwned {
    /// How many core objects it holds: the longest list in it, or itself.
    fn objects(&self) -> u32;
}

impl Body for Value {
    fn objects(&self) -> u32 {
        at_least_one(match self {
            Self::Array(items) => Some(items.len()),
            Self::Object(members) => members.values().filter_map(Self::as_array).map(Vec::len).max(),
            _ => None,
        })
    }
}

/// Left as text, which takes a tenth of the memory of a tree of values.
impl Body for Box<RawValue> {
    fn objects(&self) -> u32 {
        let listed =
            |list: &RawValue| serde_json::from_str::<Vec<IgnoredAny>>(list.get()).ok().map(|list| list.len());
        let members = members(self).unwrap_or_default();
        at_least_one(members.into_values().filter_map(listed).max().or_else(|| listed(self)))
    }
}

fn at_least_one(listed: Option<usize>) -> u32 {
    u32::try_from(listed.unwrap_or(1)).unwrap_or(u32::MAX)
}

/// The members of an object, each as text; `None` for what is no object.
pub(crate) fn members(object: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(object.get()).ok()
}

/// The items of a list as text, and what stands beside the list.
type ListAsText = (Vec<Box<RawValue>>, Map<String, Value>);

/// An answer that is an object with a list in it: the list's items as text, and what stands beside the list.
pub(crate) fn list_as_text(what: &str, body: &RawValue, key: &str) -> Result<ListAsText, JiraError> {
    let excerpt =
        |what: String| JiraError::InvalidBody { what, excerpt: excerpt(&mask_addresses(body.get())) };
    let mut members = members(body).ok_or_else(|| excerpt(format!("{what}: not an object")))?;
    let items = members.remove(key).and_then(|list| serde_json::from_str(list.get()).ok());
    let items = items.ok_or_else(|| excerpt(format!("{what}: no array `{key}`")))?;
    let beside =
        members.into_iter().filter_map(|(name, value)| Some((name, serde_json::from_str(value.get()).ok()?)));
    Ok((items, beside.collect()))
}

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
