//! Removing a tenant with every row of it, in steps that each hold few locks for a short while.

use std::collections::BTreeMap;

use domain::ids::TenantId;
use serde::Serialize;

use super::Tenant;
use crate::{
    caller::Caller,
    error::{Error, Result},
    instances, keys,
    services::Services,
    tenant_context::TenantContext,
};

/// Rows that one transaction removes.
const ROWS: i32 = 5_000;

/// What a removal took away.
#[derive(Clone, Debug, Serialize)]
pub struct TenantRemoval {
    /// The tenant's id.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Rows by table; only tables that had some.
    pub rows: BTreeMap<String, u64>,
    /// Jobs that waited, or had failed for good.
    pub jobs: u64,
}

/// Removes a tenant: its keys first, so that every door closes at once; then its jobs, its instances with their webhooks at the
/// sites, whatever else it has, and the tenant itself last. Killed half way, it is begun again and goes on.
///
/// # Errors
/// [`Error::NotFound`] when there is no such tenant.
pub async fn remove_tenant(services: &Services, name_or_id: &str) -> Result<TenantRemoval> {
    let mut platform = services.db.platform().await?;
    let tenant: Option<Tenant> = platform.tenant_named(name_or_id).await?;
    drop(platform);
    let tenant = tenant.ok_or_else(|| Error::not_found("tenant", name_or_id))?;
    let operator = Caller::system(tenant.id);
    let mut tx = services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    let (keys, instances) = (tx.keys().await?, tx.instances().await?);
    drop(tx);
    for key in keys {
        keys::revoke_key(services, &operator, key.id).await?;
    }
    let mut tx = services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    for instance in &instances {
        tx.stop_instance(instance.id, services.clock.now()).await?;
    }
    tx.commit().await?;

    let mut jobs = remove_jobs(services, tenant.id).await?;
    let mut rows = BTreeMap::new();
    for instance in &instances {
        instances::add_counts(
            &mut rows,
            instances::remove_instance(services, &operator, &instance.name).await?,
        );
    }
    loop {
        let mut tx = services.db.tenant(&TenantContext::whole(tenant.id)).await?;
        let Some((table, removed)) = tx.remove_tenant_rows(ROWS).await? else { break };
        tx.commit().await?;
        *rows.entry(table).or_default() += removed;
    }
    loop {
        let mut platform = services.db.platform().await?;
        let removed = platform.remove_audit_entries(tenant.id, ROWS).await?;
        platform.commit().await?;
        if removed == 0 {
            break;
        }
        *rows.entry("audit_log".to_owned()).or_default() += removed;
    }
    // What came in between goes with the tenant, by the foreign keys.
    let mut platform = services.db.platform().await?;
    platform.remove_tenant(tenant.id).await?;
    platform.commit().await?;
    jobs += remove_jobs(services, tenant.id).await?;

    let mut platform = services.db.platform().await?;
    for instance in &instances {
        platform.remove_lanes(instance.id).await?;
    }
    platform.refresh_metrics().await?;
    platform.commit().await?;
    Ok(TenantRemoval { id: tenant.id, name: tenant.name, rows, jobs })
}

async fn remove_jobs(services: &Services, tenant: TenantId) -> Result<u64> {
    let mut jobs = 0;
    loop {
        let mut platform = services.db.platform().await?;
        let removed = platform.remove_jobs(tenant, None, ROWS).await?;
        platform.commit().await?;
        jobs += removed;
        if removed == 0 {
            return Ok(jobs);
        }
    }
}
