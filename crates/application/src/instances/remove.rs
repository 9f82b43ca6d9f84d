//! Removing an instance with every row of it, in steps that each hold few locks for a short while.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::require_instance;
use crate::{
    actions::Action, audit::NewAuditEntry, caller::Caller, error::Result, services::Services, webhooks,
};

/// Issues that one transaction removes, with all that hangs on them.
const ISSUES: i64 = 500;
/// Rows of another table that one transaction removes.
const ROWS: i64 = 5_000;

/// Removes an instance; answers how many rows by table. Its webhook at the site is removed too, where the site can be reached.
/// Killed half way, it is begun again and goes on.
pub async fn remove_instance(
    services: &Services,
    caller: &Caller,
    name: &str,
) -> Result<BTreeMap<String, u64>> {
    caller.permit(Action::RemoveInstance)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    drop(tx);
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.stop_instance(instance.id, services.clock.now()).await?;
    tx.commit().await?;
    let mut rows = BTreeMap::new();
    // While the instance is there still: what is asked of a site is counted with it.
    if instance.webhook_id.is_some()
        && let Err(error) = webhooks::remove_from_site(services, caller.tenant, &instance).await
    {
        tracing::warn!(%error, instance = instance.name, "the webhook at the site could not be removed");
    }
    loop {
        let mut tx = services.db.tenant(&caller.context()).await?;
        let removed = tx.remove_instance_rows(instance.id, ISSUES, ROWS).await?;
        tx.commit().await?;
        if removed.is_empty() {
            break;
        }
        add_counts(&mut rows, removed);
    }
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.remove_instance(instance.id).await?;
    add_counts(&mut rows, BTreeMap::from([("jira_instances".to_owned(), 1)]));
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
    let mut platform = services.db.platform().await?;
    platform.remove_lanes(instance.id).await?;
    platform.commit().await?;
    Ok(rows)
}

/// Adds counts by table.
pub(crate) fn add_counts(sum: &mut BTreeMap<String, u64>, counts: BTreeMap<String, u64>) {
    for (table, rows) in counts {
        *sum.entry(table).or_default() += rows;
    }
}
