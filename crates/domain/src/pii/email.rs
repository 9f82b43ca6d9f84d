//! E-mail addresses.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Local part, `@` (or `%40` as in a query string), and a domain that ends in letters or in punycode.
/// Non-ASCII letters are allowed on both sides (RFC 6531).
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r"(?x)
        (?P<local> \w (?: [\w.+%'-]* [\w+-] )? )
        (?: @ | %40 )
        (?P<domain> (?: [^\W_] (?: [\w-]* [^\W_] )? \. )+ (?: xn--[a-zA-Z0-9-]*[a-zA-Z0-9] | [^\W\d_]{2,} ) )",
    )
});

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    ADDRESS
        .captures_iter(text)
        .filter_map(|captures| {
            let (local, domain) = (captures.name("local")?, captures.name("domain")?);
            let is_remote = local.as_str() == "git" && text[domain.end()..].starts_with(['/', ':']);
            (!is_remote && !is_version_or_file(domain.as_str())).then_some(local.start()..domain.end())
        })
        .collect()
}

/// What follows the `@` in `hibernate@5.4.1.Final` and in `icon@2x.png`. One numeric label is fine: `163.com`
/// has mail.
fn is_version_or_file(domain: &str) -> bool {
    let mut labels = domain.split('.');
    let numeric =
        |label: Option<&str>| label.is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let first = labels.next();
    let is_scale = matches!(first, Some("1x" | "2x" | "3x" | "4x"));
    is_scale || (numeric(first) && numeric(labels.next()))
}
