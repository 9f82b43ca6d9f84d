//! Tenants: who pays; the border nothing crosses.

mod remove;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::Serialize;

pub use remove::{TenantRemoval, remove_tenant};

use crate::error::{Error, Result};

/// A tenant.
#[derive(Clone, Debug, Serialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name: lower-case letters, digits and dashes.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Tenants, across the border: only for the platform transaction.
#[async_trait]
pub trait TenantRegistry: Send {
    /// Makes a tenant.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the name is taken.
    async fn create_tenant(&mut self, name: &str) -> Result<Tenant>;

    /// All tenants, by name.
    async fn tenants(&mut self) -> Result<Vec<Tenant>>;

    /// The tenant with this name or id.
    async fn tenant_named(&mut self, name_or_id: &str) -> Result<Option<Tenant>>;

    /// Removes at most so many entries of a tenant's audit log; answers how many.
    async fn remove_audit_entries(&mut self, tenant: TenantId, most: i32) -> Result<u64>;

    /// Removes a tenant. What is left of it goes by the foreign keys, in one statement: it should be little.
    async fn remove_tenant(&mut self, tenant: TenantId) -> Result<()>;

    /// Removes the queue's lanes of a removed instance.
    async fn remove_lanes(&mut self, instance: InstanceId) -> Result<()>;

    /// Every active mirror of every tenant: ids, nothing else. For the scheduler.
    async fn active_mirrors(&mut self) -> Result<Vec<(TenantId, InstanceId)>>;

    /// The mirrors whose time has come by then and that nobody is at, the longest waiting first.
    async fn due_mirrors(&mut self, at: DateTime<Utc>) -> Result<Vec<(TenantId, InstanceId)>>;

    /// Whose instance this is. For the webhook door, before a tenant is known.
    async fn tenant_of_instance(&mut self, instance: InstanceId) -> Result<Option<TenantId>>;

    /// Lets the planner look at the rows: after a first copy it knows nothing of them until autovacuum comes by.
    async fn gather_statistics(&mut self) -> Result<()>;

    /// Recomputes the materialized views, while readers go on with the old ones. Answers false, and does nothing, while
    /// another refresh is under way; that one may have begun too early to see what the caller has written.
    async fn refresh_metrics(&mut self) -> Result<bool>;
}

/// The tenant's own name, inside its border.
#[async_trait]
pub trait TenantName: Send {
    /// The name of the transaction's tenant; `None` when it was removed meanwhile.
    async fn tenant_name(&mut self) -> Result<Option<String>>;
}

/// # Errors
/// [`Error::Invalid`] unless the name is of lower-case letters, digits and dashes, at most 63, not starting with a dash.
pub fn check_name(field: &str, name: &str) -> Result<()> {
    let well_formed = !name.is_empty()
        && name.len() <= 63
        && !name.starts_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if well_formed {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!(
            "`{name}` cannot be a name; use 1 to 63 lower-case letters, digits and dashes, not starting with a dash"
        ),
    ))
}
