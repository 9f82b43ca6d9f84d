//! Instances: the Jira sites of a tenant, mirrors and sandboxes.

mod add;
mod credential;
mod quota;
mod remove;
mod test;

use std::{collections::BTreeMap, fmt, str::FromStr};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use add::{NewGrant, NewInstance, add_instance};
pub use credential::{NewCredential, replace_credential};
pub use quota::{Quota, quota};
pub(crate) use remove::add_counts;
pub use remove::remove_instance;
pub(crate) use test::identify;
pub use test::{InstanceTest, Push, connect, test_instance};
pub(crate) use test::{connect_as, connect_within};

use crate::{
    error::{Error, Result},
    oauth::ATLASSIAN_GATEWAY,
};

/// What an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceKind {
    /// A mirror of a Jira Cloud site.
    Cloud,
    /// A mirror of a Jira Server site.
    Server,
    /// A mirror of a Jira Data Center site.
    DataCenter,
    /// A site whose truth is Forebay itself.
    Sandbox,
}

impl InstanceKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::Server => "server",
            Self::DataCenter => "datacenter",
            Self::Sandbox => "sandbox",
        }
    }

    /// Whether the truth is elsewhere.
    pub fn is_mirror(self) -> bool {
        self != Self::Sandbox
    }
}

impl FromStr for InstanceKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Cloud, Self::Server, Self::DataCenter, Self::Sandbox]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                Error::invalid(
                    "kind",
                    format!("`{text}` is no kind; choose from cloud, datacenter, server, sandbox"),
                )
            })
    }
}

impl fmt::Display for InstanceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How to sign in at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all: a sandbox has no other site.
    None,
    /// Basic with e-mail address (or user name) and API token (or password).
    ApiToken,
    /// Bearer with a personal access token.
    Pat,
    /// OAuth 2.0: Bearer with an access token, renewed by the instance's grant where it has one.
    Oauth,
}

impl AuthMethod {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ApiToken => "api_token",
            Self::Pat => "pat",
            Self::Oauth => "oauth",
        }
    }
}

impl FromStr for AuthMethod {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::None, Self::ApiToken, Self::Pat, Self::Oauth]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or_else(|| {
                Error::invalid("auth", format!("`{text}` is no method; choose from api_token, pat, oauth"))
            })
    }
}

/// The shape of issue JSON that a site speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// REST v2: wiki markup; Server and Data Center.
    V2,
    /// REST v3: Atlassian Document Format; Cloud.
    V3,
}

impl Dialect {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

impl FromStr for Dialect {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "v2" => Ok(Self::V2),
            "v3" => Ok(Self::V3),
            _ => Err(Error::internal(format!("`{text}` is no dialect"))),
        }
    }
}

/// An instance as shown: no secret in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name in addresses: `/jira/{name}`.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// What it is.
    pub kind: InstanceKind,
    /// Its address.
    pub base_url: String,
    /// How we sign in.
    pub auth_method: AuthMethod,
    /// The shape it speaks.
    pub dialect: Dialect,
    /// The account we are there, once tested.
    pub account_id: Option<String>,
    /// The account's time zone.
    pub time_zone: Option<String>,
    /// The id of our webhook there, when one could be registered.
    pub webhook_id: Option<String>,
    /// Whether it is kept in sync.
    pub active: bool,
    /// Its id at Atlassian's gateway, where it is reached; `None`: at its own address.
    #[serde(default)]
    pub cloud_id: Option<String>,
    /// The most requests a minute to it; `None`: the server's setting.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Why its credential is of no use until a person gives another; `None` while it is.
    #[serde(default)]
    pub credential_problem: Option<String>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// The revision of the fault plan that a sandbox serves: see [`crate::sandbox::faults`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<Uuid>,
}

impl Instance {
    /// Where its API is: its own address, or Atlassian's gateway.
    pub fn api_url(&self) -> String {
        match &self.cloud_id {
            Some(cloud_id) => format!("{ATLASSIAN_GATEWAY}/{cloud_id}"),
            None => self.base_url.clone(),
        }
    }
}

/// The sealed secrets of an instance.
#[derive(Clone, Debug, Default)]
pub struct SealedSecrets {
    /// The credential: see [`crate::instances::add_instance`].
    pub credential: Option<String>,
    /// The secret that signs webhooks.
    pub webhook: Option<String>,
    /// The secret part of the address to which webhooks are delivered that nobody signs.
    pub webhook_path: Option<String>,
}

/// An instance to be stored.
#[derive(Clone, Debug)]
pub struct InstanceRecord {
    /// Its id.
    pub id: InstanceId,
    /// Its name in addresses.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// What it is.
    pub kind: InstanceKind,
    /// Its address.
    pub base_url: String,
    /// How we sign in.
    pub auth_method: AuthMethod,
    /// Keyed hash of the account's address.
    pub email_hash: Option<String>,
    /// The sealed secrets.
    pub secrets: SealedSecrets,
    /// The shape it speaks.
    pub dialect: Dialect,
    /// Its id at Atlassian's gateway.
    pub cloud_id: Option<String>,
    /// The most requests a minute to it.
    pub requests_per_minute: Option<u32>,
}

/// Storage of instances.
#[async_trait]
pub trait InstanceStore: Send {
    /// Stores an instance.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the tenant has one of that name.
    async fn add_instance(&mut self, record: &InstanceRecord) -> Result<()>;

    /// All instances of the tenant, by name.
    async fn instances(&mut self) -> Result<Vec<Instance>>;

    /// The instance of that name or id.
    async fn instance(&mut self, name_or_id: &str) -> Result<Option<Instance>>;

    /// Its sealed secrets.
    async fn sealed_secrets(&mut self, id: InstanceId) -> Result<SealedSecrets>;

    /// Notes who we are there and what it speaks.
    async fn note_identity(
        &mut self,
        id: InstanceId,
        account_id: &str,
        time_zone: Option<&str>,
        dialect: Dialect,
    ) -> Result<()>;

    /// Replaces the sealed credential and how it signs in; that it was of no use is forgotten.
    async fn replace_credential(
        &mut self,
        id: InstanceId,
        auth: AuthMethod,
        email_hash: Option<&str>,
        sealed: &str,
    ) -> Result<()>;

    /// Notes the webhook registered there; `None`: there is none.
    async fn note_webhook(&mut self, id: InstanceId, webhook_id: Option<&str>) -> Result<()>;

    /// Replaces what makes webhooks believed: both of [`SealedSecrets::webhook`] and [`SealedSecrets::webhook_path`].
    async fn keep_webhook_secrets(&mut self, id: InstanceId, secret: &str, path: &str) -> Result<()>;

    /// Changes the address; the webhook registered there is forgotten.
    async fn move_instance(&mut self, id: InstanceId, base_url: &str) -> Result<()>;

    /// Ends the running sync of an instance, and lets no other begin by itself.
    async fn stop_instance(&mut self, id: InstanceId, at: DateTime<Utc>) -> Result<()>;

    /// Removes some rows of an instance: so many issues with all that hangs on them, or so many rows of another table. Answers
    /// how many by table; nothing when there are none left.
    async fn remove_instance_rows(
        &mut self,
        id: InstanceId,
        issues: i64,
        rows: i64,
    ) -> Result<BTreeMap<String, u64>>;

    /// Removes some rows of the tenant from one table; answers which, and how many. `None` when there are none left that the
    /// application may remove.
    async fn remove_tenant_rows(&mut self, most: i32) -> Result<Option<(String, u64)>>;

    /// Removes an instance. What is left of it goes by the foreign keys, in one statement: it should be little (see
    /// [`InstanceStore::remove_instance_rows`]).
    async fn remove_instance(&mut self, id: InstanceId) -> Result<()>;

    /// Takes `count` fresh numeric ids of a sandbox; answers the first.
    async fn take_sandbox_ids(&mut self, id: InstanceId, count: i64) -> Result<i64>;

    /// Raises the last id of a sandbox to at least this one.
    async fn raise_sandbox_id(&mut self, id: InstanceId, at_least: i64) -> Result<()>;

    /// Notes what a sandbox is seeded with, unless that was noted before; answers what is noted now.
    async fn note_sandbox_seed(
        &mut self,
        id: InstanceId,
        seed: crate::sandbox::SandboxSeed,
    ) -> Result<crate::sandbox::SandboxSeed>;

    /// Sets the shape a sandbox speaks.
    async fn set_dialect(&mut self, id: InstanceId, dialect: Dialect) -> Result<()>;
}

/// The instance, or [`Error::NotFound`].
pub async fn require_instance(tx: &mut dyn crate::ports::TenantTx, name_or_id: &str) -> Result<Instance> {
    tx.instance(name_or_id).await?.ok_or_else(|| Error::not_found("instance", name_or_id))
}
