//! How an item of a history is stored. The payload of nearly every item says what its columns say and no more, and there are ten of
//! them to an issue: so a mark stands for it, and it is put together again from the columns when it is read.

use serde_json::{Map, Value};

use super::{HistoryItemRecord, Payload};
use crate::ingest::text_of;

/// Stands for a payload that the columns of its row hold. Jira serves objects there, never truth values.
pub const IN_COLUMNS: Value = Value::Bool(true);

/// What says which field it is, and how much of it the columns take; more is cut off.
const LONGEST: [(&str, usize); 3] = [("field", 255), ("fieldId", 100), ("fieldtype", 50)];

/// The columns of `changelogs` that hold an item.
pub const ITEM_COLUMNS: [&str; 7] =
    ["field", "field_type", "field_id", "from_value", "from_string", "to_value", "to_string"];
/// The members of a payload that they hold, in the same order.
const MEMBERS: [&str; 7] = ["field", "fieldtype", "fieldId", "from", "fromString", "to", "toString"];

impl HistoryItemRecord {
    /// Reads an item as Jira serves it. Its payload is kept where the columns do not hold all of it.
    ///
    /// # Errors
    /// As [`Payload::of`].
    pub fn read(payload: Value) -> serde_json::Result<Self> {
        match payload {
            Value::Object(members) if is_in_columns(&members) => Ok(Self::of_columns(members)),
            payload => Ok(Self {
                field: text_of(&payload["field"]).unwrap_or_default(),
                field_id: text_of(&payload["fieldId"]),
                field_type: text_of(&payload["fieldtype"]),
                from: text_of(&payload["from"]),
                to: text_of(&payload["to"]),
                from_string: text_of(&payload["fromString"]),
                to_string: text_of(&payload["toString"]),
                payload: Some(Payload::of(&payload)?),
            }),
        }
    }

    fn of_columns(members: Map<String, Value>) -> Self {
        let mut item = Self::default();
        for (member, value) in members {
            let Value::String(text) = value else { continue };
            match member.as_str() {
                "field" => item.field = text,
                "fieldId" => item.field_id = Some(text),
                "fieldtype" => item.field_type = Some(text),
                "from" => item.from = Some(text),
                "fromString" => item.from_string = Some(text),
                "to" => item.to = Some(text),
                "toString" => item.to_string = Some(text),
                _ => {}
            }
        }
        item
    }

    /// The item as served.
    ///
    /// # Errors
    /// As [`Payload::value`].
    pub fn whole(&self) -> serde_json::Result<Value> {
        let Some(payload) = &self.payload else {
            return Ok(item_from_columns([
                Some(self.field.clone()),
                self.field_type.clone(),
                self.field_id.clone(),
                self.from.clone(),
                self.from_string.clone(),
                self.to.clone(),
                self.to_string.clone(),
            ]));
        };
        payload.value()
    }
}

/// Whether the columns hold the whole payload: a field by a name that is not empty, both sides of the change, and nothing that is cut
/// off or no text.
fn is_in_columns(payload: &Map<String, Value>) -> bool {
    let (mut named, mut sides) = (false, 0);
    for (member, value) in payload {
        let held = match (member.as_str(), value) {
            ("from" | "fromString" | "to" | "toString", Value::String(_) | Value::Null) => {
                sides += 1;
                true
            }
            (name, Value::String(text)) => {
                named |= name == "field" && !text.is_empty();
                LONGEST.iter().any(|(member, most)| *member == name && text.len() <= *most)
            }
            _ => false,
        };
        if !held {
            return false;
        }
    }
    named && sides == 4
}

/// The payload of an item, from the values of its columns in the order of [`ITEM_COLUMNS`]: the opposite of
/// [`HistoryItemRecord::read`].
pub fn item_from_columns(values: [Option<String>; 7]) -> Value {
    let members = MEMBERS.iter().zip(values).filter_map(|(member, value)| match value {
        Some(text) => Some(((*member).to_owned(), Value::String(text))),
        // What a change is about may be left out; from what and to what it was is always told.
        None if member.starts_with("field") => None,
        None => Some(((*member).to_owned(), Value::Null)),
    });
    Value::Object(members.collect::<Map<String, Value>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(payload: &Value) -> HistoryItemRecord {
        HistoryItemRecord::read(payload.clone()).unwrap()
    }

    #[test]
    fn what_the_columns_hold_comes_back_as_it_was() {
        let status = json!({ "field": "status", "fieldtype": "jira", "fieldId": "status", "from": "1",
                             "fromString": "To Do", "to": "3", "toString": "In Progress" });
        let old = json!({ "field": "Key", "fieldtype": "jira", "from": null, "fromString": "A-1", "to": null,
                          "toString": "B-1" });
        for raw in [status, old] {
            let item = item(&raw);
            assert_eq!(item.payload, None, "{raw}");
            assert_eq!(item.whole().unwrap(), raw);
        }
    }

    #[test]
    fn what_the_columns_do_not_hold_stays_in_the_payload() {
        let whole = json!({ "field": "assignee", "fieldtype": "jira", "fieldId": "assignee", "from": null,
                            "fromString": null, "to": "a", "toString": "Ann" });
        assert_eq!(item(&whole).payload, None);
        for (member, value) in [
            ("tmpToAccountId", json!("a")),
            ("to", json!(10001)),
            ("toString", json!({ "name": "Ann" })),
            ("field", json!("f".repeat(256))),
            ("fieldId", Value::Null),
            ("field", json!("")),
        ] {
            let mut other = whole.clone();
            other[member] = value;
            assert!(item(&other).payload.is_some(), "{other}");
            assert_eq!(item(&other).whole().unwrap(), other);
        }
        let mut short = whole;
        short.as_object_mut().unwrap().remove("fromString");
        assert!(item(&short).payload.is_some(), "a member that is missing is not null");
    }
}
