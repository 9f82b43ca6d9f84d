//! The client itself: where a site is, how it is spoken to, and how URLs are put together.

use std::fmt;
use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::request::Call;
use crate::{Auth, JiraError, Manners, RetryPolicy};

/// The version of the REST API that is spoken to a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Version 3, Cloud: texts are ADF documents, searches page by token.
    V3,
    /// Version 2, Server and Data Center: texts are wiki markup, searches page by `startAt`.
    V2,
}

impl Dialect {
    fn path_segment(self) -> &'static str {
        match self {
            Self::V3 => "3",
            Self::V2 => "2",
        }
    }
}

/// Speaks to one Jira site with one set of credentials. Cheap to clone.
#[derive(Clone)]
pub struct JiraClient {
    site: Arc<Site>,
    dialect: Dialect,
    retry: RetryPolicy,
    properties: Arc<[String]>,
}

struct Site {
    http: reqwest::Client,
    base_url: Url,
    auth: Auth,
    manners: Arc<dyn Manners>,
}

impl fmt::Debug for JiraClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JiraClient")
            .field("base_url", &self.site.base_url.as_str())
            .field("auth", &self.site.auth)
            .field("dialect", &self.dialect)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

impl JiraClient {
    /// A client for the site at `base_url`, which may have a path, as in `https://host/jira`.
    ///
    /// Time-outs, redirects, TLS and the addresses that may be reached are those of `http`. User information,
    /// query and fragment of `base_url` are dropped. A `base_url` that cannot carry a path makes every operation
    /// fail with [`JiraError::BadRequest`].
    pub fn new(
        http: reqwest::Client,
        base_url: Url,
        auth: Auth,
        dialect: Dialect,
        manners: Arc<dyn Manners>,
    ) -> Self {
        let site = Site { http, base_url: without_secrets(base_url), auth, manners };
        Self { site: Arc::new(site), dialect, retry: RetryPolicy::default(), properties: Arc::default() }
    }

    /// The same client speaking another dialect.
    #[must_use]
    pub fn with_dialect(&self, dialect: Dialect) -> Self {
        Self { dialect, ..self.clone() }
    }

    /// The same client with another retry policy.
    #[must_use]
    pub fn with_retry_policy(&self, retry: RetryPolicy) -> Self {
        Self { retry, ..self.clone() }
    }

    /// The same client asking for these properties with every issue whose fields it asks for. Jira shows five at most.
    #[must_use]
    pub fn with_issue_properties(&self, keys: &[String]) -> Self {
        Self { properties: keys.into(), ..self.clone() }
    }

    /// The properties that it asks for.
    pub fn issue_properties(&self) -> &[String] {
        &self.properties
    }

    /// The dialect it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where the site is, without user information, query and fragment.
    pub fn base_url(&self) -> &Url {
        &self.site.base_url
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.site.http
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.site.auth
    }

    pub(crate) fn manners(&self) -> &dyn Manners {
        self.site.manners.as_ref()
    }

    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.retry
    }

    /// `GET` of a path below `/rest/api/{version}`.
    pub(crate) fn get(&self, operation: &'static str, segments: &[&str]) -> Result<Call, JiraError> {
        Ok(Call::read(operation, Method::GET, self.api_url(segments)?))
    }

    /// `POST` that only reads, so it may be repeated.
    pub(crate) fn post_to_read(
        &self,
        operation: &'static str,
        segments: &[&str],
        body: Value,
    ) -> Result<Call, JiraError> {
        Ok(Call::read(operation, Method::POST, self.api_url(segments)?).json(body))
    }

    /// `POST` that changes something, so it is never blindly repeated.
    pub(crate) fn post_to_write(
        &self,
        operation: &'static str,
        segments: &[&str],
        body: Value,
    ) -> Result<Call, JiraError> {
        Ok(Call::write(operation, Method::POST, self.api_url(segments)?).json(body))
    }

    /// The URL of a path below `/rest/api/{version}`.
    pub(crate) fn api_url(&self, segments: &[&str]) -> Result<Url, JiraError> {
        self.url(&["rest", "api", self.dialect.path_segment()], segments)
    }

    /// The URL of a path below the base URL. Each segment is escaped, so an id cannot lead elsewhere.
    pub(crate) fn url(&self, root: &[&str], segments: &[&str]) -> Result<Url, JiraError> {
        // The URL standard drops dot segments instead of escaping them; that would name another resource.
        if segments.iter().any(|segment| matches!(segment.trim(), "" | "." | "..")) {
            return Err(JiraError::bad_argument("an id or key is empty or a dot segment"));
        }
        let mut url = self.site.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| JiraError::bad_argument("the base URL cannot carry a path"))?
            .pop_if_empty()
            .extend(root)
            .extend(segments);
        Ok(url)
    }
}

fn without_secrets(mut url: Url) -> Url {
    // Both fail only for URLs without a host, which have no user information.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::NoManners;

    #[expect(clippy::disallowed_methods, reason = "nothing is sent")]
    fn client(base_url: &str) -> JiraClient {
        // Without a provider reqwest panics; a second installation fails harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().build().unwrap();
        let auth = Auth::Basic { email: "ann@example.com".into(), token: SecretString::from("t0k3n") };
        JiraClient::new(http, base_url.parse().unwrap(), auth, Dialect::V3, Arc::new(NoManners))
    }

    fn path(base_url: &str, segments: &[&str]) -> String {
        client(base_url).api_url(segments).unwrap().to_string()
    }

    #[test]
    fn paths_are_put_below_the_base_url() {
        assert_eq!(path("https://a.example", &["myself"]), "https://a.example/rest/api/3/myself");
        assert_eq!(path("https://a.example/jira/", &["myself"]), "https://a.example/jira/rest/api/3/myself");
        assert_eq!(path("http://h:8080/jira/demo", &["field"]), "http://h:8080/jira/demo/rest/api/3/field");
        let v2 = client("https://a.example").with_dialect(Dialect::V2);
        assert_eq!(v2.api_url(&["field"]).unwrap().path(), "/rest/api/2/field");
    }

    #[test]
    fn an_id_cannot_lead_elsewhere() {
        assert_eq!(
            path("https://a.example", &["issue", "../x?y#z", "comment"]),
            "https://a.example/rest/api/3/issue/..%2Fx%3Fy%23z/comment"
        );
        for id in ["", " ", ".", ".."] {
            let result = client("https://a.example").api_url(&["issue", id, "comment"]);
            assert!(matches!(result, Err(JiraError::BadRequest { .. })), "{id:?}");
        }
    }

    #[test]
    fn a_base_url_without_paths_is_an_error_of_the_request() {
        assert!(matches!(client("mailto:x").api_url(&["field"]), Err(JiraError::BadRequest { .. })));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let text = format!("{:?}", client("https://user:pass@a.example/jira?token=abc#frag"));
        assert!(text.contains("https://a.example/jira"), "{text}");
        for secret in ["user", "pass", "abc", "frag", "ann", "t0k3n"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
