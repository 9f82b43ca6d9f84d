//! The arguments of `forebay bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::TenantArg;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    /// How many issues the sandbox gets.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub(crate) issues: u64,
    /// The seed.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) reads: LookUpReads,
    #[command(subcommand)]
    pub(crate) part: Option<BenchPart>,
}

/// A part of the benchmark that is run alone.
#[derive(Subcommand, Debug)]
pub(crate) enum BenchPart {
    /// Only fill a sandbox: how fast, and how large every table and index becomes. A million issues take about 30 GB while
    /// they are stored.
    Load(LoadArgs),
    /// Prove that mirrors converge: change a source at random while its mirror syncs under random faults, kills and restarts;
    /// then let the faults end, sync once, take one census, and compare both whole. Fails when a row differs.
    Converge(super::converge::ConvergeArgs),
    /// Time the sync: a first copy, a catch-up and webhooks, from a source and by a worker that are processes of their own, with what each
    /// of them costs.
    Sync(super::bench_sync::BenchSyncArgs),
    /// Time the hot reads on the database as it stands, each with row-level security and without it.
    Queries(QueriesArgs),
    /// Time look-ups on the database as it stands, answered by the cache and by the database.
    LookUps(LookUpsArgs),
    /// Ask Jira's own door for issues at a fixed rate, on the database as it stands.
    Http(HttpArgs),
    /// Time sixty searches by JQL that people really write, by kind, on the database as it stands.
    Jql(JqlArgs),
}

#[derive(Args, Debug)]
pub(crate) struct LookUpsArgs {
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
    /// The instance whose issues are looked up; the tenant's first when left out.
    #[arg(long)]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) reads: LookUpReads,
}

/// How look-ups are timed.
#[derive(Args, Debug)]
pub(crate) struct LookUpReads {
    /// How many reads of each kind are timed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub(crate) reads: u32,
    /// What answers look-ups: the cache, the database, or both in turn.
    #[arg(long, default_value = "both", value_parser = ["cache", "database", "both"], value_name = "BY")]
    pub(crate) answered_by: String,
}

#[derive(Args, Debug)]
pub(crate) struct HttpArgs {
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
    /// The instance whose issues are read; the tenant's first when left out.
    #[arg(long)]
    pub(crate) instance: Option<String>,
    /// Requests a second.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// For so long.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=3_600))]
    pub(crate) seconds: u16,
}

#[derive(Args, Debug)]
pub(crate) struct JqlArgs {
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
    /// The instance whose issues are searched; the tenant's first when left out.
    #[arg(long)]
    pub(crate) instance: Option<String>,
    /// How often each query is timed.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) reads: u32,
    /// Show each query, too.
    #[arg(long)]
    pub(crate) each: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    /// How many issues.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub(crate) issues: u64,
    /// The seed.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// A new data folder that is filled and stays, for `forebay --data-dir FOLDER bench queries`; without it the database is gone
    /// afterwards.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct QueriesArgs {
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
    /// The instance whose issues are read; the tenant's first when left out.
    #[arg(long)]
    pub(crate) instance: Option<String>,
    /// How many reads of each kind are timed, each way.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) reads: u32,
    /// Another search to time, as a page of 50. May be given several times.
    #[arg(long)]
    pub(crate) jql: Vec<String>,
}
