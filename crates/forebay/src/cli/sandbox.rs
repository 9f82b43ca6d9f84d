//! `forebay sandbox`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{TenantArg, workflow::WorkflowArgs};

#[derive(Subcommand, Debug)]
pub(crate) enum SandboxCommand {
    /// Fill a sandbox with generated issues: same seed, same data.
    Seed {
        /// The sandbox's name.
        name: String,
        /// How many issues.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
        issues: u64,
        /// The seed.
        #[arg(long, default_value_t = 42)]
        seed: u64,
        /// Speak as a Jira Server: wiki markup, people by name, the old search. For a sandbox that is empty.
        #[arg(long)]
        server: bool,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Add a service project to a sandbox: a desk with request types, queues, SLAs, approvals, customers and requests. Its other
    /// projects stay as they are.
    ServiceDesk {
        /// The sandbox's name.
        name: String,
        /// How many requests.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=10_000))]
        requests: u64,
        /// The same seed gives the same requests.
        #[arg(long, default_value_t = 42)]
        seed: u64,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Load recorded issues: one JSON issue a line, as Jira's REST serves them, v2 or v3.
    Import {
        /// The sandbox's name.
        name: String,
        /// JSON Lines files; `-` is stdin.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Let a sandbox do wrong what Jira does wrong, the same again with the same seed; without options, show what it does.
    Faults(FaultArgs),
    /// Give a sandbox a workflow, with conditions, screens and required fields; without options, show the one it has.
    Workflow(WorkflowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct FaultArgs {
    /// The sandbox's name.
    pub(crate) name: String,
    /// The plan, as JSON; `-` is stdin.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["faults", "clear"])]
    pub(crate) file: Option<PathBuf>,
    /// A fault with its options: 'rate_limit retry_after=2 probability=0.1 on.endpoints=search'. May be repeated.
    #[arg(long = "fault", value_name = "FAULT", conflicts_with = "clear")]
    pub(crate) faults: Vec<String>,
    /// The same seed answers the same requests with the same faults.
    #[arg(long, conflicts_with = "clear")]
    pub(crate) seed: Option<u64>,
    /// Do nothing wrong any more.
    #[arg(long)]
    pub(crate) clear: bool,
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
}
