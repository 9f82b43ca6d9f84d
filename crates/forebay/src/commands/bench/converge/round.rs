//! One round: sources, mirrors of them, everything that goes wrong, and what is left of it in the end.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde::Serialize;
use serde_json::Value;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    chance::Fate,
    compare::Comparison,
    endure::{Endured, add, bury, endure},
    house::Redis,
    scene::{self, Pair, Scene},
    settle,
    writers::{self, Written},
};
use crate::{cli::converge::ConvergeArgs, failure::Failure, wiring::Wiring};

/// How many changes are made at each site that leave `updated` as it was.
const SILENT_CHANGES: u32 = 40;
/// For how long a site is used again after its restore.
const AFTER_RESTORE: Duration = Duration::from_secs(2);
/// When both sides are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// After the faults, one sync and one census.
    #[default]
    Settled,
    /// After silent changes and one comparison.
    Checked,
    /// After a restore from a backup, a copy anew and one census.
    Restored,
}

impl Stage {
    /// For people.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Settled => "after one sync and one census",
            Self::Checked => "after silent changes and one comparison",
            Self::Restored => "after a restore, a copy anew and one census",
        }
    }
}

/// What died, and how often.
pub(super) type Deaths = BTreeMap<&'static str, u32>;
type Faults = BTreeMap<String, u64>;

/// What came of a round.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) seconds: f64,
    /// Faults that the sources have injected, by kind.
    pub(super) faults: Faults,
    /// What writers and administrators did, by kind.
    pub(super) written: Written,
    pub(super) deaths: Deaths,
    pub(super) sites: Vec<Site>,
}

/// What came of one source and its mirror, at one stage of the round.
#[derive(Debug, Default, Serialize)]
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) stage: Stage,
    /// Turns until a sync that began after the faults had ended succeeded; those that were put off or went on with an
    /// earlier run are counted.
    pub(super) sync_turns: u32,
    pub(super) census_turns: u32,
    /// How often the brake stopped the census.
    pub(super) census_held: u32,
    /// Issues that the census found gone, and those that it fetched.
    pub(super) census_gone: u64,
    pub(super) census_fetched: u64,
    /// Issues that the comparison found to differ, and mended.
    pub(super) mended: u64,
    pub(super) tables: Vec<Comparison>,
}

impl Report {
    pub(super) fn differs(&self) -> bool {
        self.sites.iter().flat_map(|site| &site.tables).any(Comparison::differs)
    }
}

/// Runs a round on an empty database.
pub(super) async fn run(
    wiring: &Wiring,
    http: Client,
    folder: &Path,
    redis: Option<Redis>,
    seed: u64,
    arguments: &ConvergeArgs,
) -> Result<Report, Failure> {
    let began = Instant::now();
    let length = Duration::from_secs(arguments.seconds);
    let fate = Fate::of(seed, length, arguments.writers);
    let mut scene = scene::set(wiring, http, folder, redis, seed, arguments.issues).await?;
    for (pair, plan) in scene.pairs.iter().zip(&fate.plans) {
        set_faults(&scene, pair, plan).await?;
    }
    let stop = CancellationToken::new();
    let people = people(&scene, &fate.writers, &stop).await?;
    let outcome = endure(&mut scene, &fate, length).await;
    stop.cancel();
    let mut written = written(people).await;
    let Endured { mut deaths, done, backups } = outcome?;
    merge(&mut written, done);
    let mut faults = end_faults(&scene).await?;
    // Whoever has not ended in a minute is killed.
    add(&mut deaths, "workers killed", scene.house.rest().await?);
    bury(wiring).await?;
    let mut sites = Vec::new();
    for pair in &scene.pairs {
        sites.push(settle::settle(&scene, pair, Stage::Settled).await?);
    }
    silent(&scene, seed, (&mut written, &mut faults, &mut sites)).await?;
    if fate.restores {
        for backup in &backups {
            backup.restore(&mut wiring.access.owner().await?).await?;
        }
        *written.entry("restore from backup").or_default() += backups.len() as u64;
        let stop = CancellationToken::new();
        let people = self::people(&scene, &fate.writers, &stop).await?;
        tokio::time::sleep(AFTER_RESTORE).await;
        stop.cancel();
        merge(&mut written, self::written(people).await);
        for pair in &scene.pairs {
            settle::begin_anew(&scene, pair).await?;
            sites.push(settle::settle(&scene, pair, Stage::Restored).await?);
        }
    }
    Ok(Report { seed, seconds: began.elapsed().as_secs_f64(), faults, written, deaths, sites })
}

/// Changes that no `updated` and no webhook tells of: only a comparison of everything can find them.
async fn silent(
    scene: &Scene<'_>,
    seed: u64,
    (written, faults, sites): (&mut Written, &mut Faults, &mut Vec<Site>),
) -> Result<(), Failure> {
    for pair in &scene.pairs {
        set_faults(scene, pair, &Fate::silence(seed)).await?;
        let (source, issues) = (scene.source(pair).await?, scene.issues(pair).await?);
        merge(written, writers::write_silently(source, issues, seed, SILENT_CHANGES).await);
    }
    for (kind, count) in end_faults(scene).await? {
        *faults.entry(kind).or_default() += count;
    }
    for pair in &scene.pairs {
        sites.push(settle::check(scene, pair, Stage::Checked).await?);
    }
    Ok(())
}

/// Writers at both sources, half as many at the site that is half as large.
async fn people(
    scene: &Scene<'_>,
    seeds: &[u64],
    stop: &CancellationToken,
) -> Result<JoinSet<Written>, Failure> {
    let mut people = JoinSet::new();
    for (pair, alone) in scene.pairs.iter().zip([1, 2]) {
        let (source, issues) = (scene.source(pair).await?, scene.issues(pair).await?);
        let issues = Arc::new(Mutex::new(issues));
        for seed in seeds.iter().step_by(alone) {
            people.spawn(writers::write(source.clone(), issues.clone(), *seed, stop.clone()));
        }
    }
    Ok(people)
}

async fn written(people: JoinSet<Written>) -> Written {
    let mut written = Written::new();
    people.join_all().await.into_iter().for_each(|more| merge(&mut written, more));
    written
}

fn merge(written: &mut Written, more: Written) {
    for (kind, count) in more {
        *written.entry(kind).or_default() += count;
    }
}

async fn set_faults(scene: &Scene<'_>, pair: &Pair, plan: &Value) -> Result<(), Failure> {
    let path = format!("/v1/sandbox/{}/faults", pair.source.name);
    scene.ask_source(Method::POST, &path, Some(plan)).await?;
    Ok(())
}

/// Ends what the sources do wrong; answers what they did, by kind.
async fn end_faults(scene: &Scene<'_>) -> Result<Faults, Failure> {
    let mut faults = Faults::new();
    for pair in &scene.pairs {
        let path = format!("/v1/sandbox/{}/faults", pair.source.name);
        let cleared = scene.ask_source(Method::DELETE, &path, None).await?;
        let injected: Faults = serde_json::from_value(cleared["injected"].clone())?;
        for (kind, count) in injected {
            *faults.entry(kind).or_default() += count;
        }
    }
    Ok(faults)
}
