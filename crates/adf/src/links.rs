//! Which addresses become links, and where an address without markup ends.

/// No link longer than this many bytes is made: each text node of a link repeats its address, so that without a
/// bound a small text could grow into a huge document.
pub(crate) const MAX_HREF: usize = 4096;

const SCHEMES: [&str; 5] = ["https://", "http://", "mailto:", "ftp://", "tel:"];

/// Whether an address may become a link mark: of a harmless scheme, or within the site or page.
pub(crate) fn is_link_target(href: &str) -> bool {
    let harmless = SCHEMES.iter().any(|scheme| has_scheme(href, scheme))
        || (href.starts_with('/') && !href.starts_with("//"))
        || (href.starts_with('#') && href.len() > 1);
    harmless && href.len() <= MAX_HREF && !href.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether an address may be followed from a page: http, https or mailto only.
pub(crate) fn is_web_link(href: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| has_scheme(href, scheme))
        && !href.contains(|c: char| c.is_control())
}

/// Whether an address is one of another server's files.
pub(crate) fn is_http(href: &str) -> bool {
    has_scheme(href, "https://") || has_scheme(href, "http://")
}

fn has_scheme(href: &str, scheme: &str) -> bool {
    href.len() > scheme.len()
        && href.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// The web address at the start of a text, without the punctuation that ends a sentence.
///
/// One that is too long to become a link is given in part, with `false`: the caller keeps that part as text and
/// need not look at it again.
pub(crate) fn bare_url(text: &str) -> Option<(&str, bool)> {
    if !text.starts_with("http") || !is_http(text) {
        return None;
    }
    let ends = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(
                c,
                '|' | '[' | ']' | '{' | '}' | '<' | '>' | '"' | '\\' | '`' | '\u{FDD0}' | '\u{FDD1}'
            )
    };
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        if at >= MAX_HREF {
            return Some((text.get(..at)?, false));
        }
        if ends(c) {
            end = at;
            break;
        }
    }
    let mut url = text.get(..end)?;
    // A closing parenthesis belongs to the address only where the address opened it.
    let count = |c: char| url.chars().filter(|other| *other == c).count();
    let mut unopened = count(')').saturating_sub(count('('));
    loop {
        url = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '+', '-', '^']);
        match url.strip_suffix(')') {
            Some(rest) if unopened > 0 => {
                url = rest;
                unopened -= 1;
            }
            _ => break,
        }
    }
    is_link_target(url).then_some((url, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_before_the_punctuation_of_its_sentence() {
        let url = |text: &'static str| bare_url(text).map(|(url, _)| url);
        assert_eq!(url("https://a.example/b_c_d, and"), Some("https://a.example/b_c_d"));
        assert_eq!(url("https://a.example/x_(y)) end"), Some("https://a.example/x_(y)"));
        assert_eq!(url("https://a.example|b"), Some("https://a.example"));
        assert_eq!(url("https:// a"), None);
        assert_eq!(url("ftp://a"), None);
    }

    #[test]
    fn an_address_that_is_too_long_stays_text() {
        let text = format!("https://a.example/{}", "x".repeat(3 * MAX_HREF));
        assert_eq!(bare_url(&text), Some((&text[..MAX_HREF], false)));
    }

    #[test]
    fn only_harmless_addresses_become_links() {
        for href in ["https://a", "HTTP://a", "mailto:a@b", "/browse/X-1", "#top", "tel:+1"] {
            assert!(is_link_target(href), "{href}");
        }
        for href in
            ["javascript:alert(1)", " https://a", "data:text/html,x", "//evil", "X-1", "", "#", "https://"]
        {
            assert!(!is_link_target(href), "{href}");
        }
    }
}
