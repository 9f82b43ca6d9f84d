//! Query parameters. Jira's clients send lists both repeated and with commas (jira-facts 11.3); unknown parameters are
//! ignored.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use url::form_urlencoded;

use super::refusal::Refusal;

/// The query string, decoded.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    pub(super) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The values of a list, whichever way it was sent.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(known, _)| known == name).flat_map(|(_, value)| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// A number.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.text(name).map(str::trim).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| Refusal::unconvertible(name, value))
    }

    /// The query string with other values for these parameters: the address of another page of the same question.
    pub(super) fn with(&self, replaced: &[(&str, String)]) -> String {
        let kept = self.0.iter().filter(|(name, _)| replaced.iter().all(|(other, _)| other != name));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).extend_pairs(replaced).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_repeated_or_with_commas() {
        let params = Params::parse("fields=summary,%20status&fields=-comment&fields=&expand=names%2Cschema");
        assert_eq!(params.list("fields"), ["summary", "status", "-comment"]);
        assert_eq!(params.list("expand"), ["names", "schema"]);
        assert!(params.list("properties").is_empty());
    }

    #[test]
    fn a_number_is_a_number_or_absent() {
        let params = Params::parse("maxResults=5&startAt=abc&empty=");
        assert_eq!(params.integer("maxResults").unwrap(), Some(5));
        assert_eq!(params.integer("empty").unwrap(), None);
        assert_eq!(params.integer("absent").unwrap(), None);
        assert!(params.integer("startAt").is_err());
    }

    #[test]
    fn another_page_asks_the_same_question() {
        let params = Params::parse("query=a%20b&startAt=0");
        assert_eq!(params.with(&[("startAt", "50".into())]), "query=a+b&startAt=50");
    }
}
