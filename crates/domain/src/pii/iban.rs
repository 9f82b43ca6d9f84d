//! International Bank Account Numbers (ISO 13616).

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Country code and check digits.
static START: LazyLock<Regex> = LazyLock::new(|| super::pattern(r"[A-Za-z]{2}[0-9]{2}"));

/// The length of an IBAN in each country (SWIFT IBAN registry).
const LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    START.find_iter(text).filter_map(|start| iban_at(text, start.start())).collect()
}

/// The IBAN that starts there: as many characters as its country has, either without any separator or in
/// groups of four.
fn iban_at(text: &str, start: usize) -> Option<Range<usize>> {
    let length = length_of(&text[start..start + 2])?;
    let mut compact = String::with_capacity(length);
    let mut separator = None;
    let mut chars = text[start..].char_indices().peekable();
    while compact.len() < length {
        let (_, char) = *chars.peek()?;
        if compact.len() == 4 && matches!(char, ' ' | '-' | '\u{a0}') {
            separator = Some(char);
        }
        if separator.is_some() && !compact.is_empty() && compact.len().is_multiple_of(4) {
            chars.next_if(|(_, char)| Some(*char) == separator)?;
        }
        let (_, char) = chars.next_if(|(_, char)| char.is_ascii_alphanumeric())?;
        compact.push(char.to_ascii_uppercase());
    }
    let range = start..chars.peek().map_or(text.len(), |(offset, _)| start + offset);
    (super::stands_alone(text, &range) && has_valid_checksum(&compact)).then_some(range)
}

fn length_of(country: &str) -> Option<usize> {
    let country = country.to_ascii_uppercase();
    LENGTHS
        .iter()
        .find(|(_, countries)| countries.split(' ').any(|code| code == country))
        .map(|(length, _)| *length)
}

/// ISO 7064 mod 97-10: the first four characters moved to the end, letters as 10 to 35, the remainder must be
/// 1.
fn has_valid_checksum(compact: &str) -> bool {
    let (head, tail) = compact.split_at(4);
    let remainder = tail.chars().chain(head.chars()).try_fold(0, |remainder, char| {
        let value = char.to_digit(36)?;
        let shifted = if value < 10 { remainder * 10 } else { remainder * 100 };
        Some((shifted + value) % 97)
    });
    remainder == Some(1)
}
