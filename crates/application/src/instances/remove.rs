//! Removing an instance with every row of it.

use serde_json::{Value, json};

use super::{connect, require_instance};
use crate::{actions::Action, audit::NewAuditEntry, caller::Caller, error::Result, services::Services};

/// Removes an instance. Its webhook at the site is removed too, where the site can be reached.
pub async fn remove_instance(services: &Services, caller: &Caller, name: &str) -> Result<()> {
    caller.permit(Action::RemoveInstance)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    drop(tx);
    // Opened now, while the credential is still there; used only once the removal is certain.
    let site = match &instance.webhook_id {
        Some(webhook) => Some((webhook, connect(services, caller.tenant, &instance).await)),
        None => None,
    };
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.remove_instance(instance.id).await?;
    let before = json!({ "name": instance.name, "kind": instance.kind, "base_url": instance.base_url });
    tx.record(NewAuditEntry::success(
        caller,
        Some(instance.id),
        Action::RemoveInstance.as_str(),
        &instance.name,
        before,
        Value::Null,
        services.clock.now(),
    ))
    .await?;
    tx.commit().await?;
    if let Some((webhook, site)) = site {
        let removed = match site {
            Ok(site) => site.remove_webhook(webhook).await,
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, instance = instance.name, "the webhook at the site could not be removed");
        }
    }
    Ok(())
}
