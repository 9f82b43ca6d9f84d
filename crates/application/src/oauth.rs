//! OAuth 2.0 grants of instances: what access tokens are renewed with.

use std::borrow::Cow;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where Atlassian hands out tokens.
pub const ATLASSIAN_TOKENS: &str = "https://auth.atlassian.com/oauth/token";

/// Where Atlassian's gateway serves the API of a site, by its cloud id.
pub const ATLASSIAN_GATEWAY: &str = "https://api.atlassian.com/ex/jira";

/// A grant, opened. It cannot be serialised but by [`OauthGrant::to_text`], for sealing.
#[derive(Clone, Debug)]
pub struct OauthGrant {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// The refresh token, good for one use; `None`: a service account, whose tokens come by `client_credentials`.
    pub refresh_token: Option<SecretString>,
    /// Where tokens are had.
    pub token_url: String,
    /// The present access token.
    pub access_token: Option<SecretString>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

impl OauthGrant {
    /// The whole grant as a text to be sealed.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be written.
    pub fn to_text(&self) -> Result<SecretString> {
        let written = Written {
            client_id: self.client_id.as_str().into(),
            client_secret: self.client_secret.expose_secret().into(),
            refresh_token: self.refresh_token.as_ref().map(|token| token.expose_secret().into()),
            token_url: self.token_url.as_str().into(),
            access_token: self.access_token.as_ref().map(|token| token.expose_secret().into()),
            expires_at: self.expires_at,
        };
        serde_json::to_string(&written).map(SecretString::from).map_err(Error::internal)
    }

    /// Reads what [`OauthGrant::to_text`] wrote, opened again.
    ///
    /// # Errors
    /// [`Error::Internal`], without a word of the text, when it is no grant.
    pub fn from_text(text: &SecretString) -> Result<Self> {
        let written: Written<'_> = serde_json::from_str(text.expose_secret())
            .map_err(|_| Error::internal("what was sealed as an OAuth grant is none"))?;
        let secret = |text: Cow<'_, str>| SecretString::from(text.into_owned());
        Ok(Self {
            client_id: written.client_id.into_owned(),
            client_secret: secret(written.client_secret),
            refresh_token: written.refresh_token.map(secret),
            token_url: written.token_url.into_owned(),
            access_token: written.access_token.map(secret),
            expires_at: written.expires_at,
        })
    }
}

/// A grant as it is sealed.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    client_id: Cow<'a, str>,
    client_secret: Cow<'a, str>,
    refresh_token: Option<Cow<'a, str>>,
    token_url: Cow<'a, str>,
    access_token: Option<Cow<'a, str>>,
    expires_at: Option<DateTime<Utc>>,
}

/// Storage of sealed grants.
#[async_trait]
pub trait OauthStore: Send {
    /// The sealed grant, locked until the transaction ends: whoever else wants to renew it waits.
    async fn lock_oauth_grant(&mut self, instance: InstanceId) -> Result<Option<String>>;

    /// The sealed grant, for who only looks.
    async fn oauth_grant(&mut self, instance: InstanceId) -> Result<Option<String>>;

    /// Keeps a sealed grant.
    async fn keep_oauth_grant(&mut self, instance: InstanceId, sealed: &str) -> Result<()>;

    /// Notes why the credential of an instance is of no use any more, or that it is of use again.
    async fn note_credential_problem(&mut self, instance: InstanceId, problem: Option<&str>) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_as_it_was_written_and_its_debug_text_shows_no_secret() {
        let grant = OauthGrant {
            client_id: "client".into(),
            client_secret: "hush".into(),
            refresh_token: Some("again".into()),
            token_url: ATLASSIAN_TOKENS.into(),
            access_token: Some("now".into()),
            expires_at: DateTime::from_timestamp(1_767_225_600, 0),
        };
        let read = OauthGrant::from_text(&grant.to_text().unwrap()).unwrap();
        assert_eq!(read.to_text().unwrap().expose_secret(), grant.to_text().unwrap().expose_secret());
        let shown = format!("{read:?}");
        assert!(
            shown.contains("client") && !["hush", "again", "now"].iter().any(|text| shown.contains(text)),
            "{shown}"
        );
        let refused = OauthGrant::from_text(&"{\"client_id\": \"hush\"".into()).unwrap_err();
        assert!(!format!("{refused:?}").contains("hush"));
    }
}
