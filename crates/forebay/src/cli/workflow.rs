//! `forebay sandbox workflow`.

use std::path::PathBuf;

use clap::Args;

use super::TenantArg;

#[derive(Args, Debug)]
pub(crate) struct WorkflowArgs {
    /// The sandbox's name.
    pub(crate) name: String,
    /// The workflow, as JSON; `-` is stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "clear")]
    pub(crate) file: Option<PathBuf>,
    /// Go back to the workflow that the sandbox has by itself.
    #[arg(long)]
    pub(crate) clear: bool,
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
}
