//! What must not leave this crate in an error, a log line or `Debug` output.

/// Most characters of a foreign text that an error repeats.
pub(crate) const EXCERPT_CHARS: usize = 500;

/// The first [`EXCERPT_CHARS`] characters of `text` on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let one_line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT_CHARS).collect();
    one_line.trim().to_owned()
}

/// Replaces everything in `text` that looks like an e-mail address.
pub(crate) fn mask_addresses(text: &str) -> String {
    let belongs_to_address = |c: char| c.is_alphanumeric() || "._%+-@".contains(c);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(belongs_to_address) {
        let (before, tail) = rest.split_at(start);
        let (word, after) = tail.split_at(tail.find(|c| !belongs_to_address(c)).unwrap_or(tail.len()));
        masked.push_str(before);
        masked.push_str(if is_address(word) { "[e-mail]" } else { word });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// `local@host.domain`; the dot keeps Java object names such as `Sprint@1f` readable.
fn is_address(word: &str) -> bool {
    word.rsplit_once('@')
        .is_some_and(|(local, host)| !local.is_empty() && host.trim_matches('.').contains('.'))
}

/// Masks addresses and every occurrence of the given secrets, in case an error page echoes the request.
pub(crate) fn redact(text: &str, secrets: &[String]) -> String {
    let without_secrets = secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[redacted]"));
    mask_addresses(&without_secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_masked_wherever_they_stand() {
        assert_eq!(
            mask_addresses("The value 'ann.b+c@example.co.uk' is unknown to <bob@example.com>."),
            "The value '[e-mail]' is unknown to <[e-mail]>."
        );
        assert_eq!(mask_addresses("x@example.com"), "[e-mail]");
    }

    #[test]
    fn other_uses_of_the_at_sign_stay() {
        for text in ["Sprint@1f[id=1]", "ask @ann", "a @ b", "", "ärger über Größe"] {
            assert_eq!(mask_addresses(text), text);
        }
    }

    #[test]
    fn an_excerpt_counts_characters_not_bytes_and_has_one_line() {
        assert_eq!(excerpt("a\r\nb\tc "), "a  b c");
        assert_eq!(excerpt(&"ü".repeat(2_000)).chars().count(), EXCERPT_CHARS);
    }

    #[test]
    fn echoed_secrets_are_removed() {
        let text = redact("you sent Authorization: Bearer t0k3n", &["t0k3n".to_owned(), String::new()]);
        assert_eq!(text, "you sent Authorization: Bearer [redacted]");
    }
}
