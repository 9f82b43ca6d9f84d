//! `forebay bench sync`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct BenchSyncArgs {
    /// How many issues the source has.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub(crate) issues: u64,
    /// The seed of the generated issues.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Milliseconds by which the source delays each of its answers; several with commas, each measured.
    #[arg(
        long, value_delimiter = ',', value_name = "MS", default_values_t = [0, 50],
        value_parser = clap::value_parser!(u32).range(0..=10_000)
    )]
    pub(crate) latency_ms: Vec<u32>,
    /// Pages of the first copy that are on their way at the same time (FOREBAY_SYNC_PARALLEL); several with commas, each measured.
    #[arg(
        long, value_delimiter = ',', value_name = "N", default_values_t = [1, 8],
        value_parser = clap::value_parser!(u16).range(1..=32)
    )]
    pub(crate) in_flight: Vec<u16>,
    /// Only these parts; all of them when left out.
    #[arg(long, value_delimiter = ',')]
    pub(crate) part: Vec<SyncPart>,
    /// How many issues are changed before a catch-up.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) changes: u64,
    /// Webhooks a second.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) webhooks_per_second: u32,
    /// For how long webhooks are sent.
    #[arg(long, default_value_t = 20, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) webhook_seconds: u32,
    /// A data folder that `forebay bench load --keep FOLDER` has filled: the source is not filled anew then, and the folder stays.
    #[arg(long, value_name = "FOLDER", conflicts_with = "seed")]
    pub(crate) source: Option<PathBuf>,
}

impl BenchSyncArgs {
    /// Whether this part is wanted.
    pub(crate) fn has(&self, part: SyncPart) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }
}

/// A part of the benchmark of the sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SyncPart {
    /// The first copy, for each latency and each number of pages in flight.
    Backfill,
    /// A catch-up after some issues were changed, for each latency.
    CatchUp,
    /// Webhooks at a steady rate, until their issues can be read.
    Webhooks,
}
