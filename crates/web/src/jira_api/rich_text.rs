//! Rich text between the dialects: documents (ADF) in version 3, wiki markup in version 2 (jira-facts 7). Only what is
//! stored in the other dialect than is asked for is ever touched.

use application::instances::Dialect;
use serde_json::{Map, Value};

use super::fields::FieldRoster;

/// The rich text members of an issue's fields. Documents tell themselves; a text is wiki markup only where the field is
/// known to hold rich text.
pub(super) fn convert_fields(fields: &mut Map<String, Value>, to: Dialect, roster: &FieldRoster) {
    for (name, value) in fields.iter_mut() {
        match to {
            Dialect::V2 if is_document(value) => convert(value, to),
            Dialect::V3 if roster.is_rich_text(name) => convert(value, to),
            _ => {}
        }
    }
}

/// A comment's `body`, a worklog's `comment`.
pub(super) fn convert_member(object: &mut Value, member: &str, to: Dialect) {
    if let Some(value) = object.get_mut(member) {
        convert(value, to);
    }
}

/// Empty rich text is null in Jira, not an empty document or string.
fn convert(value: &mut Value, to: Dialect) {
    let converted = match (to, &*value) {
        (Dialect::V2, document) if is_document(document) => Value::String(adf::wiki_of(document)),
        (Dialect::V3, Value::String(markup)) if markup.trim().is_empty() => Value::Null,
        (Dialect::V3, Value::String(markup)) => adf::from_wiki(markup).to_json(),
        _ => return,
    };
    *value = if converted == "" { Value::Null } else { converted };
}

/// Whether a value is a document.
pub(super) fn is_document(value: &Value) -> bool {
    value.get("type").is_some_and(|kind| kind == "doc")
}

/// Rich text as HTML, in whichever dialect it is stored; null where there is none.
pub(super) fn rendered(value: &Value) -> Value {
    if value.is_string() || is_document(value) { Value::String(adf::html_of(value)) } else { Value::Null }
}
