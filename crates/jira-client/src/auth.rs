//! How a client proves who it is.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::JiraError;

/// Credentials of one Jira site (jira-facts 5).
#[derive(Clone)]
pub enum Auth {
    /// No `Authorization` header: whatever Jira shows to anonymous callers.
    None,
    /// `Authorization: Basic`: an API token with its owner's e-mail address on Cloud, user name and password
    /// on a Server or Data Center that still allows it.
    Basic {
        /// The e-mail address, or the user name on Server and Data Center.
        email: String,
        /// The API token or password.
        token: SecretString,
    },
    /// `Authorization: Bearer`: an OAuth 2.0 access token, or a personal access token of Server or Data Center.
    Bearer(SecretString),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic { email: [redacted], token: [redacted] }",
            Self::Bearer(_) => "Bearer([redacted])",
        })
    }
}

impl Auth {
    /// The value of the `Authorization` header, marked sensitive so that the HTTP stack does not print it.
    pub(crate) fn header(&self) -> Result<Option<HeaderValue>, JiraError> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Basic { .. } => format!("Basic {}", self.basic_credentials()),
            Self::Bearer(token) => format!("Bearer {}", token.expose_secret()),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| JiraError::Unauthenticated {
            messages: vec!["the token holds characters that an HTTP header cannot carry".to_owned()],
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Every text that would give the credentials away if an error page echoed it.
    pub(crate) fn secrets(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Basic { token, .. } => vec![self.basic_credentials(), token.expose_secret().to_owned()],
            Self::Bearer(token) => vec![token.expose_secret().to_owned()],
        }
    }

    fn basic_credentials(&self) -> String {
        match self {
            Self::Basic { email, token } => STANDARD.encode(format!("{email}:{}", token.expose_secret())),
            Self::None | Self::Bearer(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_the_base64_of_address_colon_token() {
        let auth = Auth::Basic { email: "ann@example.com".into(), token: "t0k3n".into() };
        let header = auth.header().unwrap().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic YW5uQGV4YW1wbGUuY29tOnQwazNu");
        assert!(header.is_sensitive());
    }

    #[test]
    fn debug_output_shows_neither_address_nor_token() {
        let basic = format!("{:?}", Auth::Basic { email: "ann@example.com".into(), token: "t0k3n".into() });
        let bearer = format!("{:?}", Auth::Bearer("t0k3n".into()));
        for text in [basic, bearer] {
            assert!(text.contains("redacted"));
            assert!(!text.contains("ann") && !text.contains("t0k3n"), "{text}");
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused_without_being_shown() {
        let error = Auth::Bearer("line\nbreak".into()).header().unwrap_err();
        assert!(matches!(error, JiraError::Unauthenticated { .. }));
        assert!(!format!("{error} {error:?}").contains("break"));
    }
}
