//! What the promise names once the faults have ended: one sync with its lists, and one census. Then both sides are compared.

use std::time::{Duration, Instant};

use application::{
    Error,
    sync::{
        self,
        census::{self, CensusState},
        drift::{self, Share},
        reference::{self, ReferenceList},
    },
};
use chrono::{DateTime, Utc};
use infrastructure::queue;

use super::{
    compare::compare,
    doors,
    round::{Site, Stage},
    scene::{Pair, Scene},
};
use crate::{failure::Failure, wiring::Wiring};

/// How long the sync and the census that follow may take, or be put off by what the site has said before.
const PATIENCE: Duration = Duration::from_secs(300);

/// One sync and one census, and what is left of a difference then.
pub(super) async fn settle(scene: &Scene<'_>, pair: &Pair, stage: Stage) -> Result<Site, Failure> {
    age_lists(scene.wiring).await?;
    let from = scene.wiring.now();
    let sync_turns = catch_up(scene, pair, from).await?;
    // A sync asks by jobs for another look at issues that were missing a moment ago.
    drain(scene).await?;
    for list in ReferenceList::ALL {
        read_list(scene, pair, list, from).await?;
    }
    let census = take_census(scene, pair, from).await?;
    // So does a census, where an issue has the key of another one.
    drain(scene).await?;
    let mut site = compared(scene, pair, stage).await?;
    let sum = |count: fn(&census::CensusProject) -> u64| census.census.projects.iter().map(count).sum();
    site.sync_turns = sync_turns;
    site.census_turns = census.turns;
    site.census_held = census.held;
    site.census_gone = sum(|project| project.gone);
    site.census_fetched = sum(|project| project.fetched);
    Ok(site)
}

/// One comparison of all issues with the source, and what is left of a difference then.
pub(super) async fn check(scene: &Scene<'_>, pair: &Pair, stage: Stage) -> Result<Site, Failure> {
    drain(scene).await?;
    let (services, tenant) = (&scene.wiring.services, scene.tenant.id);
    let report = drift::check(services, tenant, pair.copy.id, Share::Round).await?;
    read_list(scene, pair, ReferenceList::Followers, scene.wiring.now()).await?;
    let mut site = compared(scene, pair, stage).await?;
    site.mended = report.differing;
    Ok(site)
}

/// Has a source that went back in time copied anew.
pub(super) async fn begin_anew(scene: &Scene<'_>, pair: &Pair) -> Result<(), Failure> {
    let operator = Wiring::operator(&scene.tenant);
    sync::begin_anew(&scene.wiring.services, &operator, &pair.copy.name).await?;
    Ok(())
}

async fn compared(scene: &Scene<'_>, pair: &Pair, stage: Stage) -> Result<Site, Failure> {
    let mut owner = scene.wiring.access.owner().await?;
    let mut tables = compare(&mut owner, pair.sides(stage == Stage::Restored)).await?;
    tables.push(doors::compare(scene, pair).await?);
    Ok(Site { name: pair.name, stage, tables, ..Site::default() })
}

async fn drain(scene: &Scene<'_>) -> Result<(), Failure> {
    let services = scene.wiring.services.clone();
    queue::drain(scene.wiring.access.role("forebay_queue"), services).await?;
    Ok(())
}

/// As if the hour had gone by after which lists are read again, and late changes looked for.
async fn age_lists(wiring: &Wiring) -> Result<(), Failure> {
    let mut owner = wiring.access.owner().await?;
    let later = "UPDATE sync_watermarks SET last_updated_at = now() - interval '2 hours'
         WHERE entity IN ('rosters', 'late_changes')";
    sqlx::query(later).execute(&mut owner).await?;
    Ok(())
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

struct Taken {
    census: census::Census,
    turns: u32,
    held: u32,
}

/// The same with a census. Whatever its brake asks is answered: all that is gone went on purpose.
async fn take_census(scene: &Scene<'_>, pair: &Pair, from: DateTime<Utc>) -> Result<Taken, Failure> {
    let services = &scene.wiring.services;
    let operator = Wiring::operator(&scene.tenant);
    let began = Instant::now();
    let mut held = 0;
    for turns in 1.. {
        match census::run(services, scene.tenant.id, pair.copy.id).await {
            Ok(census) if census.started_at < from => {}
            Ok(census) if census.state == CensusState::Succeeded => return Ok(Taken { census, turns, held }),
            Ok(census) if census.state == CensusState::Held && held == 0 => {
                held += 1;
                census::decide(services, &operator, &pair.copy.name, true).await?;
            }
            Ok(census) => {
                let reason = census.error.unwrap_or_else(|| census.state.as_str().to_owned());
                return Err(
                    Failure::new(format!("the census did not succeed: {reason}")).hint(scene.house.look())
                );
            }
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
