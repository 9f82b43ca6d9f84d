//! `forebay sandbox seed`: generating and reading on one thread, storing on two connections, with a short queue between
//! them.

use std::{io::IsTerminal, sync::Arc, time::Instant};

use application::{
    Error, Services,
    instances::Instance,
    issues::UpsertCounts,
    ports::Secrets,
    sandbox::{self, ReadBatch, Seeding},
    tenants::Tenant,
};
use domain::generator::Generator;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use super::{add, refresh, told};
use crate::{failure::Failure, output, wiring::Wiring};

/// Issues per transaction: enough that a transaction's own cost hardly shows. An issue that was read takes about 240 KB, and
/// four batches are under way.
const BATCH: u64 = 500;
/// Connections that store. PostgreSQL needs most of the time, so that two keep two cores busy; more would only wait.
const WRITERS: usize = 2;
/// Batches that are read and wait.
const QUEUE: usize = 1;

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
    let (sender, receiver) = mpsc::channel(QUEUE);
    let secrets = Arc::clone(&services.secrets);
    let reader = tokio::task::spawn_blocking(move || read_all(&seeding, secrets.as_ref(), &sender));

    let receiver = Arc::new(Mutex::new(receiver));
    let (stored, mut news) = mpsc::unbounded_channel();
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let writer =
            Writer { services: services.clone(), tenant: tenant.clone(), instance: instance.clone() };
        writers.spawn(writer.run(Arc::clone(&receiver), stored.clone()));
    }
    // What is left holds the queue's end: when every writer has gone, the reader must notice.
    drop((receiver, stored));

    let mut seeded = Seeded { counts: UpsertCounts::default(), generated: 0, seconds: 0.0 };
    while let Some((batch, counts)) = news.recv().await {
        seeded.generated += batch;
        add(&mut seeded.counts, counts);
        progress(seeded.generated);
    }
    while let Some(writer) = writers.join_next().await {
        writer.map_err(Error::internal)??;
    }
    reader.await.map_err(Error::internal)?;
    seeded.seconds = began.elapsed().as_secs_f64();
    Ok(seeded)
}

/// Generates and reads everything, until the writers have gone.
fn read_all(seeding: &Seeding, secrets: &dyn Secrets, batches: &mpsc::Sender<ReadBatch>) {
    let mut generator = Generator::new(&seeding.options);
    let mut next = 0;
    while next < seeding.options.issues {
        let until = (next + BATCH).min(seeding.options.issues);
        let issues = (next..until).map(|index| generator.issue(index));
        if batches
            .blocking_send(sandbox::read_batch(&seeding.roles, &seeding.erased, secrets, issues))
            .is_err()
        {
            return;
        }
        next = until;
    }
}

struct Writer {
    services: Services,
    tenant: Tenant,
    instance: Instance,
}

impl Writer {
    /// Stores batches until there are no more; tells how many issues each had, and how many rows it changed.
    async fn run(
        self,
        batches: Arc<Mutex<mpsc::Receiver<ReadBatch>>>,
        stored: mpsc::UnboundedSender<(u64, UpsertCounts)>,
    ) -> Result<(), Failure> {
        loop {
            let Some(batch) = batches.lock().await.recv().await else { return Ok(()) };
            match self.store(&batch).await {
                // The sum's reader outlives every writer.
                Ok(counts) => drop(stored.send((batch.bundles.len() as u64, counts))),
                Err(failure) => {
                    batches.lock().await.close();
                    return Err(failure);
                }
            }
        }
    }

    async fn store(&self, batch: &ReadBatch) -> Result<UpsertCounts, Failure> {
        if let Some(reject) = batch.rejected.first() {
            return Err(Failure::new(format!("a generated issue could not be read: {}", reject.reason)));
        }
        Ok(sandbox::store_batch(&self.services, self.tenant.id, &self.instance, &batch.bundles).await?)
    }
}
