//! One turn of a run: takes the lease, reads until the end or until its time is over, and says what comes next.

use std::pin::pin;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use futures::future::{Either, select};
use uuid::Uuid;

use super::{
    ISSUES, ProgressSink, RunKind, RunState, SyncInstance, SyncRun,
    backfill::backfill,
    poll::poll,
    reference,
    work::{LEASE, Page, SIGN_OF_LIFE, Work},
};
use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, read_rosters},
    instances::{self, Instance, InstanceKind, require_instance},
    jobs::Job,
    ports::{JiraSite, TenantTx, Urgency},
    pulse::RefreshMetrics,
    reference::Roster,
    services::Services,
    tenant_context::TenantContext,
    webhooks::InboxState,
};

pub(super) const ROSTERS: &str = "rosters";
const ROSTERS_EVERY: TimeDelta = TimeDelta::hours(1);
/// The step of a run or a census that its site wants to wait.
pub(super) const WAITING: &str = "waiting until the site may be asked again";

/// How a turn ended.
#[derive(Debug)]
pub enum Ended {
    /// The run is over, and succeeded.
    Done(Box<SyncRun>),
    /// Its time was over: the run goes on with the job that was added.
    Yielded,
}

pub(super) fn require_mirror(instance: &Instance) -> Result<()> {
    if instance.kind == InstanceKind::Sandbox {
        return Err(Error::Conflict(format!(
            "`{}` is a sandbox: it is its own source, there is nothing to sync",
            instance.name
        )));
    }
    Ok(())
}

/// While a person has paused the sync, nothing at all is asked of the site.
///
/// # Errors
/// [`Error::Conflict`] then.
pub(super) async fn require_going_on(tx: &mut dyn TenantTx, instance: &Instance) -> Result<()> {
    match tx.sync_schedule(instance.id).await?.paused_at {
        Some(_) => Err(paused(&instance.name)),
        None => Ok(()),
    }
}

/// Runs one sync to its end: a backfill until one has succeeded, a poll from then on.
///
/// # Errors
/// [`Error::Conflict`] while another holder's lease lasts, and when the sync is paused or was canceled;
/// [`Error::Paused`] when the site wants to be left alone: the run goes on later. Any other error has been written to the
/// run.
pub async fn run(
    services: &Services,
    tenant: TenantId,
    instance: InstanceId,
    sink: &dyn ProgressSink,
) -> Result<SyncRun> {
    match turn(services, tenant, instance, sink, None).await? {
        Ended::Done(run) => Ok(*run),
        Ended::Yielded => Err(Error::Conflict("the sync gave way to another one".into())),
    }
}

/// As [`run`], for a worker that has other things to do: after [`super::SyncSettings::slice`] the run waits for its next turn.
///
/// # Errors
/// See [`run`].
pub async fn run_slice(services: &Services, tenant: TenantId, instance: InstanceId) -> Result<Ended> {
    let until = services.clock.now() + services.sync.slice;
    turn(services, tenant, instance, &(), Some(until)).await
}

async fn turn(
    services: &Services,
    tenant: TenantId,
    instance: InstanceId,
    sink: &dyn ProgressSink,
    until: Option<DateTime<Utc>>,
) -> Result<Ended> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let mut instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    require_going_on(tx.as_mut(), &instance).await?;
    let now = services.clock.now();
    let lease = tx
        .acquire_run(instance.id, Uuid::now_v7(), now, now + LEASE)
        .await?
        .ok_or_else(|| Error::Conflict(format!("`{}` is being synced already", instance.name)))?;
    tx.commit().await?;

    let urgency = match lease.run.kind {
        RunKind::Poll => Urgency::Poll,
        RunKind::Backfill => Urgency::Rest,
    };
    let connected = async {
        let site = instances::connect_as(services, tenant, &instance, urgency).await?;
        let identity = instances::identify(services, tenant, &instance, site.as_ref()).await?;
        Ok::<_, Error>((site, identity))
    };
    let renewing = || renew(services, tenant, &lease);
    let (site, identity) = match alive(services, renewing, connected).await {
        Ok(connected) => connected,
        Err(error) => return Err(unreached(services, tenant, &instance, &lease, error).await),
    };
    instance.dialect = identity.dialect;
    let mut work = Work::new(services, tenant, instance, lease.clone(), site, sink, until);
    let ended = alive(services, renewing, go(&mut work)).await;
    finish(&work, ended).await
}

/// Does something and gives signs of life meanwhile by renewing its lease, so that nobody takes it over however long one page takes.
/// It ends at once where the lease is lost.
pub(super) async fn alive<T, R: Future<Output = Result<()>>>(
    services: &Services,
    renew: impl Fn() -> R,
    doing: impl Future<Output = Result<T>>,
) -> Result<T> {
    let signs = async {
        loop {
            services.clock.sleep(SIGN_OF_LIFE).await;
            match renew().await {
                Err(error @ Error::Conflict(_)) => return error,
                Err(error) => tracing::info!(%error, "a lease could not be renewed"),
                Ok(()) => {}
            }
        }
    };
    match select(pin!(doing), pin!(signs)).await {
        Either::Left((done, _)) => done,
        Either::Right((lost, _)) => Err(lost),
    }
}

async fn renew(services: &Services, tenant: TenantId, lease: &super::RunLease) -> Result<()> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    tx.renew_run(lease, services.clock.now() + LEASE).await?;
    tx.commit().await
}

fn paused(name: &str) -> Error {
    Error::Conflict(format!("the sync of `{name}` is paused: resume it first"))
}

/// Answers as of when the copy has everything, or nothing where the turn is over before.
async fn go(work: &mut Work<'_>) -> Result<Option<DateTime<Utc>>> {
    work.roles = rosters(work).await?;
    match work.kind() {
        RunKind::Backfill => backfill(work).await,
        RunKind::Poll => poll(work).await,
    }
}

/// Rosters change seldom: they are read once an hour; what a webhook names of them is read by [`super::ReadNamed`].
async fn rosters(work: &Work<'_>) -> Result<FieldRoles> {
    let (services, instance) = (work.services, &work.instance);
    let now = services.clock.now();
    let mut tx = work.begin().await?;
    let read_at = tx.watermark(instance.id, ROSTERS).await?;
    if read_at.is_some_and(|at| now - at < ROSTERS_EVERY) {
        return Ok(FieldRoles::from_fields(&tx.roster(instance.id, Roster::Fields).await?));
    }
    drop(tx);
    work.report("reading projects, fields and statuses");
    let roles = read_lists(services, work.tenant, instance, work.site.as_ref()).await?;
    let mut tx = work.begin().await?;
    reference::ask(services, tx.as_mut(), work.tenant, instance.id).await?;
    tx.commit().await?;
    Ok(roles)
}

/// Reads all that one request each serves.
pub(super) async fn read_lists(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    site: &dyn JiraSite,
) -> Result<FieldRoles> {
    let now = services.clock.now();
    let data = site.reference_data().await?;
    let roles = FieldRoles::from_fields(&data.fields);
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let erased = tx.erased_people(instance.id).await?;
    let records = read_rosters(data, services.secrets.as_ref(), &erased);
    tx.upsert_reference(instance.id, &records, true).await?;
    tx.raise_watermark(instance.id, ROSTERS, Some(now), Some(now)).await?;
    tx.commit().await?;
    Ok(roles)
}

/// The site could not be reached or did not know us: nothing was read.
async fn unreached(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    lease: &super::RunLease,
    error: Error,
) -> Error {
    let now = services.clock.now();
    let ended = async {
        let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
        let schedule = tx.sync_schedule(instance.id).await?;
        let paused_until = wanted_at(&error, now);
        let nothing = super::RunUpdate {
            step: if paused_until.is_some() { WAITING.into() } else { "connecting".into() },
            done: 0,
            total: None,
            counts: super::RunCounts::default(),
            worked_ms: 0,
            checkpoint: None,
            lease_until: now,
        };
        let reason = error.to_string();
        if let Some(at) = paused_until {
            tx.checkpoint(lease, &nothing).await?;
            tx.plan_sync(instance.id, &schedule.until(at, &reason)).await?;
        } else {
            tx.finish_run(lease, RunState::Failed, Some(&reason), &nothing, now).await?;
            tx.plan_sync(instance.id, &schedule.after_failure(&services.sync, &reason, now)).await?;
        }
        tx.commit().await
    };
    note_failure(ended.await);
    error
}

/// When to come again, where a site wants to be left alone: that is no failure of the run.
fn wanted_at(error: &Error, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match error {
        Error::Paused { until, .. } => Some((*until).max(now)),
        Error::RateLimited { retry_after } => Some(now + TimeDelta::from_std(*retry_after).ok()?),
        _ => None,
    }
}

/// The first error is the one that tells why: a removed instance or a lost lease leaves no run to end.
fn note_failure(ended: Result<()>) {
    match ended {
        Ok(()) | Err(Error::Conflict(_)) => {}
        Err(error) => {
            tracing::warn!(error = error.with_causes(), "the end of a run could not be written down");
        }
    }
}

async fn finish(work: &Work<'_>, ended: Result<Option<DateTime<Utc>>>) -> Result<Ended> {
    match ended {
        Ok(Some(proof)) => succeed(work, proof).await.map(|run| Ended::Done(Box::new(run))),
        Ok(None) => {
            yield_turn(work).await?;
            Ok(Ended::Yielded)
        }
        Err(error) => {
            note_failure(fail(work, &error).await);
            Err(error)
        }
    }
}

async fn succeed(work: &Work<'_>, proof: DateTime<Utc>) -> Result<SyncRun> {
    let (services, id) = (work.services, work.instance.id);
    work.report("done");
    work.finish_total();
    let now = services.clock.now();
    let mut tx = work.begin().await?;
    // What changed while the run read is the next one's. A site that gave no way to all that it has proves nothing.
    if !work.was_cut() {
        tx.raise_watermark(id, ISSUES, None, Some(proof)).await?;
    }
    tx.settle_deliveries(id, None, InboxState::Processed, work.lease.run.started_at).await?;
    let changed = work.has_changed();
    if changed {
        tx.enqueue(RefreshMetrics {}.request()?).await?;
    }
    let schedule = tx.sync_schedule(id).await?;
    let busy = changed || work.kind() == RunKind::Backfill;
    tx.plan_sync(id, &schedule.after_success(&services.sync, busy, now)).await?;
    let update = work.update(Page::default(), None);
    tx.finish_run(&work.lease, RunState::Succeeded, None, &update, now).await?;
    let run = tx.run(work.lease.run.id).await?;
    tx.commit().await?;
    if work.kind() == RunKind::Backfill
        && let Err(error) = gather_statistics(services).await
    {
        let error = error.with_causes();
        tracing::warn!(error, "the planner's statistics were not gathered; autovacuum will");
    }
    run.ok_or_else(|| Error::Conflict("the instance was removed during its sync".into()))
}

async fn gather_statistics(services: &Services) -> Result<()> {
    let mut tx = services.db.platform().await?;
    tx.gather_statistics().await?;
    tx.commit().await
}

/// Gives the lease back and adds the job that goes on, behind those that wait already.
async fn yield_turn(work: &Work<'_>) -> Result<()> {
    let mut tx = work.begin().await?;
    let mut update = work.update(Page::default(), None);
    update.lease_until = work.services.clock.now();
    tx.checkpoint(&work.lease, &update).await?;
    tx.enqueue(SyncInstance { tenant: work.tenant, instance: work.instance.id }.next_turn()?).await?;
    tx.commit().await
}

async fn fail(work: &Work<'_>, error: &Error) -> Result<()> {
    let (services, id) = (work.services, work.instance.id);
    let now = services.clock.now();
    let mut tx = work.begin().await?;
    let schedule = tx.sync_schedule(id).await?;
    let reason = error.to_string();
    let mut update = work.update(Page::default(), None);
    if let Some(at) = wanted_at(error, now) {
        update.lease_until = now;
        WAITING.clone_into(&mut update.step);
        tx.checkpoint(&work.lease, &update).await?;
        tx.plan_sync(id, &schedule.until(at, &reason)).await?;
    } else {
        tx.finish_run(&work.lease, RunState::Failed, Some(&reason), &update, now).await?;
        tx.plan_sync(id, &schedule.after_failure(&services.sync, &reason, now)).await?;
    }
    tx.commit().await
}
