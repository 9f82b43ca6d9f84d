//! Sandboxes follow their server: their Jira is wherever it is reached.

use crate::{
    error::Result, instances::InstanceKind, ports::Database, services::Services,
    tenant_context::TenantContext, tenants::Tenant,
};

/// Gives the sandboxes of every tenant the address of this server, which may have been another one when they were added. Their
/// webhooks to the old address are taken down: nobody hears them any more.
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
        let place = format!("/jira/{}", sandbox.name);
        let address = format!("{public_url}{place}");
        if sandbox.kind != InstanceKind::Sandbox || sandbox.base_url == address {
            continue;
        }
        let before = sandbox.base_url.strip_suffix(&place).unwrap_or(&sandbox.base_url);
        let deaf = format!("{before}/");
        for webhook in tx.webhooks(sandbox.id).await?.iter().filter(|hook| hook.url.starts_with(&deaf)) {
            tx.remove_webhook(sandbox.id, webhook.jira_id).await?;
        }
        tx.move_instance(sandbox.id, &address).await?;
        moved = true;
    }
    if moved { tx.commit().await } else { Ok(()) }
}
