//! Sandboxes follow their server: their Jira is wherever it is reached.

use crate::{
    error::Result, instances::InstanceKind, ports::Database, services::Services,
    tenant_context::TenantContext, tenants::Tenant,
};

/// Gives the sandboxes of every tenant the address of this server, which may have been another one when they were added. Their
/// webhooks stay: another server may hear them still.
///
/// # Errors
/// [`crate::Error::Unavailable`] when the database does not answer.
pub async fn follow_server(services: &Services) -> Result<()> {
    let tenants = services.db.platform().await?.tenants().await?;
    for tenant in tenants {
        follow(services.db.as_ref(), &tenant, &services.public_url).await?;
    }
    Ok(())
}

async fn follow(db: &dyn Database, tenant: &Tenant, public_url: &str) -> Result<()> {
    let mut tx = db.tenant(&TenantContext::whole(tenant.id)).await?;
    let mut moved = false;
    for sandbox in tx.instances().await? {
        let address = format!("{public_url}/jira/{}", sandbox.name);
        if sandbox.kind != InstanceKind::Sandbox || sandbox.base_url == address {
            continue;
        }
        tx.move_instance(sandbox.id, &address).await?;
        moved = true;
    }
    if moved { tx.commit().await } else { Ok(()) }
}
