//! OAuth 2.0 grants of instances: what access tokens are renewed with.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Where Atlassian hands out tokens.
pub const ATLASSIAN_TOKENS: &str = "https://auth.atlassian.com/oauth/token";

/// Where Atlassian's gateway serves the API of a site, by its cloud id.
pub const ATLASSIAN_GATEWAY: &str = "https://api.atlassian.com/ex/jira";

/// A grant, opened. It has no `Debug`: everything in it is secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct OauthGrant {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// The refresh token, good for one use; `None`: a service account, whose tokens come by `client_credentials`.
    pub refresh_token: Option<String>,
    /// Where tokens are had.
    pub token_url: String,
    /// The present access token.
    pub access_token: Option<String>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Storage of sealed grants.
#[async_trait]
pub trait OauthStore: Send {
    /// The sealed grant, locked until the transaction ends: whoever else wants to renew it waits.
    async fn lock_oauth_grant(&mut self, instance: InstanceId) -> Result<Option<String>>;

    /// Keeps a sealed grant.
    async fn keep_oauth_grant(&mut self, instance: InstanceId, sealed: &str) -> Result<()>;

    /// Notes why the credential of an instance is of no use any more, or that it is of use again.
    async fn note_credential_problem(&mut self, instance: InstanceId, problem: Option<&str>) -> Result<()>;
}
