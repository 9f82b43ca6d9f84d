//! Personal data and secrets in free text: finding them, and masking them reversibly before text leaves the
//! machine.
//!
//! Patterns are confirmed by checksums (cards, IBANs), by parsers (IP addresses) or by the words around them
//! (passwords, phone numbers, version numbers), because a false alarm in an issue is noise in every answer of
//! a model. So what has no telling shape is *not* found: names, postal addresses, national phone numbers
//! without a word like "phone" before them, passwords in prose.
//!
//! Regular expressions run in linear time and are compiled once.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use regex::Regex;

mod card;
mod email;
mod iban;
mod ip;
mod mask;
mod phone;
mod secret;
#[cfg(test)]
mod tests;

pub use mask::{Masked, Replacement, mask, mask_continuing};

/// What kind of personal data or secret it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PiiKind {
    /// A password, API key, token or private key.
    Secret,
    /// An e-mail address.
    Email,
    /// An International Bank Account Number with the right length and checksum.
    Iban,
    /// A payment card number with a known prefix and the right checksum.
    PaymentCard,
    /// An IPv4 or IPv6 address that can identify a machine: neither loopback nor unspecified nor a net mask.
    IpAddress,
    /// A phone number.
    Phone,
}

impl PiiKind {
    /// All kinds; where two overlap, the earlier one wins.
    pub const ALL: [Self; 6] =
        [Self::Secret, Self::Email, Self::Iban, Self::PaymentCard, Self::IpAddress, Self::Phone];

    /// The word in the placeholder: `EMAIL` in `[EMAIL_1]`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Secret => "SECRET",
            Self::Email => "EMAIL",
            Self::Iban => "IBAN",
            Self::PaymentCard => "CARD",
            Self::IpAddress => "IP",
            Self::Phone => "PHONE",
        }
    }

    fn candidates(self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Secret => secret::find(text),
            Self::Email => email::find(text),
            Self::Iban => iban::find(text),
            Self::PaymentCard => card::find(text),
            Self::IpAddress => ip::find(text),
            Self::Phone => phone::find(text),
        }
    }
}

impl fmt::Display for PiiKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.label())
    }
}

/// A place in a text that holds personal data or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub kind: PiiKind,
    /// Where: bytes of the text, on character boundaries.
    pub range: Range<usize>,
}

/// All personal data and secrets of a text, from left to right, without overlaps. Only the value is found,
/// not the name before it: in `password=abc` it is `abc`.
#[must_use]
pub fn find(text: &str) -> Vec<Finding> {
    let mut found: BTreeMap<usize, Finding> = BTreeMap::new();
    for kind in PiiKind::ALL {
        for range in merge_overlapping(kind.candidates(text)) {
            let before = found.range(..range.end).next_back();
            if before.is_none_or(|(_, finding)| finding.range.end <= range.start) {
                found.insert(range.start, Finding { kind, range });
            }
        }
    }
    found.into_values().collect()
}

/// Several patterns of one kind may see the same value, or parts of it: together they are one finding.
fn merge_overlapping(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Compiles one of this module's patterns.
#[expect(clippy::expect_used, reason = "the patterns are literals, and the tests compile each of them")]
fn pattern(source: &'static str) -> Regex {
    Regex::new(source).expect("a pattern of this module is a valid regular expression")
}

/// The character that ends at `index`.
fn char_before(text: &str, index: usize) -> Option<char> {
    text[..index].chars().next_back()
}

/// The one or two characters that start at `index`.
fn chars_after(text: &str, index: usize) -> (Option<char>, Option<char>) {
    let mut chars = text[index..].chars();
    (chars.next(), chars.next())
}

/// Whether a character can be part of a word, an identifier or a number.
fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Whether the range is not glued to a longer word, identifier or decimal number.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let mut before = text[..range.start].chars().rev();
    let (previous, one_earlier) = (before.next(), before.next());
    let (next, one_later) = chars_after(text, range.end);
    let decimal = |point: Option<char>, digit: Option<char>| {
        matches!(point, Some('.' | ',')) && digit.is_some_and(|digit| digit.is_ascii_digit())
    };
    !previous.is_some_and(is_word)
        && !next.is_some_and(is_word)
        && !decimal(previous, one_earlier)
        && !decimal(next, one_later)
}

/// Up to `bytes` bytes of the text before `index`.
fn context_before(text: &str, index: usize, bytes: usize) -> &str {
    &text[text.floor_char_boundary(index.saturating_sub(bytes))..index]
}
