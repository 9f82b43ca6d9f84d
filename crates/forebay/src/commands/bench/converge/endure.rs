//! A round while everything goes wrong.

use std::time::{Duration, Instant};

use application::sync::census;
use reqwest::Method;

use super::{
    backup::{self, Backup},
    chance::Fate,
    round::Deaths,
    scene::{Pair, Scene},
    writers::Written,
};
use crate::{failure::Failure, wiring::Wiring};

/// How often the mirrors are asked to poll: every minute by themselves, which is too rare for a short round.
const NUDGE: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Default)]
pub(super) struct Endured {
    pub(super) deaths: Deaths,
    /// What administrators did.
    pub(super) done: Written,
    /// Of the sources, as they were at some moment.
    pub(super) backups: Vec<Backup>,
}

/// Syncs, while everything happens that fate has in store.
pub(super) async fn endure(scene: &mut Scene<'_>, fate: &Fate, length: Duration) -> Result<Endured, Failure> {
    scene.house.work()?;
    let began = Instant::now();
    let mut kills = fate.kills.iter().copied().peekable();
    let mut censuses = fate.censuses.iter().copied().peekable();
    let mut deeds = fate.deeds.each_ref().map(|deeds| deeds.iter().copied().peekable());
    let (mut crash, mut redis, mut backup) = (fate.crash, fate.redis, Some(fate.backup));
    let mut answers = fate.answers;
    let mut nudged = None::<Instant>;
    let Endured { mut deaths, mut done, mut backups } = Endured::default();
    // A crash may take longer than a short round: what fate has in store happens all the same.
    while began.elapsed() < length
        || kills.peek().is_some()
        || censuses.peek().is_some()
        || crash.or(redis).or(backup).is_some()
    {
        let is_time = |at: &Duration| *at <= began.elapsed();
        if let Some((_, victim)) = kills.next_if(|(at, _)| is_time(at)) {
            add(&mut deaths, "workers killed", scene.house.kill_workers(victim)?);
            bury(scene.wiring).await?;
            scene.house.work()?;
        }
        if crash.take_if(|at| is_time(at)).is_some() {
            scene.house.crash_database().await?;
            add(&mut deaths, "PostgreSQL crashed", 1);
        }
        if redis.take_if(|at| is_time(at)).is_some() {
            add(&mut deaths, "Redis killed", scene.house.crash_redis()?.into());
        }
        add(&mut deaths, "workers ended by themselves", scene.house.supervise()?);
        if backup.take_if(|at| is_time(at)).is_some() {
            backups = take_backups(scene).await?;
        }
        let nudges = nudged.is_none_or(|at| at.elapsed() > NUDGE);
        let takes_census = censuses.next_if(is_time).is_some();
        for (pair, deeds) in scene.pairs.iter().zip(&mut deeds) {
            if let Some((_, deed, number)) = deeds.next_if(|(at, ..)| is_time(at)) {
                // What cannot be done just now, because others are at it, is not done.
                let mut owner = scene.wiring.access.owner().await?;
                let was = deed.execute(&mut owner, pair.source.id, number).await.unwrap_or_else(|error| {
                    crate::output::note(&format!("{}: not done: {error}", deed.name));
                    false
                });
                *done.entry(if was { deed.name } else { "not done" }).or_default() += 1;
            }
            // Refused while one is under way, or while the database is down: the next one is soon.
            let path = |what: &str| format!("/v1/instances/{}/{what}", pair.copy.name);
            if nudges {
                let _ = scene.ask_mirror(Method::POST, &path("sync"), None).await;
                nudged = Some(Instant::now());
                answer(scene, pair, &mut answers, &mut done).await;
            }
            if takes_census {
                let _ = scene.ask_mirror(Method::POST, &path("census"), None).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Endured { deaths, done, backups })
}

pub(super) fn add(deaths: &mut Deaths, what: &'static str, count: u32) {
    *deaths.entry(what).or_default() += count;
}

/// Answers for a census that the brake has stopped, rightly or wrongly.
async fn answer(scene: &Scene<'_>, pair: &Pair, answers: &mut u64, done: &mut Written) {
    let accept = *answers & 1 == 1;
    let (services, operator) = (&scene.wiring.services, Wiring::operator(&scene.tenant));
    // Nothing is asked most of the time.
    if census::decide(services, &operator, &pair.copy.name, accept).await.is_ok() {
        *answers = answers.rotate_right(1);
        *done.entry(if accept { "census accepted" } else { "census rejected" }).or_default() += 1;
    }
}

async fn take_backups(scene: &Scene<'_>) -> Result<Vec<Backup>, Failure> {
    let mut owner = scene.wiring.access.owner().await?;
    let mut backups = Vec::new();
    for pair in &scene.pairs {
        backups.push(backup::take(&mut owner, pair.source.id).await?);
    }
    Ok(backups)
}

/// As if the time had gone by after which a worker that is not heard of counts as dead. One that lives is taken for dead, too, until
/// its next sign of life: what it holds may be taken over while it still works on it.
pub(super) async fn bury(wiring: &Wiring) -> Result<(), Failure> {
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
