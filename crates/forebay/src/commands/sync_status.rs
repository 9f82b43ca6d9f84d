//! `forebay sync status`

use application::{
    TenantContext,
    sync::{SyncStatus, SyncTrouble},
    tenants::Tenant,
};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{failure::Failure, output, wiring::Wiring};

/// A mirror's freshness, with whose it is and how it fails.
#[derive(Serialize)]
struct Standing {
    /// The tenant's name.
    tenant: String,
    #[serde(flatten)]
    status: SyncStatus,
    /// Since when and why its site cannot be read; null while it can.
    failing: Option<SyncTrouble>,
}

/// Shows how fresh the mirrors are: of a tenant or of all, or one of them.
///
/// # Errors
/// A failure with the exit code for "done, but not all is well" when a mirror fails, after everything was shown.
pub(super) async fn run(
    wiring: &Wiring,
    tenant: Option<&str>,
    name: Option<&str>,
    as_json: bool,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    match (name, tenant) {
        (Some(name), _) => {
            let (tenant, instance) = wiring.instance(tenant, name).await?;
            if !instance.kind.is_mirror() {
                return Err(Failure::new(format!(
                    "`{name}` is a sandbox: it is its own source, nothing is synced"
                ))
                .hint("`forebay sync status` without a name shows the mirrors"));
            }
            found.extend(standings(wiring, &tenant, Some(instance.id)).await?);
        }
        (None, Some(_)) => found.extend(standings(wiring, &wiring.tenant(tenant).await?, None).await?),
        (None, None) => {
            for tenant in wiring.services.db.platform().await?.tenants().await? {
                found.extend(standings(wiring, &tenant, None).await?);
            }
        }
    }
    let failing = found.iter().filter(|standing| standing.failing.is_some()).count();
    match as_json {
        true => output::json(&found)?,
        false => show(&found)?,
    }
    match failing {
        0 => Ok(()),
        1 => Err(Failure::in_part("1 mirror fails")),
        _ => Err(Failure::in_part(format!("{failing} mirrors fail"))),
    }
}

async fn standings(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: Option<domain::ids::InstanceId>,
) -> Result<Vec<Standing>, Failure> {
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    let mut troubles = tx.sync_troubles(instance, wiring.now()).await?;
    let statuses = tx.sync_status(instance).await?;
    let standing = |status: SyncStatus| Standing {
        tenant: tenant.name.clone(),
        failing: troubles.remove(&status.instance_id),
        status,
    };
    Ok(statuses.into_iter().map(standing).collect())
}

fn show(found: &[Standing]) -> Result<(), Failure> {
    if found.is_empty() {
        output::note("there is no mirror; `forebay instance add` adds one");
        return Ok(());
    }
    let rows: Vec<_> = found.iter().map(row).collect();
    output::table(&["TENANT", "INSTANCE", "ISSUES", "STATE", "LAST PROOF", "WATERMARK", "STEP"], &rows)?;
    for Standing { tenant, failing, .. } in found {
        let Some(failing) = failing else { continue };
        let next = match failing.next_try {
            Some(at) => format!("tried again by {} while a worker runs", moment(Some(at))),
            None => "not tried again: the instance is not active, or its sync is paused".to_owned(),
        };
        output::note(&format!(
            "{tenant}/{} fails since {}: {}; {next}",
            failing.instance,
            moment(Some(failing.failing_since)),
            failing.last_error.as_deref().unwrap_or("the log says why"),
        ));
    }
    Ok(())
}

fn row(standing: &Standing) -> Vec<String> {
    let status = &standing.status;
    let (state, step) = match &status.run {
        Some(run) => (run.state.as_str(), format!("{} {}", run.kind.as_str(), run.step)),
        None => ("-", "not synced yet".to_owned()),
    };
    let state = match &standing.failing {
        _ if status.schedule.paused_at.is_some() => "paused",
        Some(_) => "failing",
        None => state,
    };
    vec![
        standing.tenant.clone(),
        status.instance.clone(),
        status.issues.to_string(),
        state.to_owned(),
        moment(status.last_proof),
        moment(status.watermark.filter(|at| at.timestamp() > 0)),
        output::cut(&step, 60),
    ]
}

fn moment(at: Option<DateTime<Utc>>) -> String {
    at.map_or("never".into(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string())
}
