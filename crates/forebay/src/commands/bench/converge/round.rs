//! One round: sources, mirrors of them, everything that goes wrong, and what is left of it in the end.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use application::{
    Error,
    sync::{
        self,
        census::{self, CensusState},
        reference::{self, ReferenceList},
    },
};
use chrono::{DateTime, Utc};
use infrastructure::queue;
use reqwest::{Client, Method};
use serde::Serialize;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    chance::Fate,
    compare::{Comparison, compare},
    house::Redis,
    scene::{self, Pair, Scene},
    writers::{self, Written},
};
use crate::{cli::converge::ConvergeArgs, failure::Failure, wiring::Wiring};

/// How often the mirrors are asked to poll: every minute by themselves, which is too rare for a short round.
const NUDGE: Duration = Duration::from_secs(2);
/// How long the sync and the census that follow may take, or be put off by what the site has said before.
const PATIENCE: Duration = Duration::from_secs(300);

/// What died, and how often.
type Deaths = BTreeMap<&'static str, u32>;

/// What came of a round.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) seconds: f64,
    /// Faults that the sources have injected, by kind.
    pub(super) faults: BTreeMap<String, u64>,
    /// What writers did, by kind.
    pub(super) written: Written,
    pub(super) deaths: Deaths,
    pub(super) sites: Vec<Site>,
}

/// What came of one source and its mirror.
#[derive(Debug, Serialize)]
pub(super) struct Site {
    pub(super) name: &'static str,
    /// Turns until a sync that began after the faults had ended succeeded; those that were put off or went on with an
    /// earlier run are counted.
    pub(super) sync_turns: u32,
    pub(super) census_turns: u32,
    /// Issues that the census found gone, and those that it fetched.
    pub(super) census_gone: u64,
    pub(super) census_fetched: u64,
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
    let stop = CancellationToken::new();
    let mut people = JoinSet::new();
    for ((pair, plan), alone) in scene.pairs.iter().zip(&fate.plans).zip([1, 2]) {
        let faults = format!("/v1/sandbox/{}/faults", pair.source.name);
        scene.ask_source(Method::POST, &faults, Some(plan)).await?;
        let (source, issues) = scene.source(pair).await?;
        let issues = Arc::new(Mutex::new(issues));
        // Half as many at the site that is half as large.
        for seed in fate.writers.iter().step_by(alone) {
            people.spawn(writers::write(source.clone(), issues.clone(), *seed, stop.clone()));
        }
    }
    let outcome = endure(&mut scene, &fate, length).await;
    stop.cancel();
    let mut written = Written::new();
    for (kind, count) in people.join_all().await.into_iter().flatten() {
        *written.entry(kind).or_default() += count;
    }
    let mut deaths = outcome?;
    let faults = end_faults(&scene).await?;
    // Whoever has not ended in a minute is killed.
    add(&mut deaths, "workers killed", scene.house.rest().await?);
    bury(wiring).await?;
    age_lists(wiring).await?;
    let mut sites = Vec::new();
    for pair in &scene.pairs {
        sites.push(settle(&scene, pair).await?);
    }
    Ok(Report { seed, seconds: began.elapsed().as_secs_f64(), faults, written, deaths, sites })
}

fn add(deaths: &mut Deaths, what: &'static str, count: u32) {
    *deaths.entry(what).or_default() += count;
}

/// Syncs, while everything happens that fate has in store.
async fn endure(scene: &mut Scene<'_>, fate: &Fate, length: Duration) -> Result<Deaths, Failure> {
    scene.house.work()?;
    let began = Instant::now();
    let mut kills = fate.kills.iter().copied().peekable();
    let (mut crash, mut redis, mut census) = (fate.crash, fate.redis, fate.census);
    let mut nudged = None::<Instant>;
    let mut deaths = Deaths::new();
    // A crash may take longer than a short round: what fate has in store happens all the same.
    while began.elapsed() < length || kills.peek().is_some() || crash.or(redis).or(census).is_some() {
        if let Some((_, victim)) = kills.next_if(|(at, _)| *at <= began.elapsed()) {
            add(&mut deaths, "workers killed", scene.house.kill_workers(victim)?);
            bury(scene.wiring).await?;
            scene.house.work()?;
        }
        if crash.take_if(|at| *at <= began.elapsed()).is_some() {
            scene.house.crash_database().await?;
            add(&mut deaths, "PostgreSQL crashed", 1);
        }
        if redis.take_if(|at| *at <= began.elapsed()).is_some() {
            add(&mut deaths, "Redis killed", scene.house.crash_redis()?.into());
        }
        add(&mut deaths, "workers ended by themselves", scene.house.supervise()?);
        let nudges = nudged.is_none_or(|at| at.elapsed() > NUDGE);
        let takes_census = census.take_if(|at| *at <= began.elapsed()).is_some();
        for pair in &scene.pairs {
            // Refused while one is under way, or while the database is down: the next one is soon.
            if nudges {
                let _ =
                    scene.ask_mirror(Method::POST, &format!("/v1/instances/{}/sync", pair.copy.name)).await;
                nudged = Some(Instant::now());
            }
            if takes_census {
                let _ =
                    scene.ask_mirror(Method::POST, &format!("/v1/instances/{}/census", pair.copy.name)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(deaths)
}

/// Ends what the sources do wrong; answers what they did, by kind.
async fn end_faults(scene: &Scene<'_>) -> Result<BTreeMap<String, u64>, Failure> {
    let mut faults = BTreeMap::new();
    for pair in &scene.pairs {
        let path = format!("/v1/sandbox/{}/faults", pair.source.name);
        let cleared = scene.ask_source(Method::DELETE, &path, None).await?;
        let injected: BTreeMap<String, u64> = serde_json::from_value(cleared["injected"].clone())?;
        for (kind, count) in injected {
            *faults.entry(kind).or_default() += count;
        }
    }
    Ok(faults)
}

/// As if the time had gone by after which a worker that is not heard of counts as dead. One that lives is taken for dead, too, until
/// its next sign of life: what it holds may be taken over while it still works on it.
async fn bury(wiring: &Wiring) -> Result<(), Failure> {
    let mut owner = wiring.access.owner().await?;
    for later in [
        "UPDATE sync_runs SET lease_until = now() WHERE state = 'running'",
        "UPDATE censuses SET lease_until = now() WHERE state = 'running'",
        "UPDATE graphile_worker._private_workers SET last_heartbeat_at = now() - interval '1 hour'",
    ] {
        sqlx::query(later).execute(&mut owner).await?;
    }
    Ok(())
}

/// As if the hour had gone by after which lists are read again.
async fn age_lists(wiring: &Wiring) -> Result<(), Failure> {
    let mut owner = wiring.access.owner().await?;
    let later =
        "UPDATE sync_watermarks SET last_updated_at = now() - interval '2 hours' WHERE entity = 'rosters'";
    sqlx::query(later).execute(&mut owner).await?;
    Ok(())
}

/// What the promise names: one sync with its lists, and one census. Then both sides are compared.
async fn settle(scene: &Scene<'_>, pair: &Pair) -> Result<Site, Failure> {
    let from = scene.wiring.now();
    let sync_turns = catch_up(scene, pair, from).await?;
    // A sync asks by jobs for another look at issues that were missing a moment ago.
    let services = scene.wiring.services.clone();
    queue::drain(scene.wiring.access.role("forebay_queue"), services).await?;
    for list in ReferenceList::ALL {
        read_list(scene, pair, list, from).await?;
    }
    let (census_turns, census) = take_census(scene, pair, from).await?;
    let mut owner = scene.wiring.access.owner().await?;
    let tables = compare(&mut owner, pair.sides()).await?;
    Ok(Site {
        name: pair.name,
        sync_turns,
        census_turns,
        census_gone: census.projects.iter().map(|project| project.gone).sum(),
        census_fetched: census.projects.iter().map(|project| project.fetched).sum(),
        tables,
    })
}

/// Syncs until a run that began after the faults had ended has succeeded; answers after how many turns.
async fn catch_up(scene: &Scene<'_>, pair: &Pair, from: DateTime<Utc>) -> Result<u32, Failure> {
    let (services, tenant) = (&scene.wiring.services, scene.tenant.id);
    let began = Instant::now();
    for turn in 1.. {
        match sync::run(services, tenant, pair.copy.id, &()).await {
            Ok(run) if run.started_at >= from => return Ok(turn),
            Ok(_) => {}
            Err(error) => wait(scene, began, error).await?,
        }
    }
    Err(Failure::new("the sync did not end"))
}

/// Reads one of the lists that are read in rounds, from its beginning to its end: a sync asks for that.
async fn read_list(
    scene: &Scene<'_>,
    pair: &Pair,
    list: ReferenceList,
    from: DateTime<Utc>,
) -> Result<(), Failure> {
    let (services, tenant) = (&scene.wiring.services, scene.tenant.id);
    let began = Instant::now();
    loop {
        match reference::run_slice(services, tenant, pair.copy.id, list).await {
            Ok(read) if read.finished && read.began_at >= from => return Ok(()),
            Ok(_) => {}
            Err(error) => wait(scene, began, error).await?,
        }
    }
}

/// The same with a census, whose brake is taken away: everything that is gone was deleted on purpose.
async fn take_census(
    scene: &Scene<'_>,
    pair: &Pair,
    from: DateTime<Utc>,
) -> Result<(u32, census::Census), Failure> {
    let services = &scene.wiring.services;
    let operator = Wiring::operator(&scene.tenant);
    census::configure(services, &operator, &pair.copy.name, |settings| settings.brake_percent = 100).await?;
    let began = Instant::now();
    for turn in 1.. {
        match census::run(services, scene.tenant.id, pair.copy.id).await {
            Ok(census) if census.state == CensusState::Succeeded && census.started_at >= from => {
                return Ok((turn, census));
            }
            Ok(census) if census.started_at >= from => {
                let reason = census.error.unwrap_or_else(|| census.state.as_str().to_owned());
                return Err(Failure::new(format!("the census did not succeed: {reason}")));
            }
            Ok(_) => {}
            Err(error) => wait(scene, began, error).await?,
        }
    }
    Err(Failure::new("the census did not end"))
}

/// Waits where the site has said before the faults ended that it wants to be left alone.
async fn wait(scene: &Scene<'_>, began: Instant, error: Error) -> Result<(), Failure> {
    if began.elapsed() > PATIENCE {
        return Err(Failure::from(error).hint(scene.house.look()));
    }
    crate::output::note(&format!("not yet: {error}"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}
