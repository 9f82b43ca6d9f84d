//! `forebay sync`

use std::time::Duration;

use application::{
    Error, TenantContext,
    instances::Instance,
    jobs::{Job, JobError},
    pulse::RefreshMetrics,
    sync::{self, RunState, SyncRun},
    tenants::Tenant,
};
use serde_json::{Value, json};

use super::{progress::TerminalProgress, sync_status};
use crate::{cli::SyncCommand, failure::Failure, output, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring, command: &SyncCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        SyncCommand::Run { name, wait, tenant } => {
            let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            let run = sync_now(wiring, &tenant, &instance, *wait).await?;
            if as_json {
                return output::json(&summary(&run));
            }
            let document = summary(&run);
            output::line(&format!(
                "{}: {} issues, {} comments, {} changelog items, {} worklogs in {} s ({} requests, {} retries)",
                instance.name,
                document["issues"],
                document["comments"],
                document["changelog_items"],
                document["worklogs"],
                document["seconds"],
                document["requests"],
                document["retries"],
            ))?;
            if run.counts.rejected > 0 {
                output::note(&format!(
                    "{} could not be read and kept aside",
                    output::counted(run.counts.rejected, "issue")
                ));
            }
            Ok(())
        }
        SyncCommand::Status { name, tenant } => {
            sync_status::run(wiring, tenant.tenant.as_deref(), name.as_deref(), as_json).await
        }
    }
}

/// Syncs here and now. While another process holds the lease, waits for its run if asked to.
pub(super) async fn sync_now(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: &Instance,
    wait: bool,
) -> Result<SyncRun, Failure> {
    let progress = TerminalProgress::new(&instance.name);
    let outcome = sync::run(&wiring.services, tenant.id, instance.id, &progress).await;
    let run = match outcome {
        Err(Error::Conflict(_)) if wait && instance.kind.is_mirror() => {
            follow(wiring, tenant, instance).await
        }
        Err(error @ Error::Conflict(_)) if instance.kind.is_mirror() => Err(Failure::from(error)
            .hint("`--wait` waits for the run that is under way; `forebay sync status` shows it")),
        other => other.map_err(Failure::from),
    };
    progress.finish();
    let run = run?;
    // No worker may be running to take the job, and whoever looks at the numbers next expects them to be true. Where another
    // refresh is under way, the job that the run has left makes up for it.
    if run.counts.issues > 0
        && let Err(error @ (JobError::Retry(_) | JobError::Fail(_))) =
            (RefreshMetrics {}).run(&wiring.services).await
    {
        output::note(&format!("the metrics could not be refreshed: {error:?}"));
    }
    Ok(run)
}

async fn follow(wiring: &Wiring, tenant: &Tenant, instance: &Instance) -> Result<SyncRun, Failure> {
    loop {
        let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
        let run = tx.latest_run(instance.id).await?;
        drop(tx);
        match run {
            Some(run) if run.state == RunState::Running => {
                tokio::time::sleep(Duration::from_millis(500)).await
            }
            Some(run) if run.state == RunState::Succeeded => return Ok(run),
            Some(run) => {
                return Err(Failure::new(run.error.unwrap_or_else(|| "the run was ended".to_owned())));
            }
            None => return Err(Failure::new("the run is gone: was the instance removed?")),
        }
    }
}

/// The summary that other programs rely on.
pub(super) fn summary(run: &SyncRun) -> Value {
    let until = run.finished_at.unwrap_or(run.updated_at);
    let seconds = (until - run.started_at).num_milliseconds() as f64 / 1000.0;
    json!({
        "issues": run.counts.issues,
        "comments": run.counts.comments,
        "changelog_items": run.counts.changelog_items,
        "worklogs": run.counts.worklogs,
        "requests": run.counts.requests,
        "retries": run.counts.retries,
        "seconds": seconds,
    })
}
