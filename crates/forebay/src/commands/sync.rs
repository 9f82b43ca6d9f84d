//! `forebay sync`

use std::time::Duration;

use application::{
    Error, TenantContext,
    instances::Instance,
    jobs::{Job, JobError},
    pulse::RefreshMetrics,
    sync::{self, Progress, ProgressSink as _, RunState, SyncRun},
    tenants::Tenant,
};
use serde_json::{Value, json};

use super::{progress::TerminalProgress, sync_status, upkeep};
use crate::{cli::SyncCommand, failure::Failure, output, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring, command: &SyncCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        SyncCommand::Run { name, wait, anew, tenant } => {
            let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            if *anew {
                sync::begin_anew(&wiring.services, &Wiring::operator(&tenant), name).await?;
            }
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
                    "{} could not be read and kept aside: `forebay sync rejects list` shows what",
                    output::counted(run.counts.rejected, "issue")
                ));
            }
            Ok(())
        }
        SyncCommand::Census(arguments) => upkeep::census(wiring, arguments, as_json).await,
        SyncCommand::Check(arguments) => upkeep::check(wiring, arguments, as_json).await,
        SyncCommand::Freshness(arguments) => upkeep::freshness(wiring, arguments, as_json).await,
        SyncCommand::Rejects(command) => upkeep::rejects(wiring, command, as_json).await,
        SyncCommand::Status { name, tenant } => {
            sync_status::run(wiring, tenant.tenant.as_deref(), name.as_deref(), as_json).await
        }
        SyncCommand::Watch { name, tenant } => {
            let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            let progress = TerminalProgress::new(&instance.name);
            let run = follow(wiring, &tenant, &instance, &progress).await;
            progress.finish();
            output::json(&summary(&run?))
        }
        SyncCommand::Pause { name, tenant } => {
            let (tenant, _) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            sync::pause(&wiring.services, &Wiring::operator(&tenant), name).await?;
            output::line(&format!("{name}: paused; `forebay sync resume {name}` goes on"))
        }
        SyncCommand::Resume { name, tenant } => {
            let (tenant, _) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            sync::resume(&wiring.services, &Wiring::operator(&tenant), name).await?;
            output::line(&format!("{name}: the workers go on"))
        }
        SyncCommand::Cancel { name, tenant } => {
            let (tenant, _) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            sync::cancel(&wiring.services, &Wiring::operator(&tenant), name).await?;
            output::line(&format!("{name}: the run is ended"))
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
            follow(wiring, tenant, instance, &progress).await
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

/// Waits for the run that another process does, and shows how far it is.
async fn follow(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: &Instance,
    progress: &TerminalProgress,
) -> Result<SyncRun, Failure> {
    loop {
        let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
        let run = tx.latest_run(instance.id).await?;
        let paused = tx.sync_schedule(instance.id).await?.paused_at.is_some();
        drop(tx);
        match run {
            Some(run) if run.state == RunState::Running => {
                if paused {
                    return Err(Failure::new(format!("the sync of `{}` is paused", instance.name))
                        .hint(format!("`forebay sync resume {}` goes on", instance.name)));
                }
                progress.update(&Progress {
                    kind: run.kind,
                    step: run.step,
                    done: run.done,
                    total: run.total,
                    counts: run.counts,
                });
                tokio::time::sleep(Duration::from_millis(500)).await
            }
            Some(run) if run.state == RunState::Succeeded => return Ok(run),
            Some(run) => {
                return Err(Failure::new(run.error.unwrap_or_else(|| "the run was ended".to_owned())));
            }
            None => return Err(Failure::new("there is no run yet, or the instance was removed")),
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
