//! Phone numbers: international ones, the North American form, and any that a word announces.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// `+` and 8 to 15 digits (ITU-T E.164), with separators between them.
static INTERNATIONAL: LazyLock<Regex> =
    LazyLock::new(|| super::pattern(r"\+\(?[1-9](?:[ \u{a0}./()-]{0,3}[0-9]){7,14}"));

/// `(415) 555-2671`, `415-555-2671` or `415.555.2671`; with spaces only it could be any three numbers.
static NORTH_AMERICAN: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r"(?x) (?: \b1[\ .-] )?
        (?: \([2-9][0-9]{2}\)\ ?[2-9][0-9]{2}[\ .-][0-9]{4}
          | [2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}
          | [2-9][0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4} )",
    )
});

/// A word for a phone, and 7 to 15 digits after it.
static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r"(?ix) \b (?: tel | telephone | phone | mobile | cell\ ?phone | fax | whatsapp | sms | hotline
              | telefon | handy | call\ (?:me|us|him|her|them)(?:\ (?:at|on))? | тел | телефон ) \b \.?
        (?: \s* (?: number | no\.? | nr\.? | \# ) )? \s* (?: is\s )? [:=]? \s*
        (?P<number> \(?[0-9](?:[\ \u{a0}./()-]{0,3}[0-9]){6,14} )",
    )
});

/// Numbers in which full stops are no separators: with a sign and one decimal point, or a version (with a
/// part of one digit).
static DECIMAL_OR_VERSION: LazyLock<Regex> =
    LazyLock::new(|| super::pattern(r"^(?:\+[0-9]+\.[0-9]+|(?:[0-9]+\.)*[0-9](?:\.[0-9]+)+)$"));

/// A date, which every pattern could take for a number.
static DATE: LazyLock<Regex> =
    LazyLock::new(|| super::pattern(r"^\+?[0-9]{4}([./-])[0-9]{1,2}[./-][0-9]{1,2}"));

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let plain = INTERNATIONAL.find_iter(text).chain(NORTH_AMERICAN.find_iter(text));
    let announced = ANNOUNCED.captures_iter(text).filter_map(|captures| captures.name("number"));
    plain
        .chain(announced)
        .map(|found| found.range())
        .filter(|range| {
            let number = &text[range.clone()];
            stands_alone(text, range) && !DECIMAL_OR_VERSION.is_match(number) && !DATE.is_match(number)
        })
        .collect()
}

/// Whether the number is not part of a longer identifier: `CVE-2024-555-2671-1` has no phone number in it.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let glue = |char: Option<char>| matches!(char, Some('-' | '.' | '/' | '+'));
    let (next, one_later) = super::chars_after(text, range.end);
    super::stands_alone(text, range)
        && !glue(super::char_before(text, range.start))
        && !(glue(next) && one_later.is_some_and(super::is_word))
}
