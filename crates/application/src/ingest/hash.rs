//! The source hash: equal JSON has an equal hash, whatever the order of its members.

use std::fmt::Write;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// How much is gathered before it is hashed: the hash takes many bytes at once faster than a few at a time.
const GATHERED: usize = 4 << 10;

/// A hash over several values, one after the other.
pub(super) struct SourceHash {
    hasher: Sha256,
    gathered: Vec<u8>,
    number: String,
}

pub(super) fn source_hash(value: &Value) -> Vec<u8> {
    SourceHash::default().with(value).finish()
}

impl Default for SourceHash {
    fn default() -> Self {
        Self { hasher: Sha256::new(), gathered: Vec::with_capacity(2 * GATHERED), number: String::new() }
    }
}

impl SourceHash {
    pub(super) fn with(mut self, value: &Value) -> Self {
        self.feed(value);
        self
    }

    /// As an object of these members.
    pub(super) fn with_members(mut self, members: &Map<String, Value>) -> Self {
        self.feed_object(members);
        self
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.hasher.update(&self.gathered);
        self.hasher.finalize().to_vec()
    }

    fn feed(&mut self, value: &Value) {
        match value {
            Value::Null => self.gathered.push(b'n'),
            Value::Bool(true) => self.gathered.push(b't'),
            Value::Bool(false) => self.gathered.push(b'f'),
            Value::Number(number) => {
                let mut text = std::mem::take(&mut self.number);
                text.clear();
                // Writing to a text cannot fail.
                let _ = write!(text, "{number}");
                self.feed_text(b'#', &text);
                self.number = text;
            }
            Value::String(text) => self.feed_text(b'"', text),
            Value::Array(items) => {
                self.gathered.push(b'[');
                items.iter().for_each(|item| self.feed(item));
                self.gathered.push(b']');
            }
            Value::Object(object) => self.feed_object(object),
        }
    }

    fn feed_object(&mut self, object: &Map<String, Value>) {
        self.gathered.push(b'{');
        // As a rule they are kept in order; a feature of the parser would keep them as they came.
        if object.keys().is_sorted() {
            object.iter().for_each(|(name, value)| self.feed_member(name, value));
        } else {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            members.into_iter().for_each(|(name, value)| self.feed_member(name, value));
        }
        self.gathered.push(b'}');
    }

    fn feed_member(&mut self, name: &str, value: &Value) {
        self.feed_text(b'.', name);
        self.feed(value);
    }

    /// The length comes first, so that no two values feed the same bytes.
    fn feed_text(&mut self, tag: u8, text: &str) {
        self.gathered.push(tag);
        self.gathered.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.gathered.extend_from_slice(text.as_bytes());
        if self.gathered.len() >= GATHERED {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_of_members_does_not_matter_and_everything_else_does() {
        let hash = |value: Value| source_hash(&value);
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[1,2]}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":[1,2],"a":1}"#).unwrap();
        assert_eq!(hash(one), hash(other));
        assert_ne!(hash(json!({"a": "bc"})), hash(json!({"ab": "c"})));
        assert_ne!(hash(json!([1, 2])), hash(json!([2, 1])));
        assert_ne!(hash(json!("1")), hash(json!(1)));
        assert_ne!(hash(json!(null)), hash(json!({})));
    }

    /// A hash that were made otherwise would write every row of every copy anew.
    #[test]
    fn hashes_stay_what_they_were_when_rows_were_stored() {
        let value = json!({"b": [1, 2.5, true, false, null], "a": {"ä": "text"}, "long": "x".repeat(5_000)});
        let hex: String = source_hash(&value).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "6bdd77ffa5ee7b5b085ffb6ad7befe2ed10b224f7732c2eb853d6b8b865190cd");
        let parts = SourceHash::default().with(&json!("a")).with_members(value.as_object().unwrap()).finish();
        let hex: String = parts.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "f30c06e6c2898670a9fa8738722ffc3ecded1ed158c969ac02cdf2ef617c3b76");
    }
}
