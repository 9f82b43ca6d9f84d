//! How much an answer may say. An agent pays for every character it reads, and reads them all again with each later step.

use application::{Error, Result};
use serde_json::Value;

/// The fewest characters that may be asked for, the most, and how many there are unless told, as the tools' texts say.
pub(crate) const LEAST: u32 = 3_000;
pub(crate) const MOST: u32 = 100_000;
pub(crate) const DEFAULT: u32 = 24_000;

/// Kept back for what every answer carries beside its content: totals, cursors, what was left out, the marks around
/// untrusted text.
const ENVELOPE: usize = 1_000;

/// Less room than this is not worth a part of an entry.
const WORTHWHILE: usize = 1_000;

/// The lengths to which texts are cut, one after the other, until an entry fits.
const TEXT_LENGTHS: [usize; 4] = [8_000, 2_000, 500, 120];

/// The room that is left in an answer, in characters of JSON.
#[derive(Debug)]
pub(crate) struct Budget {
    whole: usize,
    room: usize,
}

impl Budget {
    /// The room of an answer of at most so many characters.
    ///
    /// # Errors
    /// [`Error::Invalid`] (field `max_chars`) when it is out of bounds.
    pub(crate) fn new(max_chars: Option<u32>) -> Result<Self> {
        let max_chars = max_chars.unwrap_or(DEFAULT);
        if !(LEAST..=MOST).contains(&max_chars) {
            return Err(Error::invalid("max_chars", format!("must be {LEAST} to {MOST}")));
        }
        let room = max_chars as usize - ENVELOPE;
        Ok(Self { whole: room, room })
    }

    /// What is left.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// How many characters an answer needs that has all of this one and so much more.
    pub(crate) fn needed_for(&self, more: usize) -> usize {
        self.whole - self.room + more + ENVELOPE
    }

    /// Takes the room of a value with its name; `false`, and nothing taken, when there is not enough.
    pub(crate) fn take_field(&mut self, name: &str, value: &Value) -> bool {
        self.take(name.len() + size(value) + r#""":,"#.len())
    }

    /// Takes the room of the entries of a list, in order, and answers those that fit. With most of the room still there, the
    /// first is cut down rather than left out, so that whoever goes on from page to page gets on.
    pub(crate) fn fill(&mut self, entries: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let mut taken = Vec::new();
        for entry in entries {
            let is_cut = taken.is_empty() && self.room >= WORTHWHILE;
            let entry = if is_cut { shrink(entry, self.room - ",".len()) } else { entry };
            if !self.take(size(&entry) + ",".len()) {
                break;
            }
            taken.push(entry);
        }
        taken
    }

    fn take(&mut self, wanted: usize) -> bool {
        let left = self.room.checked_sub(wanted);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }
}

/// The characters of a value as JSON.
pub(crate) fn size(value: &Value) -> usize {
    value.to_string().chars().count()
}

/// The longest beginning of a text that takes no more than so many characters as JSON, quotes included.
pub(crate) fn beginning(text: &str, room: usize) -> &str {
    let mut used = r#""""#.len();
    for (at, char) in text.char_indices() {
        used += match char {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            char if char < ' ' => 6,
            _ => 1,
        };
        if used > room {
            return &text[..at];
        }
    }
    text
}

/// A text of at most so many characters, and how many more there are.
pub(crate) fn clip(text: &str, longest: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(longest) else { return text.to_owned() };
    let (kept, rest) = text.split_at(end);
    format!("{kept}{}", more(rest.chars().count()))
}

fn more(characters: usize) -> String {
    format!("… [{characters} more characters]")
}

/// The value, with its texts cut as far as is needed to fit. One that is too large even so becomes the beginning of its JSON.
fn shrink(value: Value, room: usize) -> Value {
    if size(&value) <= room {
        return value;
    }
    for longest in TEXT_LENGTHS {
        let cut = with_texts_of(value.clone(), longest);
        if size(&cut) <= room {
            return cut;
        }
    }
    let text = value.to_string();
    let mark = more(text.chars().count());
    let kept = beginning(&text, room.saturating_sub(mark.chars().count()));
    Value::String(format!("{kept}{}", more(text.chars().count() - kept.chars().count())))
}

fn with_texts_of(value: Value, longest: usize) -> Value {
    match value {
        Value::String(text) => Value::String(clip(&text, longest)),
        Value::Array(items) => items.into_iter().map(|item| with_texts_of(item, longest)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, with_texts_of(value, longest))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_bounds_are_part_of_what_is_allowed() {
        assert!(
            Budget::new(Some(LEAST)).is_ok() && Budget::new(Some(MOST)).is_ok() && Budget::new(None).is_ok()
        );
        for wrong in [0, LEAST - 1, MOST + 1] {
            assert_eq!(
                Budget::new(Some(wrong)).unwrap_err().to_string(),
                "max_chars: must be 3000 to 100000"
            );
        }
    }

    #[test]
    fn entries_are_taken_in_order_until_one_does_not_fit() {
        let mut budget = Budget::new(Some(LEAST)).unwrap();
        let entries = [json!("a".repeat(900)), json!("b".repeat(900)), json!("c".repeat(900)), json!("d")];
        let taken = budget.fill(entries);
        assert_eq!(taken.len(), 2);
        assert!(budget.room() < 200);
        assert_eq!(budget.needed_for(0), LEAST as usize - budget.room());
    }

    #[test]
    fn a_first_entry_that_is_too_large_is_cut_and_says_so() {
        let mut budget = Budget::new(Some(LEAST)).unwrap();
        let taken = budget.fill([json!({ "id": "7", "body": "x".repeat(50_000) })]);
        assert_eq!(taken[0]["id"], "7");
        let body = taken[0]["body"].as_str().unwrap();
        assert!(body.starts_with("xxx") && body.ends_with("x… [49500 more characters]"), "{body}");
    }

    #[test]
    fn a_first_entry_of_very_many_small_parts_becomes_a_text() {
        let mut budget = Budget::new(Some(LEAST)).unwrap();
        let taken = budget.fill([json!((0..5_000).collect::<Vec<_>>())]);
        assert!(taken[0].as_str().unwrap().starts_with("[0,1,2,"));
        assert!(budget.fill([json!("next")]).is_empty(), "the room is used up");
    }

    #[test]
    fn clipping_counts_characters_not_bytes() {
        assert_eq!(clip("žluťoučký", 9), "žluťoučký");
        assert_eq!(clip("žluťoučký kůň", 4), "žluť… [9 more characters]");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<i32>().prop_map(Value::from), ".{0,300}".prop_map(Value::from)];
        leaf.prop_recursive(3, 40, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,8}", inner, 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_beginning_fits_and_no_longer_one_would(text in ".{0,200}|[\\x00-\\x30\"\\\\]{0,200}", room in 2_usize..120) {
            let kept = beginning(&text, room);
            prop_assert!(size(&Value::from(kept)) <= room);
            if let Some(next) = text[kept.len()..].chars().next() {
                let longer = format!("{kept}{next}");
                prop_assert!(size(&Value::from(longer)) > room);
            }
        }

        #[test]
        fn what_was_filled_in_fits(entries in prop::collection::vec(any_json(), 1..12)) {
            let mut budget = Budget::new(Some(LEAST)).unwrap();
            let whole = budget.room();
            let taken = budget.fill(entries.clone());
            prop_assert!(!taken.is_empty());
            prop_assert_eq!(size(&Value::from(taken.clone())) + budget.room(), whole + 1 + usize::from(taken.is_empty()));
            prop_assert_eq!(&taken[1..], &entries[1..taken.len()]);
        }
    }
}
