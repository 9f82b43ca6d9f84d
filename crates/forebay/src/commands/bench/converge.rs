//! `forebay bench converge`: whatever went wrong, once the faults end, one sync and one census make a mirror equal to its source.
//!
//! Each round has a PostgreSQL of its own, a source with generated issues and a mirror of it over real HTTP with webhooks. People
//! write at the source while the mirror backfills, polls and hears webhooks, the source fails as its fault plan says, the
//! worker is killed with SIGKILL and PostgreSQL crashes. Then both sides are compared whole, table by table.

mod chance;
mod compare;
mod differences;
mod house;
mod round;
mod writers;

use std::collections::BTreeMap;

use infrastructure::{
    outbound::{AllowedNetworks, Outbound},
    telemetry::Telemetry,
};
use serde::Serialize;
use url::Url;

use self::round::Report;
use super::{TemporaryFolder, listen};
use crate::{
    cli::converge::ConvergeArgs,
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
    faults: BTreeMap<String, u64>,
    worker_kills: u32,
    database_crashes: u32,
    /// By table, of the sources.
    rows: BTreeMap<&'static str, i64>,
    rows_compared: i64,
    differences: i64,
    seconds: f64,
    /// Seeds of rounds that differ.
    failed: Vec<u64>,
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
        let (report, again) = one(settings.clone(), telemetry, seed, arguments).await.map_err(|failure| {
            let again = format!("`--rounds 1 --seed {seed}` repeats this round");
            failure.hint(again)
        })?;
        telemetry = again;
        if !as_json {
            show(&report)?;
        }
        rounds.push(report);
    }
    let total = sum(&rounds);
    let failed = total.failed.clone();
    if as_json {
        output::json(&Outcome { rounds, total })?;
    } else {
        show_total(&total)?;
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

/// A round in a folder of its own, which stays when the round fails.
async fn one(
    mut settings: Settings,
    telemetry: Telemetry,
    seed: u64,
    arguments: &ConvergeArgs,
) -> Result<(Report, Telemetry), Failure> {
    let folder = TemporaryFolder::of(&format!("{}-{seed}", std::process::id()))?;
    let path = folder.0.clone();
    // The port is free again at once, for the process that serves.
    settings.listen = Some(listen(([127, 0, 0, 1], 0).into()).await?.local_addr()?);
    settings.public_url = None;
    settings.database_url = None;
    settings.redis_url = None;
    settings.data_dir = Some(path.display().to_string());
    let wiring = Wiring::open(settings.calling_itself(), telemetry, Role::Server).await?;
    let ended = match client(&wiring) {
        Ok(http) => round::run(&wiring, http, &path, seed, arguments).await,
        Err(failure) => Err(failure),
    };
    let Wiring { database, access, telemetry, .. } = wiring;
    database.close().await;
    access.close().await;
    if !ended.as_ref().is_ok_and(|report| !report.differs()) {
        let kept = folder.keep();
        output::note(&format!("database and logs of the round with seed {seed} stay in {}", kept.display()));
    }
    Ok((ended?, telemetry))
}

/// A client for the doors of this machine.
pub(super) fn client(wiring: &Wiring) -> Result<reqwest::Client, Failure> {
    let url = Url::parse(&wiring.settings.public_url()).map_err(|error| Failure::new(error.to_string()))?;
    let outbound = Outbound::new(AllowedNetworks::loopback())?;
    let client = outbound.client_for(&url).map_err(|refused| Failure::new(refused.to_string()))?;
    Ok(client.clone())
}

fn sum(rounds: &[Report]) -> Total {
    let mut total = Total { rounds: rounds.len(), ..Total::default() };
    for report in rounds {
        for (kind, count) in &report.faults {
            *total.faults.entry(kind.clone()).or_default() += count;
        }
        for table in &report.tables {
            *total.rows.entry(table.table).or_default() += table.rows;
            total.rows_compared += table.rows;
            total.differences += table.missing.max(table.extra);
        }
        total.worker_kills += report.worker_kills;
        total.database_crashes += report.database_crashes;
        total.seconds += report.seconds;
        if report.differs() {
            total.failed.push(report.seed);
        }
    }
    total
}

fn show(report: &Report) -> Result<(), Failure> {
    let list = |counts: Vec<(&str, u64)>| {
        let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        counts.join(", ")
    };
    output::line(&format!("seed {}: {:.0} s", report.seed, report.seconds))?;
    output::line(&format!("  written   {}", list(report.written.iter().map(|(k, n)| (*k, *n)).collect())))?;
    output::line(&format!(
        "  faults    {}",
        list(report.faults.iter().map(|(k, n)| (k.as_str(), *n)).collect())
    ))?;
    output::line(&format!(
        "  died      worker {} times, and {} by itself; PostgreSQL {} times",
        report.worker_kills, report.worker_restarts, report.database_crashes
    ))?;
    output::line(&format!(
        "  then      sync in {} turns, census in {} ({} gone, {} fetched)",
        report.sync_turns, report.census_turns, report.census_gone, report.census_fetched
    ))?;
    let compared: Vec<_> = report
        .tables
        .iter()
        .filter(|table| !table.not_fetched)
        .map(|t| format!("{} {}", t.table, t.rows))
        .collect();
    output::line(&format!("  compared  {}", compared.join(", ")))?;
    let left: Vec<_> = report.tables.iter().filter(|table| table.not_fetched).map(|t| t.table).collect();
    if !left.is_empty() {
        output::line(&format!("  not compared, as the mirror fetches none of them: {}", left.join(", ")))?;
    }
    for table in report.tables.iter().filter(|table| table.differs()) {
        output::line(&format!(
            "  DIFFERS   {}: {} missing, {} extra",
            table.table, table.missing, table.extra
        ))?;
        for it in &table.differences {
            let absent = || "(none)".to_owned();
            output::line(&format!(
                "    {} {}: source {}, copy {}",
                it.row,
                it.column.as_deref().unwrap_or("(row)"),
                it.source.clone().unwrap_or_else(absent),
                it.copy.clone().unwrap_or_else(absent),
            ))?;
        }
    }
    Ok(())
}

fn show_total(total: &Total) -> Result<(), Failure> {
    let faults: Vec<_> = total.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    output::line(&format!(
        "{} rounds in {:.0} s: {} rows compared, {} differences; worker killed {} times, PostgreSQL {} times; {} faults of {} kinds: {}",
        total.rounds,
        total.seconds,
        total.rows_compared,
        total.differences,
        total.worker_kills,
        total.database_crashes,
        total.faults.values().sum::<u64>(),
        total.faults.len(),
        faults.join(", "),
    ))
}
