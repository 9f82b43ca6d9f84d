//! Answers compared with the schemas of an OpenAPI 3.0 document: what of JSON Schema those of Atlassian use, with `nullable`.

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value};

/// Something that an answer has and its schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deviation {
    /// The nearest named schema and the member below it: `Changelog.created`. What exceptions are written for.
    pub at: String,
    /// What is wrong, and where in the answer.
    pub what: String,
}

/// The schemas of a document.
pub struct Schemas<'d>(pub &'d Value);

/// Where one is: in the schemas by name, and in the answer.
#[derive(Clone)]
struct Place {
    schema: String,
    member: String,
    pointer: String,
}

impl Place {
    fn below(&self, member: &str) -> Self {
        Self { member: member.to_owned(), pointer: format!("{}/{member}", self.pointer), ..self.clone() }
    }
}

impl Schemas<'_> {
    /// What of a value a schema does not allow.
    pub fn deviations(&self, schema: &Value, value: &Value) -> Vec<Deviation> {
        let mut found = Vec::new();
        let place = Place { schema: "answer".into(), member: String::new(), pointer: String::new() };
        self.check(schema, value, &place, &mut found);
        found.sort();
        found.dedup();
        found
    }

    fn check(&self, schema: &Value, value: &Value, place: &Place, found: &mut Vec<Deviation>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            let named =
                Place { schema: name.to_owned(), member: String::new(), pointer: place.pointer.clone() };
            let target = self.0.pointer(reference.trim_start_matches('#'));
            let target = target.unwrap_or_else(|| panic!("{reference} leads nowhere"));
            if value.is_null() {
                if !is_nullable(target) {
                    note(place, "is null", found);
                }
                return;
            }
            return self.check(target, value, &named, found);
        }
        if value.is_null() {
            if !is_nullable(schema) && states_anything(schema) {
                note(place, "is null", found);
            }
            return;
        }
        for part in list(schema, "allOf") {
            self.check(part, value, place, found);
        }
        for choice in ["anyOf", "oneOf"] {
            let parts = list(schema, choice);
            let fits = |part: &Value| {
                let mut none = Vec::new();
                self.check(part, value, place, &mut none);
                none.is_empty()
            };
            if !parts.is_empty() && !parts.iter().any(fits) {
                note(place, &format!("fits none of {choice}"), found);
            }
        }
        if let Some(wanted) = schema["type"].as_str().filter(|wanted| !is_of_type(value, wanted)) {
            return note(place, &format!("is no {wanted}: {}", brief(value)), found);
        }
        let choices = list(schema, "enum");
        if !choices.is_empty() && !choices.contains(value) {
            note(place, &format!("is none of the enumerated: {}", brief(value)), found);
        }
        match value {
            Value::Object(members) => self.object(schema, members, place, found),
            Value::Array(items) => self.array(schema, items, place, found),
            Value::String(text) => string(schema, text, place, found),
            Value::Number(_) => number(schema, value, place, found),
            _ => {}
        }
    }

    fn object(
        &self,
        schema: &Value,
        members: &Map<String, Value>,
        place: &Place,
        found: &mut Vec<Deviation>,
    ) {
        for name in list(schema, "required").iter().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                note(&place.below(name), "is missing", found);
            }
        }
        let known = &schema["properties"];
        let more = &schema["additionalProperties"];
        // Closed, and made of others, it would allow nothing at all (`JqlQueryClause`): its parts say what there is.
        let is_made_of_others = ["anyOf", "oneOf"].iter().any(|name| schema.get(name).is_some());
        for (name, member) in members {
            let below = place.below(name);
            match known.get(name) {
                Some(described) => self.check(described, member, &below, found),
                None if more.is_object() => self.check(more, member, &below, found),
                None if *more == Value::Bool(false) && !is_made_of_others => {
                    note(&below, "is not in the schema", found)
                }
                None => {}
            }
        }
    }

    fn array(&self, schema: &Value, items: &[Value], place: &Place, found: &mut Vec<Deviation>) {
        let within = |name: &str, holds: fn(u64, u64) -> bool| {
            schema[name].as_u64().is_none_or(|bound| holds(items.len() as u64, bound))
        };
        if !within("minItems", |own, bound| own >= bound) || !within("maxItems", |own, bound| own <= bound) {
            note(place, "has another number of items", found);
        }
        if schema["uniqueItems"] == true
            && items.iter().enumerate().any(|(at, item)| items[..at].contains(item))
        {
            note(place, "has an item twice", found);
        }
        for (at, item) in items.iter().enumerate() {
            let below = Place { pointer: format!("{}/{at}", place.pointer), ..place.clone() };
            self.check(&schema["items"], item, &below, found);
        }
    }
}

fn string(schema: &Value, text: &str, place: &Place, found: &mut Vec<Deviation>) {
    let fits = match schema["format"].as_str() {
        Some("date-time") => {
            DateTime::parse_from_rfc3339(text).is_ok() || domain::jira_time::parse(text).is_ok()
        }
        Some("date") => text.parse::<NaiveDate>().is_ok(),
        Some("uri" | "url") => url::Url::parse(text).is_ok(),
        Some("uuid") => text.parse::<uuid::Uuid>().is_ok(),
        _ => true,
    };
    if !fits {
        note(place, &format!("is no {}: {text}", schema["format"]), found);
    }
    let length = text.chars().count() as u64;
    if schema["maxLength"].as_u64().is_some_and(|most| length > most)
        || schema["minLength"].as_u64().is_some_and(|least| length < least)
    {
        note(place, "has another length", found);
    }
}

fn number(schema: &Value, value: &Value, place: &Place, found: &mut Vec<Deviation>) {
    let number = value.as_f64().unwrap_or_default();
    let is_small = schema["format"] != "int32" || value.as_i64().is_some_and(|n| i32::try_from(n).is_ok());
    if !is_small
        || schema["minimum"].as_f64().is_some_and(|least| number < least)
        || schema["maximum"].as_f64().is_some_and(|most| number > most)
    {
        note(place, &format!("is out of range: {value}"), found);
    }
}

fn is_of_type(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_i64().is_some(),
        other => panic!("the document has a type `{other}`"),
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["nullable"] == true
}

/// Whether a schema says anything of a value: an empty one allows all.
fn states_anything(schema: &Value) -> bool {
    ["type", "allOf", "anyOf", "oneOf", "enum"].iter().any(|name| schema.get(name).is_some())
}

fn list<'v>(schema: &'v Value, name: &str) -> &'v [Value] {
    schema[name].as_array().map_or(&[], Vec::as_slice)
}

fn note(place: &Place, what: &str, found: &mut Vec<Deviation>) {
    let at = format!("{}.{}", place.schema, place.member);
    found.push(Deviation { at, what: format!("{} {what}", place.pointer) });
}

fn brief(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

#[test]
fn a_schema_refuses_what_it_does_not_allow() {
    let document = serde_json::json!({"components": {"schemas": {
        "Page": {"type": "object", "additionalProperties": false, "required": ["total"], "properties": {
            "total": {"type": "integer", "format": "int32"},
            "self": {"type": "string", "format": "uri"},
            "kind": {"type": "string", "enum": ["a", "b"], "nullable": true},
            "values": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        }},
        "Item": {"type": "object", "properties": {"created": {"type": "string", "format": "date-time"}}},
    }}});
    let schemas = Schemas(&document);
    let page = serde_json::json!({"$ref": "#/components/schemas/Page"});
    let at = |value: Value| -> Vec<String> {
        schemas.deviations(&page, &value).into_iter().map(|deviation| deviation.at).collect()
    };
    let right = serde_json::json!({"total": 1, "kind": null, "self": "http://x/y",
                                   "values": [{"created": "2024-01-01T00:00:00.000+0000", "more": 1}]});
    assert_eq!(at(right), Vec::<String>::new());
    let wrong = serde_json::json!({"total": 1.5, "kind": "c", "self": "nowhere", "more": 1,
                                   "values": [{"created": "yesterday"}, {"created": null}]});
    assert_eq!(
        at(wrong),
        ["Item.created", "Item.created", "Page.kind", "Page.more", "Page.self", "Page.total"]
    );
    assert_eq!(at(serde_json::json!({})), ["Page.total"]);
    assert_eq!(at(serde_json::json!([])), ["Page."]);
}
