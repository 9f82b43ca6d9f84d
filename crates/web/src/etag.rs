//! Answers that need not be sent twice: ETags and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// What tells one answer from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Etag(String);

impl Etag {
    /// Of all that makes an answer: names of people, statuses and versions change without the issue, and what they change from
    /// is known to rosters only. Weak, since the answer may be compressed on its way.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        Self(format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(hash.finalize())))
    }

    /// Whether `If-None-Match` names it, by weak comparison.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let tags = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        let own = opaque(&self.0);
        tags.flat_map(|value| value.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == own)
    }

    /// The headers that carry it. The answer is one caller's, and only good after asking again.
    pub(crate) fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        // Base64 and quotes: nothing that a header could not hold.
        let value = HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("W/\"\""));
        [(header::ETAG, value), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_that_of_one_answer_and_weak() {
        let tag = Etag::of(&[b"one"]);
        assert!(tag.0.starts_with("W/\"") && tag.0.ends_with('"'), "{tag:?}");
        assert_eq!(tag, Etag::of(&[b"one"]));
        assert_ne!(tag, Etag::of(&[b"two"]));
    }

    #[test]
    fn if_none_match_is_compared_weakly() {
        let known = |value: &str| {
            let headers =
                HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap())]);
            Etag("W/\"a-1\"".into()).is_known(&headers)
        };
        for value in ["W/\"a-1\"", "\"a-1\"", "*", "\"b\", W/\"a-1\""] {
            assert!(known(value), "{value}");
        }
        assert!(!known("W/\"a-2\"") && !known("") && !Etag("W/\"a-1\"".into()).is_known(&HeaderMap::new()));
    }
}
