//! Sync: starting it, and how fresh mirrors are.

use application::{
    Caller, Error, Scope, lookups,
    sync::{self, RunKind, RunState},
};
use axum::{
    extract::{Json, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::{ToSchema, openapi::Object};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::sync_failing::SyncFailing;
use super::{
    document::{Conflicting, Missing, Standard, word_of},
    extract::{ApiCaller, ValidPath},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(start_sync, get_sync)).routes(routes!(list_syncs))
}

/// A sync that was asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct SyncStarted {
    /// The instance's name.
    instance: String,
    /// Where its progress is shown.
    #[schema(example = "/v1/instances/acme/sync")]
    status_url: String,
}

/// How fresh a mirror is.
#[derive(Serialize, ToSchema)]
pub(super) struct SyncStatus {
    /// The instance's name.
    instance: String,
    /// The instance's id.
    instance_id: Uuid,
    /// Issues in the copy that are present at the source.
    issues: u64,
    /// The newest change of an issue that is in the copy.
    watermark: Option<DateTime<Utc>>,
    /// When the copy was last proved to reach the source's present.
    last_proof: Option<DateTime<Utc>>,
    /// Since when the sync is paused.
    paused_at: Option<DateTime<Utc>>,
    /// When it is looked at next: often while its site is busy, seldom while it is quiet, ever more seldom while it fails.
    next_at: Option<DateTime<Utc>>,
    /// Runs that failed since the last one that succeeded.
    failures: i32,
    /// Why the latest run did not succeed.
    problem: Option<String>,
    /// The latest run.
    run: Option<SyncRun>,
    /// Since when and why the site cannot be read; null while it can.
    failing: Option<SyncFailing>,
}

/// A run of the sync. Counts are of rows fetched, whether they differed or not.
#[derive(Debug, Serialize, ToSchema)]
struct SyncRun {
    /// Its id.
    id: Uuid,
    /// What it does.
    #[schema(schema_with = kind)]
    kind: &'static str,
    /// How it stands.
    #[schema(schema_with = state)]
    state: &'static str,
    /// The present step, for people.
    step: String,
    /// Issues done.
    done: u64,
    /// Issues in all, where the site tells.
    total: Option<u64>,
    /// Issues done a second, on average over the time that a worker was at it.
    issues_per_second: Option<f64>,
    /// Seconds until the run ends at that rate.
    eta_seconds: Option<u64>,
    /// Issues fetched.
    issues: u64,
    /// Comments fetched.
    comments: u64,
    /// Items of histories fetched.
    changelog_items: u64,
    /// Worklogs fetched.
    worklogs: u64,
    /// HTTP requests sent.
    requests: u64,
    /// Those that repeated an earlier one.
    retries: u64,
    /// Rows kept aside because they could not be read.
    rejected: u64,
    /// Seconds that a worker was at it.
    worked_seconds: f64,
    /// Seconds that requests waited because the site, or the ceiling on requests, asked them to.
    throttled_seconds: f64,
    /// Why it failed.
    error: Option<String>,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it last made progress.
    updated_at: DateTime<Utc>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
}

fn kind() -> Object {
    word_of(
        "What it does: the first full copy, or catching up.",
        [RunKind::Backfill, RunKind::Poll].map(RunKind::as_str),
    )
}

fn state() -> Object {
    use RunState::{Canceled, Failed, Running, Succeeded};
    word_of("How it stands.", [Running, Succeeded, Failed, Canceled].map(RunState::as_str))
}

impl SyncStarted {
    pub(super) fn new(instance: String) -> Self {
        let status_url = format!("/v1/instances/{instance}/sync");
        Self { instance, status_url }
    }
}

impl SyncStatus {
    pub(super) fn new(
        status: &sync::SyncStatus,
        failing: Option<sync::SyncTrouble>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            failing: failing.map(SyncFailing::from),
            instance: status.instance.clone(),
            instance_id: status.instance_id.0,
            issues: status.issues,
            watermark: status.watermark,
            last_proof: status.last_proof,
            paused_at: status.schedule.paused_at,
            next_at: status.schedule.next_at,
            failures: status.schedule.failures,
            problem: status.schedule.error.clone(),
            run: status.run.as_ref().map(|run| SyncRun::new(run, now)),
        }
    }
}

impl SyncRun {
    fn new(run: &sync::SyncRun, now: DateTime<Utc>) -> Self {
        let rate = rate(run, now);
        Self {
            id: run.id,
            kind: run.kind.as_str(),
            state: run.state.as_str(),
            step: run.step.clone(),
            done: run.done,
            total: run.total,
            issues_per_second: rate,
            eta_seconds: rate.and_then(|rate| eta(run, rate)),
            issues: run.counts.issues,
            comments: run.counts.comments,
            changelog_items: run.counts.changelog_items,
            worklogs: run.counts.worklogs,
            requests: run.counts.requests,
            retries: run.counts.retries,
            rejected: run.counts.rejected,
            worked_seconds: run.worked_ms as f64 / 1000.0,
            throttled_seconds: run.counts.throttled_ms as f64 / 1000.0,
            error: run.error.clone(),
            started_at: run.started_at,
            updated_at: run.updated_at,
            finished_at: run.finished_at,
        }
    }
}

/// `None` while nothing is done, or no time has passed. A run that waits for its turn does not get slower.
fn rate(run: &sync::SyncRun, now: DateTime<Utc>) -> Option<f64> {
    let seconds = match run.worked_ms {
        0 => (run.finished_at.unwrap_or(now) - run.started_at).as_seconds_f64(),
        worked => worked as f64 / 1000.0,
    };
    (run.done > 0 && seconds > 0.0).then(|| run.done as f64 / seconds)
}

/// `None` once the run has ended, and where the site does not tell how many issues there are.
fn eta(run: &sync::SyncRun, rate: f64) -> Option<u64> {
    if run.state != RunState::Running {
        return None;
    }
    Some((run.total?.saturating_sub(run.done) as f64 / rate).ceil() as u64)
}

/// The freshness of every mirror.
#[derive(Serialize, ToSchema)]
struct SyncStatuses {
    /// By name of the instance.
    syncs: Vec<SyncStatus>,
}

/// Asks the workers to sync a mirror: a full copy the first time, catching up from then on.
#[utoipa::path(
    post, path = "/instances/{name}/sync", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 202, description = "It will be done.", body = SyncStarted), Standard, Missing, Conflicting),
)]
async fn start_sync(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<(StatusCode, Json<SyncStarted>), Problem> {
    let instance = sync::start(&state.services, &caller, &name).await?.name;
    Ok((StatusCode::ACCEPTED, Json(SyncStarted::new(instance))))
}

/// How fresh a mirror is, and how far its latest run.
#[utoipa::path(
    get, path = "/instances/{name}/sync", tag = "sync", security(("bearer" = ["read"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "The status.", body = SyncStatus), Standard, Missing, Conflicting),
)]
async fn get_sync(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<SyncStatus>, Problem> {
    Ok(Json(status_of(&state, &caller, &name).await?))
}

/// How fresh a mirror is, for a caller who may read.
pub(super) async fn status_of(state: &WebState, caller: &Caller, name: &str) -> Result<SyncStatus, Error> {
    caller.require(Scope::Read)?;
    let instance = lookups::instance(&state.services, caller, name).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let status = tx.sync_status(Some(instance.id)).await?.pop().ok_or_else(|| {
        Error::Conflict(format!(
            "`{}` is a sandbox: it is its own source, there is nothing to sync",
            instance.name
        ))
    })?;
    let now = state.services.clock.now();
    let failing = tx.sync_troubles(Some(instance.id), now).await?.remove(&instance.id);
    Ok(SyncStatus::new(&status, failing, now))
}

/// How fresh every mirror of the tenant is.
#[utoipa::path(
    get, path = "/sync", tag = "sync", security(("bearer" = ["read"])),
    responses((status = 200, description = "The statuses.", body = SyncStatuses), Standard),
)]
async fn list_syncs(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
) -> Result<Json<SyncStatuses>, Problem> {
    caller.require(Scope::Read)?;
    let now = state.services.clock.now();
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let mut failing = tx.sync_troubles(None, now).await?;
    let statuses = tx.sync_status(None).await?;
    let told = |status: &sync::SyncStatus| SyncStatus::new(status, failing.remove(&status.instance_id), now);
    let syncs = statuses.iter().map(told).collect();
    Ok(Json(SyncStatuses { syncs }))
}

#[cfg(test)]
mod tests {
    use application::sync::RunCounts;
    use chrono::TimeDelta;
    use domain::ids::InstanceId;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn run(done: u64, total: Option<u64>) -> sync::SyncRun {
        sync::SyncRun {
            id: Uuid::nil(),
            instance_id: InstanceId(Uuid::nil()),
            kind: RunKind::Backfill,
            state: RunState::Running,
            step: "issues".into(),
            done,
            total,
            counts: RunCounts::default(),
            worked_ms: 0,
            error: None,
            started_at: at(0),
            updated_at: at(9),
            finished_at: None,
            checkpoint: None,
        }
    }

    #[test]
    fn a_running_backfill_tells_its_rate_and_when_it_ends() {
        let shown = SyncRun::new(&run(500, Some(2_001)), at(10));
        assert_eq!((shown.issues_per_second, shown.eta_seconds), (Some(50.0), Some(31)));
        let more_than_told = SyncRun::new(&run(500, Some(400)), at(10));
        assert_eq!(more_than_told.eta_seconds, Some(0));
    }

    #[test]
    fn nothing_is_guessed() {
        let unknown_total = SyncRun::new(&run(500, None), at(10));
        assert_eq!((unknown_total.issues_per_second, unknown_total.eta_seconds), (Some(50.0), None));
        let just_begun = SyncRun::new(&run(0, Some(100)), at(10));
        assert_eq!((just_begun.issues_per_second, just_begun.eta_seconds), (None, None));
        assert_eq!(SyncRun::new(&run(5, Some(100)), at(0)).issues_per_second, None);
    }

    #[test]
    fn waiting_for_a_turn_makes_a_run_no_slower() {
        let waited = sync::SyncRun { worked_ms: 10_000, ..run(500, Some(2_000)) };
        let shown = SyncRun::new(&waited, at(9_999));
        assert_eq!((shown.issues_per_second, shown.eta_seconds), (Some(50.0), Some(30)));
    }

    #[test]
    fn a_run_that_ended_keeps_its_rate() {
        let ended =
            sync::SyncRun { state: RunState::Succeeded, finished_at: Some(at(20)), ..run(100, Some(100)) };
        let shown = SyncRun::new(&ended, at(9_999));
        assert_eq!((shown.issues_per_second, shown.eta_seconds), (Some(5.0), None));
    }
}
