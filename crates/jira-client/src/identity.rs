//! Which site this is, and who we are to it (jira-facts 11.4).

use std::fmt;

use serde_json::Value;

use crate::body::{object, text, unexpected};
use crate::{Dialect, JiraClient, JiraError};

/// What a site says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerInfo {
    /// The address that the site believes to have.
    pub base_url: String,
    /// `Cloud` or `Server`, the latter also on Data Center; `None` on very old servers.
    pub deployment_type: Option<String>,
    /// The version of Jira.
    pub version: Option<String>,
    /// The whole answer.
    pub raw: Value,
}

impl ServerInfo {
    /// The dialect that suits the site: version 3 exists on Cloud only.
    pub fn dialect(&self) -> Dialect {
        match self.deployment_type.as_deref() {
            Some("Cloud") => Dialect::V3,
            _ => Dialect::V2,
        }
    }
}

/// The account whose credentials are used.
#[derive(Clone, PartialEq)]
pub struct Myself {
    /// Id of the account; Cloud only.
    pub account_id: Option<String>,
    /// Key of the user; Server and Data Center only.
    pub key: Option<String>,
    /// Log-in name of the user; Server and Data Center only.
    pub name: Option<String>,
    /// Name to show.
    pub display_name: Option<String>,
    /// Time zone in which Jira reads this account's JQL, such as `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// The whole answer, which may hold the e-mail address.
    pub raw: Value,
}

impl fmt::Debug for Myself {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The log-in name is often an e-mail address, and `raw` holds one.
        f.debug_struct("Myself")
            .field("account_id", &self.account_id)
            .field("key", &self.key)
            .field("time_zone", &self.time_zone)
            .finish_non_exhaustive()
    }
}

impl JiraClient {
    /// What the site says about itself. Works in both dialects on Cloud, in version 2 everywhere, and mostly
    /// without credentials: it proves nothing about them.
    ///
    /// # Errors
    /// [`JiraError::InvalidBody`] or [`JiraError::NotFound`] if this is no Jira site.
    pub async fn server_info(&self) -> Result<ServerInfo, JiraError> {
        const WHAT: &str = "server_info";
        let raw = object(WHAT, self.json(self.get(WHAT, &["serverInfo"])?).await?)?;
        let Some(base_url) = text(&raw, "baseUrl") else {
            return Err(unexpected(format!("{WHAT}: no `baseUrl`"), &Value::Object(raw)));
        };
        Ok(ServerInfo {
            base_url,
            deployment_type: text(&raw, "deploymentType"),
            version: text(&raw, "version"),
            raw: Value::Object(raw),
        })
    }

    /// The account whose credentials are used: the one request that bad credentials cannot pass (jira-facts 5.4).
    ///
    /// # Errors
    /// [`JiraError::Unauthenticated`] for bad or missing credentials.
    pub async fn myself(&self) -> Result<Myself, JiraError> {
        const WHAT: &str = "myself";
        let raw = object(WHAT, self.json(self.get(WHAT, &["myself"])?).await?)?;
        let me = Myself {
            account_id: text(&raw, "accountId"),
            key: text(&raw, "key"),
            name: text(&raw, "name"),
            display_name: text(&raw, "displayName"),
            time_zone: text(&raw, "timeZone"),
            raw: Value::Object(raw),
        };
        if me.account_id.is_none() && me.key.is_none() && me.name.is_none() {
            return Err(unexpected(format!("{WHAT}: names no account"), &me.raw));
        }
        Ok(me)
    }
}
