//! Payment card numbers.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Digits, maybe in groups.
static DIGIT_GROUPS: LazyLock<Regex> = LazyLock::new(|| super::pattern(r"[0-9]+(?:[ \u{a0}-][0-9]+)*"));

/// The longest number a card can have (ISO/IEC 7812).
const MAX_DIGITS: usize = 19;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for run in DIGIT_GROUPS.find_iter(text) {
        let groups = groups_of(run.as_str(), run.start());
        let mut first = 0;
        while first < groups.len() {
            match card_from(text, &groups[first..]) {
                Some(used) => {
                    found.push(groups[first].start..groups[first + used - 1].end);
                    first += used;
                }
                None => first += 1,
            }
        }
    }
    found
}

/// Where the groups of digits are in the text.
fn groups_of(run: &str, offset: usize) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut start = None;
    for (index, char) in run.char_indices().chain([(run.len(), ' ')]) {
        match (char.is_ascii_digit(), start) {
            (true, None) => start = Some(index),
            (false, Some(begun)) => {
                groups.push(offset + begun..offset + index);
                start = None;
            }
            _ => {}
        }
    }
    groups
}

/// How many of the first groups make up a card number; the longest number wins.
fn card_from(text: &str, groups: &[Range<usize>]) -> Option<usize> {
    let mut digits = String::new();
    let mut found = None;
    for (index, group) in groups.iter().enumerate() {
        if digits.len() + group.len() > MAX_DIGITS {
            break;
        }
        digits.push_str(&text[group.clone()]);
        let used = index + 1;
        let range = groups[0].start..group.end;
        if is_card_number(&digits, &groups[..used]) && super::stands_alone(text, &range) {
            found = Some(used);
        }
    }
    found
}

fn is_card_number(digits: &str, groups: &[Range<usize>]) -> bool {
    let grouped = groups.len() > 1;
    // Cards are printed in groups of 3 to 7; the parts of a UUID are longer.
    if grouped && !groups.iter().all(|group| (3..=7).contains(&group.len())) {
        return false;
    }
    lengths_of(digits, grouped).contains(&digits.len()) && passes_luhn(digits)
}

/// The lengths of a card with that prefix. Lengths that hardly any card has but many other numbers do count
/// only if the number is written in groups.
fn lengths_of(digits: &str, grouped: bool) -> &'static [usize] {
    let prefix =
        |length: usize| digits.get(..length).and_then(|prefix| prefix.parse::<u32>().ok()).unwrap_or(0);
    let (two, three, four) = (prefix(2), prefix(3), prefix(4));
    match () {
        () if digits.starts_with('4') && grouped => &[13, 16, 19], // Visa
        () if digits.starts_with('4') => &[16],
        () if (51..=55).contains(&two) || (2221..=2720).contains(&four) => &[16], // Mastercard
        () if two == 34 || two == 37 => &[15],                                    // American Express
        () if (300..=305).contains(&three) || matches!(two, 36 | 38 | 39) => &[14], // Diners Club
        () if four == 6011 || two == 65 || (644..=649).contains(&three) => &[16], // Discover
        () if (3528..=3589).contains(&four) => &[16],                             // JCB
        () if (2200..=2204).contains(&four) => &[16],                             // Mir
        () if two == 62 && grouped => &[16, 17, 18, 19],                          // UnionPay
        () if two == 62 => &[16],
        () if matches!(two, 50 | 56..=58 | 67) && grouped => &[13, 15, 16, 18, 19], // Maestro
        () => &[],
    }
}

/// The Luhn checksum (ISO/IEC 7812-1, annex B).
fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0');
            match (index % 2, digit) {
                (0, _) => digit,
                (_, 0..=4) => digit * 2,
                _ => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
