//! How a client proves who it is.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
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
    /// `Authorization: Bearer` with an access token that lives an hour and is renewed by whoever hands it out.
    Renewed(Arc<dyn Tokens>),
}

/// Hands out access tokens, renewing them when they are old or were refused (OAuth 2.0).
#[async_trait]
pub trait Tokens: Send + Sync {
    /// A token that is good for now. `refused` is the one that the site has just refused with 401: another must be handed out.
    ///
    /// # Errors
    /// [`JiraError::NoToken`] when none can be had without a person; what else the request for one failed with.
    async fn access_token(&self, refused: Option<&SecretString>) -> Result<SecretString, JiraError>;
}

/// What one request is signed with.
pub(crate) struct Signature {
    /// The value of the `Authorization` header, marked sensitive so that the HTTP stack does not print it.
    pub(crate) header: Option<HeaderValue>,
    /// Every text that would give the credentials away if an error page echoed it.
    pub(crate) secrets: Vec<String>,
    /// The token, where another can be had.
    pub(crate) renewable: Option<SecretString>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic { email: [redacted], token: [redacted] }",
            Self::Bearer(_) => "Bearer([redacted])",
            Self::Renewed(_) => "Renewed([redacted])",
        })
    }
}

impl Auth {
    /// What the next request is signed with. `refused` is the token that the site did not take.
    pub(crate) async fn sign(&self, refused: Option<&SecretString>) -> Result<Signature, JiraError> {
        let (text, secrets, renewable) = match self {
            Self::None => return Ok(Signature { header: None, secrets: Vec::new(), renewable: None }),
            Self::Basic { email, token } => {
                let pair = STANDARD.encode(format!("{email}:{}", token.expose_secret()));
                (format!("Basic {pair}"), vec![pair, token.expose_secret().to_owned()], None)
            }
            Self::Bearer(token) => bearer(token, None),
            Self::Renewed(tokens) => {
                let token = tokens.access_token(refused).await?;
                bearer(&token, Some(token.clone()))
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| JiraError::Unauthenticated {
            messages: vec!["the token holds characters that an HTTP header cannot carry".to_owned()],
        })?;
        value.set_sensitive(true);
        Ok(Signature { header: Some(value), secrets, renewable })
    }
}

fn bearer(
    token: &SecretString,
    renewable: Option<SecretString>,
) -> (String, Vec<String>, Option<SecretString>) {
    let token = token.expose_secret().to_owned();
    (format!("Bearer {token}"), vec![token], renewable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn basic_is_the_base64_of_address_colon_token() {
        let auth = Auth::Basic { email: "ann@example.com".into(), token: "t0k3n".into() };
        let header = auth.sign(None).await.unwrap().header.unwrap();
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

    #[tokio::test]
    async fn a_token_that_no_header_can_carry_is_refused_without_being_shown() {
        let Err(error) = Auth::Bearer("line\nbreak".into()).sign(None).await else {
            panic!("must be refused")
        };
        assert!(matches!(error, JiraError::Unauthenticated { .. }));
        assert!(!format!("{error} {error:?}").contains("break"));
    }
}
