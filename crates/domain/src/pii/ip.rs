//! IP addresses, told apart from version numbers and module paths.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

static V4: LazyLock<Regex> = LazyLock::new(|| super::pattern(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"));

/// A run of the characters of an IPv6 address with at least two colons.
static V6: LazyLock<Regex> = LazyLock::new(|| super::pattern(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*"));

/// Words that announce a version (or a section), at the end of what comes before the number.
static VERSION_WORD: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r#"(?ix)
        (?: \b(?: v | ver | vers | versions? | rel | releases? | builds? | patch | upgrade[ds]?\ (?:to|from)
              | oracle | db2 | hdp | cdh | jdk | jre | driver | firmware | sections? | chapter ) | § )
        [\s:=.'"(]* (?: (?:is|to|from|of) \s+ )? $"#,
    )
});

/// Words that announce an address.
static ADDRESS_WORD: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r#"(?ix)
        (?: \b(?: ips? | ipv4 | addr | address(?:es)? | hosts? | gateway | dns | nameserver | resolver | ping
              | ssh | proxy | peer | remote | client | connect(?:ed|ing|ions?)? )
            \b [\s:=.'"(]* (?: (?:is|to|from|of) \s+ )?
            | / | @ ) $"#,
    )
});

/// A port or a prefix length, right after the number.
static PORT_OR_PREFIX: LazyLock<Regex> = LazyLock::new(|| super::pattern(r"^(?::[0-9]{2,5}|/[0-9]{1,2})\b"));

/// How far back the words may be.
const CONTEXT_BYTES: usize = 32;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let v4 = V4.find_iter(text).map(|found| found.range()).filter(|range| is_v4(text, range));
    let v6 = V6.find_iter(text).filter_map(|found| v6_in(text, found.range()));
    v4.chain(v6).collect()
}

fn is_v4(text: &str, range: &Range<usize>) -> bool {
    let Ok(address) = text[range.clone()].parse::<Ipv4Addr>() else { return false };
    let names_no_machine = address.is_loopback() || address.is_unspecified() || address.octets()[0] == 255;
    if names_no_machine || !super::stands_alone(text, range) || is_part_of_a_name(text, range) {
        return false;
    }
    let before = super::context_before(text, range.start, CONTEXT_BYTES);
    if VERSION_WORD.is_match(before) {
        return false;
    }
    // Without another sign, 1.6.0.51 is far more often a version than an address.
    let octets = address.octets();
    let looks_like_version = octets[0] < 10 && octets.iter().all(|octet| *octet < 100);
    !looks_like_version || ADDRESS_WORD.is_match(before) || PORT_OR_PREFIX.is_match(&text[range.end..])
}

/// Whether it is the version in `app-1.2.3.4.jar` or `1.2.3.4-SNAPSHOT`. A range of addresses is not.
fn is_part_of_a_name(text: &str, range: &Range<usize>) -> bool {
    let mut before = text[..range.start].chars().rev();
    let follows_word = before.next() == Some('-') && before.next().is_some_and(char::is_alphabetic);
    let goes_on = match super::chars_after(text, range.end) {
        (Some('-'), Some(next)) => next.is_alphabetic(),
        (Some('.'), Some(next)) => next.is_alphanumeric(),
        _ => false,
    };
    follows_word || goes_on
}

/// The IPv6 address in a run of its characters, without the colon or full stop of the sentence around it.
fn v6_in(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    if super::char_before(text, run.start).is_some_and(super::is_word)
        || super::chars_after(text, run.end).0.is_some_and(super::is_word)
    {
        return None;
    }
    let trimmed = text[run.clone()].trim_end_matches('.');
    let trimmed = trimmed.strip_suffix(':').filter(|rest| !rest.ends_with(':')).unwrap_or(trimmed);
    let address: Ipv6Addr = trimmed.parse().ok()?;
    names_a_machine(trimmed, address).then_some(run.start..run.start + trimmed.len())
}

/// Whether the address is written in full, or lies in a range that is in use: `abc::def` is more likely a
/// path in a program. A mapped IPv4 address is left to the IPv4 pattern.
fn names_a_machine(written: &str, address: Ipv6Addr) -> bool {
    if address.is_loopback() || address.is_unspecified() || address.to_ipv4_mapped().is_some() {
        return false;
    }
    let in_use = matches!(
        address.segments()[0],
        0x2000..=0x3fff | 0x64 | 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00..=0xffff
    );
    let has_digit = written.bytes().any(|byte| byte.is_ascii_digit());
    has_digit && (in_use || !written.contains("::"))
}
