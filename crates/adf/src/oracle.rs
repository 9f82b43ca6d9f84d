//! The official schema as a judge, for tests: the few keywords of JSON Schema that it uses.

use std::sync::OnceLock;

use serde_json::Value;

/// Says that something is not beside the checkout; where it is expected to be (`.ci/run`), that is a failure.
pub(crate) fn absent(what: &str) {
    let said = format!("{what} is not beside the checkout");
    assert!(std::env::var_os("FOREBAY_EXPECT_SHARED").is_none(), "{said}");
    eprintln!("skipped: {said}");
}

/// The schema; `None`, said so, where the samples are not beside the checkout.
pub(crate) fn schema() -> Option<&'static Value> {
    static SCHEMA: OnceLock<Option<Value>> = OnceLock::new();
    let read = || {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/adf/adf-schema-full.json");
        match std::fs::read_to_string(path) {
            Ok(text) => Some(serde_json::from_str(&text).unwrap()),
            Err(_) => {
                absent("the ADF schema");
                None
            }
        }
    };
    SCHEMA.get_or_init(read).as_ref()
}

/// Whether the official schema takes a document; `None` where it is not there.
pub(crate) fn accepts(document: &Value) -> Option<bool> {
    schema().map(|schema| fits(document, schema, schema))
}

fn fits(value: &Value, rule: &Value, schema: &Value) -> bool {
    // The type first: to look into the content of what is of another type takes exponential time.
    if let (Some(kinds), Some(kind)) = (rule.pointer("/properties/type/enum"), value.get("type"))
        && !kinds.as_array().unwrap().contains(kind)
    {
        return false;
    }
    rule.as_object().unwrap().iter().all(|(keyword, rule_value)| match keyword.as_str() {
        "$ref" => {
            let pointer = rule_value.as_str().unwrap().strip_prefix('#').unwrap();
            fits(value, schema.pointer(pointer).unwrap(), schema)
        }
        "anyOf" => rule_value.as_array().unwrap().iter().any(|rule| fits(value, rule, schema)),
        "allOf" => rule_value.as_array().unwrap().iter().all(|rule| fits(value, rule, schema)),
        "enum" => rule_value.as_array().unwrap().contains(value),
        "type" => is_type(value, rule_value.as_str().unwrap()),
        "required" => match value.as_object() {
            Some(members) => {
                rule_value.as_array().unwrap().iter().all(|n| members.contains_key(n.as_str().unwrap()))
            }
            None => true,
        },
        "properties" => match value.as_object() {
            Some(members) => members
                .iter()
                .filter_map(|(name, member)| Some((member, rule_value.get(name)?)))
                .all(|(member, rule)| fits(member, rule, schema)),
            None => true,
        },
        "additionalProperties" => match (rule_value, value.as_object(), rule.get("properties")) {
            (Value::Bool(false), Some(members), Some(known)) => {
                members.keys().all(|name| known.get(name).is_some())
            }
            _ => true,
        },
        "items" => match (value.as_array(), rule_value) {
            (Some(items), Value::Array(rules)) => {
                items.iter().zip(rules).all(|(item, rule)| fits(item, rule, schema))
            }
            (Some(items), rule) => items.iter().all(|item| fits(item, rule, schema)),
            (None, _) => true,
        },
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule_value.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule_value.as_u64().unwrap()),
        "minLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule_value.as_u64().unwrap())
        }
        "minimum" => value.as_f64().is_none_or(|number| number >= rule_value.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule_value.as_f64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| matches_pattern(text, rule_value.as_str().unwrap())),
        "definitions" | "description" | "$schema" => true,
        other => panic!("a keyword that this judge does not know: {other}"),
    })
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("a type that this judge does not know: {other}"),
    }
}

/// The patterns of the schema are names and colours between `^` and `$`.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    let pattern = pattern.replace("^(", "").replace(")$", "").replace(['^', '$'], "");
    pattern.split('|').any(|alternative| match alternative.strip_prefix("#[0-9a-fA-F]{") {
        Some(digits) => {
            let digits: usize = digits.trim_end_matches('}').parse().unwrap();
            text.strip_prefix('#')
                .is_some_and(|hex| hex.len() == digits && hex.chars().all(|c| c.is_ascii_hexdigit()))
        }
        None => text == alternative,
    })
}
