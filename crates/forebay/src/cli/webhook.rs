//! `forebay instance webhook`

use clap::{Args, Subcommand};

use super::TenantArg;

/// The webhook by which a site tells of changes.
#[derive(Subcommand, Debug)]
pub(crate) enum WebhookCommand {
    /// Show how it stands: whether it is at the site, when something came last, and what to do.
    Show(WebhookArgs),
    /// Register it at the site, or mend it there: enabled, with all events, at the present address.
    Register(WebhookArgs),
    /// Show what an administrator of Jira enters to make it by hand: address, secret, events. Audited.
    Values(WebhookArgs),
    /// Make a new secret and a new secret address; the old ones are refused at once.
    Rotate(WebhookArgs),
    /// Take it away from the site: changes come by polling from then on.
    Remove(WebhookArgs),
}

/// Of which site.
#[derive(Args, Debug)]
pub(crate) struct WebhookArgs {
    /// The instance's name.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
}
