//! The fields of an issue beside its text.

use std::collections::HashMap;

use application::issues::IssueRow;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::pages::{
    people::{Person, priority_level},
    wording::{Moment, day, decimal, shortened},
};

const LONGEST_VALUE: usize = 240;

/// A field with its name.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) value: FieldValue,
}

/// How a value is shown.
pub(super) enum FieldValue {
    /// Nothing is set, and that is worth saying.
    Empty(&'static str),
    /// As text.
    Text(String),
    /// As a person.
    Person(Person),
    /// As a priority, with its bars.
    Priority(String, u8),
    /// As a time.
    Time(Moment),
    /// As words apart.
    Words(Vec<String>),
}

/// The fields that every issue has, in a fixed order; those that are seldom set only where they are.
pub(super) fn listed(issue: &IssueRow, now: DateTime<Utc>) -> Vec<Field> {
    let raw = &issue.raw["fields"];
    let text = |value: &Option<String>| value.clone().map(FieldValue::Text);
    let person = |name: &Option<String>| name.as_deref().map(|name| FieldValue::Person(Person::named(name)));
    let time = |at: DateTime<Utc>| Some(FieldValue::Time(Moment::of(at, now)));
    let words = |words: Vec<String>| Some(words).filter(|words| !words.is_empty()).map(FieldValue::Words);
    let named = |list: &Value| {
        let names = list.as_array().into_iter().flatten().filter_map(|entry| entry["name"].as_str());
        words(names.map(str::to_owned).collect())
    };
    let priority =
        issue.priority.as_ref().map(|name| FieldValue::Priority(name.clone(), priority_level(name)));
    let fields = [
        ("Assignee", person(&issue.assignee).or(Some(FieldValue::Empty("Unassigned")))),
        ("Reporter", person(&issue.reporter).or(Some(FieldValue::Empty("Nobody")))),
        ("Priority", priority),
        ("Resolution", text(&issue.resolution).or(Some(FieldValue::Empty("Unresolved")))),
        ("Due", issue.due.map(|due| FieldValue::Text(day(due)))),
        ("Story points", issue.story_points.map(|points| FieldValue::Text(decimal(points)))),
        ("Labels", words(issue.labels.clone())),
        ("Components", named(&raw["components"])),
        ("Fix versions", named(&raw["fixVersions"])),
        ("Affects versions", named(&raw["versions"])),
        ("Created", time(issue.created)),
        ("Updated", time(issue.updated)),
        ("Resolved", issue.resolved.and_then(time)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some(Field { name, value: value? })).collect()
}

/// The custom fields that are set, by name.
pub(super) fn custom(raw: &Value, names: &HashMap<String, String>) -> Vec<(String, String)> {
    let fields = raw.as_object().into_iter().flatten().filter(|(id, _)| id.starts_with("customfield_"));
    let mut shown: Vec<(String, String)> = fields
        .filter_map(|(id, value)| {
            let text = text_of(value)?;
            Some((names.get(id).unwrap_or(id).clone(), shortened(&text, LONGEST_VALUE)))
        })
        .collect();
    shown.sort_by_cached_key(|(name, _)| name.to_lowercase());
    shown
}

/// A custom field's value for people: options, users, versions and the like by their names.
fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        Value::Array(values) => values.iter().filter_map(text_of).collect::<Vec<_>>().join(", "),
        Value::Object(object) => match object.get("type").and_then(Value::as_str) {
            Some("doc") => adf::text_of(value).trim().to_owned(),
            _ => {
                let name = ["displayName", "name", "value", "key"]
                    .into_iter()
                    .find_map(|name| object.get(name)?.as_str());
                // A cascading select has its second choice inside the first.
                match (name, object.get("child").and_then(|child| child["value"].as_str())) {
                    (Some(name), Some(child)) => format!("{name} / {child}"),
                    (name, _) => name.unwrap_or_default().to_owned(),
                }
            }
        },
    };
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn custom_values_read_by_their_names() {
        let told = |value: Value| text_of(&value);
        assert_eq!(told(json!(3.5)).as_deref(), Some("3.5"));
        assert_eq!(told(json!({"value": "Gold", "id": "1"})).as_deref(), Some("Gold"));
        assert_eq!(told(json!({"value": "EU", "child": {"value": "DE"}})).as_deref(), Some("EU / DE"));
        assert_eq!(
            told(json!([{"name": "Sprint 1"}, {"name": "Sprint 2"}])).as_deref(),
            Some("Sprint 1, Sprint 2")
        );
        assert_eq!(told(json!({"displayName": "Ada", "accountId": "x"})).as_deref(), Some("Ada"));
        for empty in [json!(null), json!(""), json!([]), json!({"self": "x"})] {
            assert_eq!(told(empty), None);
        }
    }

    #[test]
    fn custom_fields_are_named_and_sorted() {
        let raw = json!({"summary": "x", "customfield_2": "b", "customfield_1": "a", "customfield_3": null});
        let names = HashMap::from([("customfield_1".to_owned(), "Zone".to_owned())]);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(custom(&raw, &names), [pair("customfield_2", "b"), pair("Zone", "a")]);
    }
}
