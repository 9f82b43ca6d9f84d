//! What people do to a sync: start, pause, resume, cancel. Each is audited.

use serde_json::{Value, json};

use super::{
    ISSUES, RunKind, SyncInstance,
    engine::{require_going_on, require_mirror},
};
use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::Caller,
    error::{Error, Result},
    instances::{Instance, require_instance},
    jobs::Job,
    ports::TenantTx,
    services::Services,
};

/// Asks for a sync through the workers, on behalf of a caller.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox, and while the sync is paused.
pub async fn start(services: &Services, caller: &Caller, name: &str) -> Result<Instance> {
    caller.permit(Action::StartSync)?;
    let (mut tx, instance) = mirror(services, caller, name).await?;
    require_going_on(tx.as_mut(), &instance).await?;
    tx.enqueue(SyncInstance { tenant: caller.tenant, instance: instance.id }.request()?).await?;
    let after = json!({ "instance": instance.name, "requested": true });
    record(services, tx.as_mut(), caller, &instance, Action::StartSync, (Value::Null, after)).await?;
    tx.commit().await?;
    Ok(instance)
}

/// Has everything copied anew, by whoever runs the next sync, with the site in the right wherever the copy is newer: it went back in
/// time, as after a restore from a backup. What the copy has stays until it is read again; a run under way is ended. What the site
/// does not have any more is found by the census that follows.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox, and while the sync is paused.
pub async fn begin_anew(services: &Services, caller: &Caller, name: &str) -> Result<Instance> {
    caller.permit(Action::StartSync)?;
    let (mut tx, instance) = mirror(services, caller, name).await?;
    require_going_on(tx.as_mut(), &instance).await?;
    let now = services.clock.now();
    tx.cancel_run(instance.id, ISSUES, now).await?;
    tx.drop_ranges(instance.id).await?;
    tx.begin_anew(instance.id, now).await?;
    let after = json!({ "instance": instance.name, "anew": true });
    record(services, tx.as_mut(), caller, &instance, Action::StartSync, (Value::Null, after)).await?;
    tx.commit().await?;
    Ok(instance)
}

/// Pauses the sync of a mirror: a run under way ends with the page it is at, and goes on there when it is resumed. Webhooks
/// are still taken in.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox, and when it is paused already.
pub async fn pause(services: &Services, caller: &Caller, name: &str) -> Result<Instance> {
    caller.permit(Action::PauseSync)?;
    let (mut tx, instance) = mirror(services, caller, name).await?;
    let now = services.clock.now();
    if !tx.pause_sync(instance.id, Some(now)).await? {
        return Err(Error::Conflict(format!("the sync of `{}` is paused already", instance.name)));
    }
    tx.take_run(instance.id, ISSUES, now).await?;
    record(services, tx.as_mut(), caller, &instance, Action::PauseSync, told(false)).await?;
    tx.commit().await?;
    Ok(instance)
}

/// Lets a paused sync go on, at once.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox, and when it is not paused.
pub async fn resume(services: &Services, caller: &Caller, name: &str) -> Result<Instance> {
    caller.permit(Action::ResumeSync)?;
    let (mut tx, instance) = mirror(services, caller, name).await?;
    if !tx.pause_sync(instance.id, None).await? {
        return Err(Error::Conflict(format!("the sync of `{}` is not paused", instance.name)));
    }
    tx.enqueue(SyncInstance { tenant: caller.tenant, instance: instance.id }.request()?).await?;
    record(services, tx.as_mut(), caller, &instance, Action::ResumeSync, told(true)).await?;
    tx.commit().await?;
    Ok(instance)
}

/// Ends the run under way. What it has stored stays. A backfill that was canceled begins anew, so the sync is paused until
/// somebody wants that.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox, and when no run is under way.
pub async fn cancel(services: &Services, caller: &Caller, name: &str) -> Result<Instance> {
    caller.permit(Action::CancelSync)?;
    let (mut tx, instance) = mirror(services, caller, name).await?;
    let now = services.clock.now();
    let Some(run) = tx.cancel_run(instance.id, ISSUES, now).await? else {
        return Err(Error::Conflict(format!("no sync of `{}` is under way", instance.name)));
    };
    if run.kind == RunKind::Backfill {
        tx.drop_ranges(instance.id).await?;
        tx.pause_sync(instance.id, Some(now)).await?;
    }
    let detail = json!({ "run": run.id, "kind": run.kind, "done": run.done });
    record(services, tx.as_mut(), caller, &instance, Action::CancelSync, (detail, Value::Null)).await?;
    tx.commit().await?;
    Ok(instance)
}

async fn mirror(services: &Services, caller: &Caller, name: &str) -> Result<(Box<dyn TenantTx>, Instance)> {
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_mirror(&instance)?;
    Ok((tx, instance))
}

/// Whether a sync was paused, and is.
fn told(was: bool) -> (Value, Value) {
    (json!({ "paused": was }), json!({ "paused": !was }))
}

async fn record(
    services: &Services,
    tx: &mut dyn TenantTx,
    caller: &Caller,
    instance: &Instance,
    action: Action,
    (before, after): (Value, Value),
) -> Result<()> {
    let now = services.clock.now();
    tx.record(NewAuditEntry::success(
        caller,
        Some(instance.id),
        action.as_str(),
        &instance.name,
        before,
        after,
        now,
    ))
    .await
}
