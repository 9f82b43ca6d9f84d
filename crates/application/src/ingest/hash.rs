//! The source hash: equal JSON has an equal hash, whatever the order of its members.

use serde_json::Value;
use sha2::{Digest, Sha256};

pub(super) fn source_hash(parts: &[&Value]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for part in parts {
        feed(&mut hasher, part);
    }
    hasher.finalize().to_vec()
}

fn feed(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hasher.update(b"n"),
        Value::Bool(true) => hasher.update(b"t"),
        Value::Bool(false) => hasher.update(b"f"),
        Value::Number(number) => feed_text(hasher, b'#', &number.to_string()),
        Value::String(text) => feed_text(hasher, b'"', text),
        Value::Array(items) => {
            hasher.update(b"[");
            items.iter().for_each(|item| feed(hasher, item));
            hasher.update(b"]");
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            hasher.update(b"{");
            for (name, value) in members {
                feed_text(hasher, b'.', name);
                feed(hasher, value);
            }
            hasher.update(b"}");
        }
    }
}

/// The length comes first, so that no two values feed the same bytes.
fn feed_text(hasher: &mut Sha256, tag: u8, text: &str) {
    hasher.update([tag]);
    hasher.update((text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_of_members_does_not_matter_and_everything_else_does() {
        let hash = |value: Value| source_hash(&[&value]);
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[1,2]}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":[1,2],"a":1}"#).unwrap();
        assert_eq!(hash(one), hash(other));
        assert_ne!(hash(json!({"a": "bc"})), hash(json!({"ab": "c"})));
        assert_ne!(hash(json!([1, 2])), hash(json!([2, 1])));
        assert_ne!(hash(json!("1")), hash(json!(1)));
        assert_ne!(hash(json!(null)), hash(json!({})));
    }
}
