//! `forebay sandbox seed`: several threads, each of which generates, reads and stores batch after batch.
//!
//! A batch stays on its thread from the first byte to the last: trees that one thread makes and another frees cost both of them
//! more than the work itself. While one thread waits for PostgreSQL, another one generates.

use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use application::{
    Error, Services,
    instances::Instance,
    issues::UpsertCounts,
    sandbox::{self, ReadBatch, Seeding},
    tenants::Tenant,
};
use domain::{generator::Generator, ids::TenantId};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;
use tokio::{runtime::Handle, sync::mpsc, task::JoinSet};

use super::{add, refresh, told};
use crate::{failure::Failure, output, wiring::Wiring};

/// Issues per transaction: enough that a transaction's own cost hardly shows. An issue that was read takes about 200 KB until
/// it is stored.
const BATCH: u64 = 500;
/// Threads, each with a connection: PostgreSQL needs more than half of the time, so that some always wait for it, or for each other;
/// four keep two cores busy.
const WRITERS: usize = 4;

/// After so many issues the planner is told of them; then after ten times as many, and so on.
const FIRST_LOOK: u64 = 1_000;

/// What a seed did.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::commands) struct Seeded {
    /// Rows inserted or rewritten: fewer than generated where some were stored already.
    #[serde(flatten)]
    pub(in crate::commands) counts: UpsertCounts,
    /// Issues generated.
    pub(in crate::commands) generated: u64,
    /// How long generating and storing took.
    pub(in crate::commands) seconds: f64,
}

pub(super) async fn run(
    wiring: &Wiring,
    (tenant, instance): (&Tenant, &Instance),
    (issues, seed): (u64, u64),
    as_json: bool,
) -> Result<(), Failure> {
    let bar = bar(&instance.name, issues);
    let outcome =
        seed_sandbox(wiring, tenant, instance, issues, seed, &mut |stored| bar.set_position(stored)).await;
    bar.finish_and_clear();
    let seeded = outcome?;
    refresh(wiring).await?;
    if as_json {
        return output::json(&seeded);
    }
    let rate = seeded.generated as f64 / seeded.seconds.max(f64::EPSILON);
    let known = match seeded.generated.saturating_sub(seeded.counts.issues) {
        0 => String::new(),
        known => format!("; {known} issues were there already"),
    };
    output::line(&format!("{} in {:.1} s ({rate:.0} issues/s){known}", told(&seeded.counts), seeded.seconds))
}

/// A bar on a terminal; nothing elsewhere.
pub(in crate::commands) fn bar(name: &str, issues: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(issues);
    let style =
        ProgressStyle::with_template("{prefix}  {bar:28.cyan/blue}  {pos}/{len} issues  {rate}  eta {eta}");
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Writing into the bar's own line cannot fail in a way that matters to anyone.
        let _ = write!(out, "{:.0}/s", state.per_sec());
    };
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate));
    bar.set_prefix(name.to_owned());
    bar
}

/// Fills a sandbox with generated issues; `progress` hears how many are stored. Doing it again, or once more after an
/// interruption, stores what is missing.
pub(in crate::commands) async fn seed_sandbox(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: &Instance,
    issues: u64,
    seed: u64,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Seeded, Failure> {
    let began = Instant::now();
    let services = &wiring.services;
    let seeding = sandbox::begin_seed(services, tenant.id, instance, issues, seed).await?;
    let job = Arc::new(Job {
        services: services.clone(),
        tenant: tenant.id,
        instance: instance.clone(),
        seeding,
        next: AtomicU64::new(0),
    });
    let (stored, mut news) = mpsc::unbounded_channel();
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (job, stored, runtime) = (Arc::clone(&job), stored.clone(), Handle::current());
        writers.spawn_blocking(move || job.run(&runtime, &stored));
    }
    // The writers hold the other ends: when all have gone, the news end.
    drop(stored);

    let mut look_again = FIRST_LOOK;
    let mut seeded = Seeded { counts: UpsertCounts::default(), generated: 0, seconds: 0.0 };
    while let Some((batch, counts)) = news.recv().await {
        seeded.generated += batch;
        add(&mut seeded.counts, counts);
        progress(seeded.generated);
        if seeded.generated >= look_again && seeded.generated < issues {
            look_again = look_again.saturating_mul(10);
            gather_statistics(services).await?;
        }
    }
    while let Some(writer) = writers.join_next().await {
        writer.map_err(Error::internal)??;
    }
    seeded.seconds = began.elapsed().as_secs_f64();
    Ok(seeded)
}

/// Lets the planner see what is stored so far, without waiting for autovacuum.
async fn gather_statistics(services: &Services) -> Result<(), Failure> {
    let mut tx = services.db.platform().await?;
    tx.gather_statistics().await?;
    Ok(tx.commit().await?)
}

/// What the writers share.
struct Job {
    services: Services,
    tenant: TenantId,
    instance: Instance,
    seeding: Seeding,
    /// The first issue that nobody has taken yet.
    next: AtomicU64,
}

impl Job {
    /// Takes batches until there are no more, or until another writer has failed; tells of each how many issues it had, and how
    /// many rows it changed.
    fn run(
        &self,
        runtime: &Handle,
        stored: &mpsc::UnboundedSender<(u64, UpsertCounts)>,
    ) -> Result<(), Failure> {
        let Seeding { options, roles, erased, server } = &self.seeding;
        let mut generator = Generator::new(options);
        loop {
            let from = self.next.fetch_add(BATCH, Ordering::Relaxed);
            if from >= options.issues {
                return Ok(());
            }
            let issues = (from..options.issues.min(from + BATCH)).map(|index| generator.issue(index));
            let issues = issues.map(|issue| match server {
                Some(server) => server.issue(issue),
                None => issue,
            });
            let batch = sandbox::read_batch(roles, erased, self.services.secrets.as_ref(), issues);
            match runtime.block_on(self.store(&batch)) {
                // Nobody listens any more when telling of it failed: then the others need not go on either.
                Ok(counts) if stored.send((batch.bundles.len() as u64, counts)).is_ok() => {}
                outcome => {
                    self.next.store(options.issues, Ordering::Relaxed);
                    return outcome.map(|_| ());
                }
            }
        }
    }

    async fn store(&self, batch: &ReadBatch) -> Result<UpsertCounts, Failure> {
        if let Some(reject) = batch.rejected.first() {
            return Err(Failure::new(format!("a generated issue could not be read: {}", reject.reason)));
        }
        Ok(sandbox::store_batch(&self.services, self.tenant, &self.instance, &batch.bundles).await?)
    }
}
