//! The command line. Every setting is also an environment variable; see [`crate::settings`].

pub(crate) mod bench;
pub(crate) mod bench_sync;
pub(crate) mod converge;
pub(crate) mod sandbox;
pub(crate) mod upkeep;
pub(crate) mod webhook;
pub(crate) mod workflow;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::Settings;

/// Below the help; docs/configuration.md says the same.
const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 the command line cannot be read; 3 done, but not all is well: an import \
     rejected lines, or a mirror's sync fails. With --json a failure is one document on stdout too: {\"error\": …}.";

/// A live copy of Jira in your own PostgreSQL, and one fast, audited door in front of it.
#[derive(Parser, Debug)]
#[command(name = "forebay", version, propagate_version = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Print one JSON document on stdout.
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run everything on this machine with nothing configured: a sandbox Jira, a mirror of it, every door.
    Demo(DemoArgs),
    /// Serve REST, Jira's REST, MCP, the pages and the webhook door.
    Serve {
        /// Run the background jobs in this process too.
        #[arg(long)]
        with_worker: bool,
    },
    /// Run background jobs: syncs, webhooks, refreshes.
    Worker,
    /// Bring the database's schema up or down.
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Make, list and remove tenants, and erase people from their copies.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Make, list, change and revoke API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Seal every stored secret anew with the first key of FOREBAY_MASTER_KEY, while everything runs.
    KeyRotate,
    /// Add, list, test and remove Jira sites.
    #[command(subcommand)]
    Instance(InstanceCommand),
    /// Sync a mirror, see how it stands, pause it.
    #[command(subcommand)]
    Sync(SyncCommand),
    /// Look at background jobs, try dead ones again, or drop them.
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Fill a sandbox, and let it do wrong.
    #[command(subcommand)]
    Sandbox(sandbox::SandboxCommand),
    /// Search the copy by JQL.
    Search(SearchArgs),
    /// Judge JQL: a query a line from stdin, one JSON verdict a line on stdout. With --json stdin is one JSON array of queries.
    Jql,
    /// Convert rich text from stdin to stdout: Atlassian Document Format, Markdown, Jira's wiki markup, plain text, HTML.
    Adf(AdfArgs),
    /// Serve MCP over stdin and stdout to one agent; its key comes from FOREBAY_API_KEY.
    Mcp,
    /// Check configuration, database, roles, Redis and sites, and say what to do.
    Doctor,
    /// Measure this machine: sync and reads against a sandbox of its own.
    Bench(bench::BenchArgs),
}

#[derive(Args, Debug)]
pub(crate) struct AdfArgs {
    /// What stdin holds.
    #[arg(long, value_enum)]
    pub(crate) from: RichText,
    /// What stdout gets.
    #[arg(long, value_enum)]
    pub(crate) to: Rendering,
    /// Puts what Markdown or wiki markup cannot hold into an envelope below the text, from which it is read again.
    #[arg(long)]
    pub(crate) lossless: bool,
}

/// Formats that are read.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RichText {
    /// Atlassian Document Format, as JSON.
    Adf,
    /// Markdown.
    Markdown,
    /// Jira's wiki markup.
    Wiki,
}

/// Formats that are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Rendering {
    /// Atlassian Document Format, as JSON.
    Adf,
    /// Markdown.
    Markdown,
    /// Jira's wiki markup.
    Wiki,
    /// Plain text.
    Text,
    /// HTML, sanitised.
    Html,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// How many issues the sandbox gets.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) issues: u64,
    /// The same seed gives the same data.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Add a service project to a new sandbox: a desk of Jira Service Management with customers and requests.
    #[arg(long)]
    pub(crate) service_desk: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum MigrateCommand {
    /// Apply everything that is pending, and make the roles.
    Up,
    /// Take back the last N migrations.
    Down {
        /// How many.
        #[arg(default_value_t = 1)]
        steps: u32,
        /// Do not ask: what the taken back tables hold is lost.
        #[arg(long)]
        yes: bool,
    },
    /// Show what is applied.
    Status,
}

#[derive(Subcommand, Debug)]
pub(crate) enum TenantCommand {
    /// Make a tenant.
    Create {
        /// Lower-case letters, digits and dashes.
        name: String,
    },
    /// List all tenants.
    List,
    /// Remove a tenant with every row of it.
    Remove {
        /// The tenant's name.
        name: String,
        /// Do not ask for the name to be typed again.
        #[arg(long)]
        yes: bool,
    },
    /// Erase a person: a pseudonym takes their place in every row, and no later sync brings them back.
    EraseUser {
        /// The account id; on Server and Data Center the user key or name.
        account_id: String,
        /// Only at this instance; at all of the tenant when left out.
        #[arg(long)]
        instance: Option<String>,
        /// Only show what would go.
        #[arg(long)]
        dry_run: bool,
        /// Also an account that nothing names: no later sync brings it then. Without it such an account is refused, as a mistake.
        #[arg(long)]
        unknown_too: bool,
        /// Do not ask for the account id to be typed again.
        #[arg(long, conflicts_with = "dry_run")]
        yes: bool,
        #[command(flatten)]
        tenant: TenantArg,
    },
}

#[derive(Args, Debug, Clone, Default)]
pub(crate) struct TenantArg {
    /// The tenant, by name or id. May be left out while there is only one.
    #[arg(long, env = "FOREBAY_TENANT")]
    pub(crate) tenant: Option<String>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown once.
    Create {
        #[command(flatten)]
        tenant: TenantArg,
        /// What it may do, separated by commas: `read` issues and metrics; `write` through to Jira; `sql`, ask the SQL door;
        /// `admin`, manage instances, keys and syncs and read the audit log; `ai`, kept for features that act by a model: nothing asks
        /// for it so far.
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// A name for people and the audit log.
        #[arg(long, default_value = "cli")]
        name: String,
        #[command(flatten)]
        limits: KeyLimits,
    },
    /// Show a key, without its secret.
    Show {
        /// The key's id, as `key list` shows it.
        id: String,
    },
    /// Change a key from its next request on. What is left out stays; `*` or `never` takes a limit away.
    Update {
        /// The key's id, as `key list` shows it.
        id: String,
        /// What it may do, separated by commas: read, write, sql, ai, admin (see `key create --help`).
        #[arg(long, value_delimiter = ',')]
        scopes: Option<Vec<String>>,
        /// A name for people and the audit log.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        limits: KeyLimits,
    },
    /// List keys, without their secrets.
    List {
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Revoke a key at once.
    Revoke {
        /// The key's id, as `key list` shows it.
        id: String,
    },
}

/// What narrows a key down beyond its scopes, and when it ends.
#[derive(Args, Debug)]
pub(crate) struct KeyLimits {
    /// Only issues of these projects: KEY, INSTANCE/KEY or INSTANCE/*.
    #[arg(long, value_delimiter = ',')]
    pub(crate) projects: Option<Vec<String>>,
    /// Only these changes, by their names in the audit log: transition_issue, add_comment ...
    #[arg(long, value_delimiter = ',')]
    pub(crate) actions: Option<Vec<String>>,
    /// Only these MCP tools: jql_search, get_issue ...
    #[arg(long, value_delimiter = ',')]
    pub(crate) tools: Option<Vec<String>>,
    /// At most so many requests a minute, all doors together; `*` for no limit.
    #[arg(long)]
    pub(crate) rate: Option<String>,
    /// When it ends by itself, from now: 30m, 12h, 90d, 8w, or never.
    #[arg(long, value_name = "TIME", conflicts_with = "expires_at")]
    pub(crate) expires_in: Option<String>,
    /// When it ends by itself: 2027-01-31 (its end, UTC) or 2027-01-31T12:00:00Z.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) expires_at: Option<String>,
}

impl KeyLimits {
    /// Whether none is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.projects.is_none()
            && self.actions.is_none()
            && self.tools.is_none()
            && self.rate.is_none()
            && self.expires_in.is_none()
            && self.expires_at.is_none()
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum InstanceCommand {
    /// Add a Jira site to mirror, or a sandbox.
    Add(InstanceAddArgs),
    /// List the sites.
    List {
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Reach the site, sign in, and register a webhook where the account may.
    Test {
        /// The instance's name.
        name: String,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Give a site another credential: the old one ended, or the account has to consent again. The copy stays.
    Credential(InstanceCredentialArgs),
    /// Show what was asked of a site lately, and whether it is left alone just now.
    Quota {
        /// The instance's name.
        name: String,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// The webhook by which a site tells of changes: look, register, enter by hand, rotate, remove.
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Remove a site with every row of it.
    Remove {
        /// The instance's name.
        name: String,
        /// Do not ask for the name to be typed again.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        tenant: TenantArg,
    },
}

#[derive(Args, Debug)]
pub(crate) struct InstanceAddArgs {
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
    /// Its name in addresses: /jira/NAME.
    #[arg(long)]
    pub(crate) name: String,
    /// What it is: `cloud`, Atlassian's; `datacenter` or `server`, your own Jira; `sandbox`, a Jira inside Forebay to try things on.
    #[arg(long)]
    pub(crate) kind: String,
    /// The site's address; a sandbox has none.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// api_token, pat or oauth.
    #[arg(long, default_value = "api_token")]
    pub(crate) auth: String,
    /// The site's cloud id: it is reached through Atlassian's gateway, as scoped tokens, service accounts and OAuth need it.
    #[arg(long, value_name = "ID")]
    pub(crate) cloud_id: Option<String>,
    /// The most requests a minute to it; the server's setting when absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) requests_per_minute: Option<u32>,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
}

/// What signs in. Secrets come by the environment or stdin, never by the command line.
#[derive(Args, Debug)]
pub(crate) struct CredentialArgs {
    /// The account's e-mail address (or user name), with api_token.
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// The environment variable that holds the token.
    #[arg(long, conflicts_with = "token_stdin")]
    pub(crate) token_env: Option<String>,
    /// Read the token from stdin.
    #[arg(long)]
    pub(crate) token_stdin: bool,
    /// The OAuth 2.0 client's id: access tokens are then had and renewed by themselves.
    #[arg(long, value_name = "ID", requires = "client_secret_env", conflicts_with_all = ["token_env", "token_stdin"])]
    pub(crate) client_id: Option<String>,
    /// The environment variable that holds the client's secret.
    #[arg(long, value_name = "VARIABLE", requires = "client_id")]
    pub(crate) client_secret_env: Option<String>,
    /// The environment variable that holds the refresh token; none for a service account.
    #[arg(long, value_name = "VARIABLE", requires = "client_id")]
    pub(crate) refresh_token_env: Option<String>,
    /// Where tokens are had; Atlassian's own server when absent.
    #[arg(long, value_name = "URL", requires = "client_id")]
    pub(crate) token_url: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct InstanceCredentialArgs {
    /// The instance's name.
    pub(crate) name: String,
    /// api_token, pat or oauth; as before when absent.
    #[arg(long)]
    pub(crate) auth: Option<String>,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
}

#[derive(Subcommand, Debug)]
pub(crate) enum SyncCommand {
    /// Sync now, in this process: a full copy the first time, a catch-up from then on.
    Run {
        /// The instance's name.
        name: String,
        /// If another process is syncing it already, wait for that run instead of giving up.
        #[arg(long)]
        wait: bool,
        /// Copy everything again, and believe the site wherever the copy is newer: it was restored from a backup.
        #[arg(long)]
        anew: bool,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Take a roll call: find what is gone from the site and what the copy lacks. Or answer for one that the brake has stopped.
    Census(upkeep::CensusArgs),
    /// Compare every issue with the site's now, mend what differs, and say so.
    Check(upkeep::InstanceArgs),
    /// Show what proves each project of a mirror, and when.
    Freshness(upkeep::InstanceArgs),
    /// Rows that cannot be read: list, show and look for them again.
    #[command(subcommand)]
    Rejects(upkeep::RejectsCommand),
    /// Show how fresh the mirrors are.
    Status {
        /// Only this instance.
        name: Option<String>,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Follow a sync until its run is over, whoever does it.
    Watch {
        /// The instance's name.
        name: String,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Pause a sync: a run under way stops with the page it is at.
    Pause {
        /// The instance's name.
        name: String,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Let a paused sync go on where it was.
    Resume {
        /// The instance's name.
        name: String,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// End the run under way. What it stored stays; after a full copy that was canceled the sync is paused.
    Cancel {
        /// The instance's name.
        name: String,
        #[command(flatten)]
        tenant: TenantArg,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum JobsCommand {
    /// List jobs that wait, run or have died, newest first.
    List {
        /// Only those in this state: waiting, failing, running or dead.
        #[arg(long)]
        state: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1_000))]
        limit: i32,
        #[command(flatten)]
        tenant: TenantArg,
    },
    /// Show a job with its data and why it failed.
    Show {
        /// Its number, as `jobs list` shows it.
        id: i64,
    },
    /// Let a job run now that waits or has died.
    Retry {
        /// Its number.
        id: i64,
    },
    /// Take a job out of the queue that waits or has died.
    Drop {
        /// Its number.
        id: i64,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// The query, in quotes.
    pub(crate) jql: String,
    #[command(flatten)]
    pub(crate) tenant: TenantArg,
    /// Only this instance.
    #[arg(long)]
    pub(crate) instance: Option<String>,
    /// At most so many issues.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Show the SQL that finds the first page, its parameters, and PostgreSQL's plan, instead of issues.
    #[arg(long)]
    pub(crate) explain: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// A setting that stands behind the command is found by its name, and so would be what a command calls the same.
    #[test]
    fn no_command_has_an_option_with_the_name_of_a_setting() {
        fn look(command: &clap::Command, settings: &[&clap::Id]) {
            for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
                assert!(
                    !settings.contains(&argument.get_id()),
                    "{}: {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(|command| look(command, settings));
        }
        let command = Cli::command();
        let settings: Vec<_> = command
            .get_arguments()
            .filter(|argument| argument.is_global_set())
            .map(|it| it.get_id())
            .collect();
        assert!(settings.len() > 20, "{settings:?}");
        look(&command, &settings);
        let bench = Cli::try_parse_from(["forebay", "bench", "http"]).unwrap();
        assert!(bench.settings.cache().enabled);
    }

    #[test]
    fn settings_may_stand_behind_the_command() {
        let cli =
            Cli::try_parse_from(["forebay", "demo", "--listen", "127.0.0.1:9", "--data-dir", "/x"]).unwrap();
        assert_eq!(cli.settings.listen().port(), 9);
    }
}
