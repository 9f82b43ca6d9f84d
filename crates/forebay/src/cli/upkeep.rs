//! What keeps a mirror honest beside syncing it: `forebay sync census`, `check`, `freshness` and `rejects`.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::TenantArg;

#[derive(Args, Debug)]
pub(crate) struct CensusArgs {
    /// The instance's name.
    pub(crate) name: String,
    /// Let the census go on that the brake has stopped: what is gone is looked for once more, and written off.
    #[arg(long, conflicts_with = "reject")]
    pub(crate) accept: bool,
    /// Keep what is gone as present; the next census asks again.
    #[arg(long)]
    pub(crate) reject: bool,
    /// Only show the latest census.
    #[arg(long, conflicts_with_all = ["accept", "reject"])]
    pub(crate) status: bool,
    #[command(flatten)]
    pub(crate) settings: CensusSettingsArgs,
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
}

/// With one of these the settings are changed, and no census is taken.
#[derive(Args, Debug)]
#[group(id = "census_settings", multiple = true, conflicts_with_all = ["accept", "reject", "status"])]
pub(crate) struct CensusSettingsArgs {
    /// From now on, stop when more than so many percent of a project are gone; 100 takes the brake away.
    #[arg(long, value_name = "PERCENT")]
    pub(crate) brake_percent: Option<u32>,
    /// From now on, stop only when more than so many issues are gone.
    #[arg(long, value_name = "N")]
    pub(crate) brake_issues: Option<u32>,
    /// From now on, take one every so many hours; 0 for none but those that are asked for.
    #[arg(long, value_name = "HOURS")]
    pub(crate) every_hours: Option<u32>,
}

impl CensusSettingsArgs {
    pub(crate) fn is_empty(&self) -> bool {
        self.brake_percent.is_none() && self.brake_issues.is_none() && self.every_hours.is_none()
    }
}

#[derive(Args, Debug)]
pub(crate) struct InstanceArgs {
    /// The instance's name.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RejectsCommand {
    /// List the rows that cannot be read.
    List(InstanceArgs),
    /// Show one with its payload.
    Show(RejectArgs),
    /// Look for one now, and store it if it can be read.
    Retry(RejectArgs),
}

#[derive(Args, Debug)]
pub(crate) struct RejectArgs {
    /// The instance's name.
    pub(crate) name: String,
    /// The row's id, as `list` shows it.
    pub(crate) id: Uuid,
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
}
