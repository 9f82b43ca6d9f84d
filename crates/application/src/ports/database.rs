//! The database as one unit of work. `Database::tenant` is the one door: it sets the tenant in the same statement
//! that opens the transaction, and the pool behind it is private.

use std::time::Duration;

use async_trait::async_trait;
use domain::ids::TenantId;
use serde_json::Value;

use crate::{
    agile::AgileStore,
    audit::AuditStore,
    catalog::CatalogStore,
    erasure::ErasurePlatform,
    erasure::ErasureStore,
    error::Result,
    history::HistoryStore,
    idempotency::IdempotencyStore,
    instances::InstanceStore,
    issues::IssueStore,
    issues::{AttachedStore, ChildrenStore, ContentStore, FollowerStore, PropertyStore, WorklogFeedStore},
    jobs::JobHistory,
    jobs::JobQueue,
    jobs::JobRegistry,
    keys::ApiKey,
    keys::KeyRegistry,
    keys::KeyStore,
    keys::SignInLinkStore,
    oauth::OauthStore,
    pulse::PulseStore,
    reference::{GroupStore, ReferenceStore},
    rotation::SealedStore,
    sandbox::SandboxStore,
    sandbox::faults::FaultStore,
    search::SearchStore,
    service_desks::ServiceDeskStore,
    site_limits::SiteLimitStore,
    site_limits::SitePlatform,
    site_lists::SiteListStore,
    sync::SyncStore,
    sync::TroubleStore,
    sync::census::CensusStore,
    sync::drift::DriftStore,
    sync::freshness::FreshnessPlatform,
    sync::freshness::FreshnessStore,
    sync::losses::LossStore,
    sync::reference::ReferenceReadStore,
    sync::rejects::RejectStore,
    sync::worklogs::FollowedWorklogStore,
    tenant_context::TenantContext,
    tenants::TenantName,
    tenants::TenantRegistry,
    webhooks::HintStore,
    webhooks::RegistrationStore,
    webhooks::WebhookStore,
};

/// A transaction of one tenant. Dropped without [`TenantTx::commit`], it leaves nothing.
#[async_trait]
pub trait TenantTx:
    AgileStore
    + AttachedStore
    + AuditStore
    + CatalogStore
    + CensusStore
    + ChildrenStore
    + ContentStore
    + DriftStore
    + ErasureStore
    + FaultStore
    + FollowedWorklogStore
    + FollowerStore
    + FreshnessStore
    + GroupStore
    + HintStore
    + HistoryStore
    + IdempotencyStore
    + InstanceStore
    + IssueStore
    + JobHistory
    + JobQueue
    + KeyStore
    + LossStore
    + OauthStore
    + PropertyStore
    + PulseStore
    + ReferenceReadStore
    + ReferenceStore
    + RegistrationStore
    + RejectStore
    + SandboxStore
    + SealedStore
    + SearchStore
    + ServiceDeskStore
    + SignInLinkStore
    + SiteLimitStore
    + SiteListStore
    + SyncStore
    + TenantName
    + TroubleStore
    + WebhookStore
    + WorklogFeedStore
    + Send
{
    /// The tenant of the transaction.
    fn tenant(&self) -> TenantId;

    /// Makes all of it last, jobs included.
    async fn commit(self: Box<Self>) -> Result<()>;

    /// The same for what a job does, without waiting for the disk. It is there no later than the end of the job, since commits get there in
    /// their order and the queue does wait: a crash of the database server in between undoes it, the job has not ended, and is run
    /// again. For nothing that anybody was promised.
    async fn commit_again_if_lost(self: Box<Self>) -> Result<()>;
}

/// A transaction of the narrow exception: tenants and keys, before or across tenants, and ids for the scheduler.
#[async_trait]
pub trait PlatformTx:
    ErasurePlatform
    + FreshnessPlatform
    + JobQueue
    + JobRegistry
    + KeyRegistry
    + SitePlatform
    + TenantRegistry
    + Send
{
    /// Makes all of it last.
    async fn commit(self: Box<Self>) -> Result<()>;
}

/// Caps on one question at the SQL door.
#[derive(Clone, Copy, Debug)]
pub struct SqlLimits {
    /// The statement is cancelled after that.
    pub timeout: Duration,
    /// Rows beyond are not read.
    pub max_rows: usize,
    /// Bytes of JSON beyond are not kept.
    pub max_bytes: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), max_rows: 1_000, max_bytes: 1_000_000 }
    }
}

/// An answer of the SQL door.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SqlAnswer {
    /// Column names, in order.
    pub columns: Vec<String>,
    /// Their types, as PostgreSQL names them: `text`, `int8`, `numeric`, `timestamptz`, `text[]` ...
    pub types: Vec<String>,
    /// Rows, each in the columns' order.
    pub rows: Vec<Vec<Value>>,
    /// Whether rows were left out by a cap.
    pub truncated: bool,
}

/// The database.
#[async_trait]
pub trait Database: Send + Sync {
    /// Opens a tenant's transaction, held to the context's projects.
    ///
    /// # Errors
    /// [`crate::error::Error::Unavailable`] when no connection is free in time.
    async fn tenant(&self, context: &TenantContext) -> Result<Box<dyn TenantTx>>;

    /// The key with this prefix and the hash of its secret: what every request asks first, before its tenant is known. One statement
    /// outside of any transaction.
    ///
    /// # Errors
    /// As [`Database::tenant`].
    async fn key_by_prefix(&self, prefix: &str) -> Result<Option<(ApiKey, Vec<u8>)>>;

    /// Opens a transaction of the narrow exception.
    async fn platform(&self) -> Result<Box<dyn PlatformTx>>;

    /// Asks the SQL door one read-only question on behalf of a tenant.
    ///
    /// # Errors
    /// [`crate::error::Error::Invalid`] (field `sql`) for anything but one SELECT over the views of schema `jira`;
    /// [`crate::error::Error::Forbidden`] for a context that is limited to projects: the door knows whole tenants only.
    async fn ask(&self, context: &TenantContext, sql: &str, limits: SqlLimits) -> Result<SqlAnswer>;

    /// Whether the database answers and its border is closed; for readiness.
    async fn check(&self) -> Result<()>;
}
