//! `forebay bench sync`: how fast a mirror is filled, catches up and follows webhooks, and what that costs.
//!
//! Everything is a process of its own: the source is a sandbox that one process serves from its own PostgreSQL, the mirror a process
//! that serves and a separate worker on another PostgreSQL. So the sandbox's own cost is measured apart: its processor time, and how
//! fast it answers the same requests to a bare client that keeps nothing.

mod backfill;
mod bare;
mod catch_up;
mod mirror;
mod process;
mod report;
mod source;
mod webhooks;

use std::{future::Future, path::Path};

use domain::ids::InstanceId;
use infrastructure::telemetry::Telemetry;
use serde::Serialize;
use sqlx::PgConnection;
use tokio::task::{JoinError, JoinSet};

use self::{backfill::Backfill, catch_up::CatchUp, mirror::Mirror, source::Source, webhooks::Webhooks};
use super::{client, listen};
use crate::{
    cli::bench_sync::{BenchSyncArgs, SyncPart},
    failure::Failure,
    output,
    settings::Settings,
};

/// Pages in flight of the mirror that catches up and hears webhooks: as many as a worker has by itself.
const USUAL_IN_FLIGHT: u16 = 4;

#[derive(Serialize)]
struct Figures {
    /// `release` or `debug`: figures of the latter say little.
    build: &'static str,
    processors: usize,
    source: Counts,
    /// `None` where it was filled already.
    fill_seconds: Option<f64>,
    /// The mirror's ceiling, lifted by FOREBAY_JIRA_REQUESTS_PER_MINUTE: Cloud's usual 100 would be all there is to see.
    requests_per_minute: u32,
    backfill: Vec<Backfill>,
    catch_up: Vec<CatchUp>,
    webhooks: Option<Webhooks>,
}

/// What an instance has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Counts {
    issues: i64,
    comments: i64,
    changelog_items: i64,
    worklogs: i64,
}

pub(super) async fn run(
    settings: Settings,
    telemetry: Telemetry,
    arguments: &BenchSyncArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let (source, telemetry) = Source::open(&settings, telemetry, arguments).await?;
    let measured = measure(&settings, telemetry, &source, arguments).await;
    source.close().await;
    let figures = measured?;
    if as_json { output::json(&figures) } else { report::show(&figures) }
}

async fn measure(
    settings: &Settings,
    mut telemetry: Telemetry,
    source: &Source,
    arguments: &BenchSyncArgs,
) -> Result<Figures, Failure> {
    let mut figures = Figures {
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        source: source.counts,
        fill_seconds: source.fill_seconds,
        requests_per_minute: mirror::CEILING,
        backfill: Vec::new(),
        catch_up: Vec::new(),
        webhooks: None,
    };
    let mut mirror: Option<Mirror> = None;
    if arguments.has(SyncPart::Backfill) {
        for (latency, in_flight) in cases(arguments) {
            if let Some(mirror) = mirror.take() {
                mirror.close().await;
            }
            let (mut empty, again) = Mirror::open(settings, telemetry, source, in_flight).await?;
            telemetry = again;
            let figure = backfill::measure(source, &mut empty, latency, in_flight).await?;
            output::note(&report::told(&figure));
            figures.backfill.push(figure);
            mirror = Some(empty);
        }
    }
    if !arguments.has(SyncPart::CatchUp) && !arguments.has(SyncPart::Webhooks) {
        return Ok(figures);
    }
    source.delay(0).await?;
    let mut mirror = match mirror {
        Some(filled) => filled,
        None => {
            let (mut empty, _) = Mirror::open(settings, telemetry, source, USUAL_IN_FLIGHT).await?;
            empty.sync().await?;
            empty
        }
    };
    if arguments.has(SyncPart::CatchUp) {
        for latency in &arguments.latency_ms {
            figures.catch_up.push(catch_up::measure(source, &mut mirror, *latency, arguments.changes).await?);
        }
    }
    if arguments.has(SyncPart::Webhooks) {
        figures.webhooks = Some(webhooks::measure(source, &mut mirror, arguments).await?);
    }
    mirror.close().await;
    Ok(figures)
}

fn cases(arguments: &BenchSyncArgs) -> impl Iterator<Item = (u32, u16)> {
    let in_flight = &arguments.in_flight;
    arguments.latency_ms.iter().flat_map(move |latency| in_flight.iter().map(move |most| (*latency, *most)))
}

/// The settings of a side on a data folder of its own, and the port where it serves.
async fn on_folder(settings: &Settings, folder: &Path) -> Result<(Settings, u16), Failure> {
    // The port is free again at once, for the process that serves.
    let address = listen(([127, 0, 0, 1], 0).into()).await?.local_addr()?;
    let settings = Settings {
        listen: Some(address),
        public_url: None,
        database_url: None,
        redis_url: None,
        master_key: None,
        data_dir: Some(folder.display().to_string()),
        ..settings.clone()
    };
    Ok((settings, address.port()))
}

async fn counts(owner: &mut PgConnection, instance: InstanceId) -> Result<Counts, Failure> {
    let sql = "SELECT (SELECT count(*) FROM issues WHERE instance_id = $1 AND presence = 'present'),
                      (SELECT count(*) FROM comments WHERE instance_id = $1),
                      (SELECT count(*) FROM changelogs WHERE instance_id = $1),
                      (SELECT count(*) FROM worklogs WHERE instance_id = $1)";
    let (issues, comments, changelog_items, worklogs) =
        sqlx::query_as(sql).bind(instance.0).fetch_one(owner).await?;
    Ok(Counts { issues, comments, changelog_items, worklogs })
}

/// Does all of it, so much at the same time; stops with the first that fails.
async fn at_once<T: Send + 'static>(
    most: usize,
    all: impl Iterator<Item = impl Future<Output = Result<T, Failure>> + Send + 'static>,
) -> Result<Vec<T>, Failure> {
    let (mut doing, mut done) = (JoinSet::new(), Vec::new());
    for one in all {
        if doing.len() >= most.max(1)
            && let Some(ended) = doing.join_next().await
        {
            done.push(joined(ended)?);
        }
        doing.spawn(one);
    }
    while let Some(ended) = doing.join_next().await {
        done.push(joined(ended)?);
    }
    Ok(done)
}

/// What came of a task; one that panicked is a failure of the benchmark.
fn joined<T>(ended: Result<Result<T, Failure>, JoinError>) -> Result<T, Failure> {
    ended.map_err(|error| Failure::new(error.to_string()))?
}
