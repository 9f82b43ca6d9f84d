//! `forebay bench converge`: whatever went wrong, once the faults end, one sync and one census make a mirror equal to its source. What
//! nothing tells of is found by one comparison, and a source that went back in time is copied anew.
//!
//! Each round has a PostgreSQL and a Redis of its own, two sources with generated issues (one that speaks as Cloud, one as Data Center) and a
//! mirror of each over real HTTP with webhooks. People write at the sources while the mirrors backfill, poll and hear
//! webhooks, administrators rename and remove what they like, the sources fail as their fault plans say, one or both of two workers are
//! killed with SIGKILL, and PostgreSQL and Redis crash. Then both sides are compared whole, table by table and at their doors.

mod backup;
mod chance;
mod compare;
mod deeds;
mod differences;
mod doors;
mod endure;
mod house;
mod round;
mod scene;
mod settle;
mod tables;
mod told;
mod writers;

use std::collections::BTreeMap;

use infrastructure::telemetry::Telemetry;
use serde::Serialize;

use self::{house::Redis, round::Report, writers::Written};
use super::{TemporaryFolder, client, listen};
use crate::{
    cli::converge::ConvergeArgs,
    commands::signals::Signals,
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

#[derive(Serialize)]
struct Outcome {
    rounds: Vec<Report>,
    total: Total,
}

#[derive(Default, Serialize)]
struct Total {
    rounds: usize,
    first_seed: u64,
    faults: BTreeMap<String, u64>,
    /// What writers and administrators did, by kind.
    written: Written,
    /// Kinds of faults that no round met. Three rounds plan all of them; a longer run meets them.
    faults_not_met: Vec<&'static str>,
    /// What died, and how often.
    deaths: BTreeMap<&'static str, u32>,
    /// By table, of the sources.
    rows: BTreeMap<&'static str, i64>,
    rows_compared: i64,
    differences: i64,
    seconds: f64,
    /// Seeds of rounds that differ.
    failed: Vec<u64>,
    /// What is not compared, with the reason.
    left_out: BTreeMap<&'static str, &'static str>,
}

pub(super) async fn run(
    settings: Settings,
    mut telemetry: Telemetry,
    arguments: &ConvergeArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let mut rounds = Vec::new();
    for number in 0..arguments.rounds {
        let seed = arguments.seed.wrapping_add(number.into());
        let (report, again) =
            Box::pin(one(settings.clone(), telemetry, seed, arguments)).await.map_err(|failure| {
                let again = format!("`--rounds 1 --seed {seed}` repeats this round");
                failure.hint(again)
            })?;
        telemetry = again;
        if !as_json {
            told::show(&report)?;
        }
        rounds.push(report);
    }
    let total = sum(arguments.seed, &rounds);
    let failed = total.failed.clone();
    if as_json {
        output::json(&Outcome { rounds, total })?;
    } else {
        told::show_total(&total)?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    let seeds: Vec<_> = failed.iter().map(u64::to_string).collect();
    Err(Failure::new(format!(
        "mirrors differ from their sources after the rounds with seed {}",
        seeds.join(", ")
    ))
    .answered()
    .hint("`--rounds 1 --seed SEED`, with the other options as they were, repeats a round"))
}

/// A round in a folder of its own, which stays when the round fails. Whoever stops it leaves no process behind.
async fn one(
    mut settings: Settings,
    telemetry: Telemetry,
    seed: u64,
    arguments: &ConvergeArgs,
) -> Result<(Report, Telemetry), Failure> {
    let mut signals = Signals::listen();
    let folder = TemporaryFolder::of(&format!("{}-{seed}", std::process::id()))?;
    let path = folder.0.clone();
    let redis = Redis::start(&path)?;
    // The port is free again at once, for the process that serves.
    settings.listen = Some(listen(([127, 0, 0, 1], 0).into()).await?.local_addr()?);
    settings.public_url = None;
    settings.database_url = None;
    settings.redis_url = redis.as_ref().map(|redis| redis.url().into());
    settings.data_dir = Some(path.display().to_string());
    "on".clone_into(&mut settings.sync_followers);
    let wiring = Wiring::open(settings.calling_itself(), telemetry, Role::Server).await?;
    let went = async {
        let http = client(&wiring.settings.public_url())?;
        round::run(&wiring, http, &path, redis, seed, arguments).await
    };
    // What is dropped with the round kills its processes.
    let (ended, stopped) = match signals.or(Box::pin(went)).await {
        Some(ended) => (ended, false),
        None => (Err(Failure::new("stopped in the midst of a round")), true),
    };
    let Wiring { database, access, telemetry, .. } = wiring;
    database.close().await;
    access.close().await;
    if !stopped && !ended.as_ref().is_ok_and(|report| !report.differs()) {
        let kept = folder.keep();
        output::note(&format!("database and logs of the round with seed {seed} stay in {}", kept.display()));
    }
    Ok((ended?, telemetry))
}

fn sum(first_seed: u64, rounds: &[Report]) -> Total {
    let mut total = Total { rounds: rounds.len(), first_seed, ..Total::default() };
    total.left_out.extend(tables::LEFT_OUT.iter().chain(tables::NOT_COMPARED).copied());
    for report in rounds {
        for (kind, count) in &report.faults {
            *total.faults.entry(kind.clone()).or_default() += count;
        }
        for (kind, count) in &report.written {
            *total.written.entry(kind).or_default() += count;
        }
        for (what, count) in &report.deaths {
            *total.deaths.entry(what).or_default() += count;
        }
        for table in report.sites.iter().flat_map(|site| &site.tables) {
            *total.rows.entry(table.table).or_default() += table.rows;
            total.rows_compared += table.rows;
            total.differences += table.missing.max(table.extra);
            total.left_out.extend(table.left_out.map(|reason| (table.table, reason)));
        }
        total.seconds += report.seconds;
        if report.differs() {
            total.failed.push(report.seed);
        }
    }
    total.faults_not_met =
        chance::KINDS.into_iter().filter(|kind| !total.faults.contains_key(*kind)).collect();
    total
}
