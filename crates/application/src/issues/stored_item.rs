//! How an item of a history is stored. The payload of nearly every item says what its columns say and no more, and there are ten of
//! them to an issue: so a mark stands for it, and it is put together again from the columns when it is read.

use serde_json::{Map, Value};

use super::HistoryItemRecord;

/// Stands for a payload that the columns of its row hold. Jira serves objects there, never truth values.
pub const IN_COLUMNS: Value = Value::Bool(true);

/// What the columns take; more is cut off.
const LONGEST: [(&str, usize); 3] = [("field", 255), ("fieldId", 100), ("fieldtype", 50)];

/// The columns of `changelogs` that hold an item.
pub const ITEM_COLUMNS: [&str; 7] =
    ["field", "field_type", "field_id", "from_value", "from_string", "to_value", "to_string"];
/// The members of a payload that they hold, in the same order.
const MEMBERS: [&str; 7] = ["field", "fieldtype", "fieldId", "from", "fromString", "to", "toString"];

impl HistoryItemRecord {
    /// Whether the columns hold the whole payload.
    pub fn is_in_columns(&self) -> bool {
        let Value::Object(payload) = &self.raw else { return false };
        let described = [
            ("field", Some(self.field.as_str())),
            ("fieldId", self.field_id.as_deref()),
            ("fieldtype", self.field_type.as_deref()),
        ];
        let values = [
            ("from", self.from.as_deref()),
            ("fromString", self.from_string.as_deref()),
            ("to", self.to.as_deref()),
            ("toString", self.to_string.as_deref()),
        ];
        let held = |name: &str, text: Option<&str>| match (payload.get(name), text) {
            (Some(Value::String(payload)), Some(text)) => payload == text,
            (Some(Value::Null), None) => true,
            _ => false,
        };
        let fits = |name: &str, text: &str| {
            LONGEST.iter().all(|(member, most)| *member != name || text.len() <= *most)
        };
        let shown = described.iter().filter_map(|(name, text)| Some((*name, (*text)?)));
        payload.len() == shown.clone().count() + values.len()
            && !self.field.is_empty()
            && shown.clone().all(|(name, text)| held(name, Some(text)) && fits(name, text))
            && values.iter().all(|(name, text)| held(name, *text))
    }
}

/// The payload of an item, from the values of its columns in the order of [`ITEM_COLUMNS`]: the opposite of
/// [`HistoryItemRecord::is_in_columns`].
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
    use crate::ingest::text_of;

    /// The item as it is read from Jira.
    fn item(raw: Value) -> HistoryItemRecord {
        HistoryItemRecord {
            field: text_of(&raw["field"]).unwrap_or_default(),
            field_id: text_of(&raw["fieldId"]),
            field_type: text_of(&raw["fieldtype"]),
            from: text_of(&raw["from"]),
            to: text_of(&raw["to"]),
            from_string: text_of(&raw["fromString"]),
            to_string: text_of(&raw["toString"]),
            raw,
        }
    }

    fn again(item: HistoryItemRecord) -> Value {
        item_from_columns([
            Some(item.field),
            item.field_type,
            item.field_id,
            item.from,
            item.from_string,
            item.to,
            item.to_string,
        ])
    }

    #[test]
    fn what_the_columns_hold_comes_back_as_it_was() {
        let status = json!({ "field": "status", "fieldtype": "jira", "fieldId": "status", "from": "1",
                             "fromString": "To Do", "to": "3", "toString": "In Progress" });
        let old = json!({ "field": "Key", "fieldtype": "jira", "from": null, "fromString": "A-1", "to": null,
                          "toString": "B-1" });
        for raw in [status, old] {
            let item = item(raw.clone());
            assert!(item.is_in_columns(), "{raw}");
            assert_eq!(again(item), raw);
        }
    }

    #[test]
    fn what_the_columns_do_not_hold_stays_in_the_payload() {
        let whole = json!({ "field": "assignee", "fieldtype": "jira", "fieldId": "assignee", "from": null,
                            "fromString": null, "to": "a", "toString": "Ann" });
        assert!(item(whole.clone()).is_in_columns());
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
            assert!(!item(other.clone()).is_in_columns(), "{other}");
        }
        let mut short = whole;
        short.as_object_mut().unwrap().remove("fromString");
        assert!(!item(short).is_in_columns(), "a member that is missing is not null");
    }
}
