//! All configuration, in one typed place. `forebay --help` and docs/configuration.md list it.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use application::sync::{PageMemory, SyncSettings};
use chrono::TimeDelta;
use clap::Args;
use infrastructure::{cache::CacheSettings, outbound::AllowedNetworks, postgres::PoolSettings};
use secrecy::{ExposeSecret, SecretString};

use crate::failure::Failure;

/// Where a server listens unless it is told otherwise.
const USUAL_ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// Settings, each a flag and an environment variable.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    /// PostgreSQL, as the role that may make roles and own the schema. Without it Forebay runs its own PostgreSQL from the
    /// installed binaries in the data folder.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true, value_name = "URL")]
    pub(crate) database_url: Option<SecretString>,
    /// Redis, for cache and rate limits shared by several processes. Without it both are in-process.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, global = true, value_name = "URL")]
    pub(crate) redis_url: Option<SecretString>,
    /// 32 bytes as 64 hexadecimal digits: seals credentials. Several, separated by commas, while rotating: the first seals,
    /// all open. Without it a key is kept in the data folder.
    #[arg(long, env = "FOREBAY_MASTER_KEY", hide_env_values = true, global = true, value_name = "KEY")]
    pub(crate) master_key: Option<SecretString>,
    /// Where to listen [default: 127.0.0.1:8080].
    #[arg(long, env = "FOREBAY_LISTEN", global = true, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// How Forebay is reached from outside; sites deliver webhooks there. A server takes its listening address when left out, and
    /// commands and workers go by what the latest server told.
    #[arg(long, env = "FOREBAY_PUBLIC_URL", global = true, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Where Forebay keeps its own PostgreSQL and keys [default: /var/lib/forebay for root, ~/.local/share/forebay otherwise].
    #[arg(long, env = "FOREBAY_DATA_DIR", global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// What is logged, as in `info,application=debug`.
    #[arg(long, env = "FOREBAY_LOG", global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How the log looks: `json` or `text`.
    #[arg(long, env = "FOREBAY_LOG_FORMAT", global = true, value_parser = log_format, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Where traces are exported to (OTLP over HTTP).
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        hide_env_values = true,
        global = true,
        value_name = "URL"
    )]
    pub(crate) otlp_endpoint: Option<SecretString>,
    /// Requests a minute to one Jira site, all workers together; without it 100 for Cloud and 600 for others, and more where a site
    /// says that there is room.
    #[arg(
        long, env = "FOREBAY_JIRA_REQUESTS_PER_MINUTE", global = true, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) jira_requests_per_minute: Option<u32>,
    /// Networks that are not public and yet may be called for tenants, as in `10.0.0.0/8,fd12::/16`, or `all`: where internal
    /// Jira sites and webhook receivers are. Without it only public addresses are called.
    #[arg(
        long,
        env = "FOREBAY_ALLOW_PRIVATE_NETWORKS",
        global = true,
        default_value = "",
        hide_default_value = true,
        value_name = "NETWORKS"
    )]
    pub(crate) allow_private_networks: AllowedNetworks,
    /// Database connections for requests and jobs of this process.
    #[arg(
        long, env = "FOREBAY_POOL_SIZE", global = true, default_value_t = 20, value_name = "N",
        value_parser = clap::value_parser!(u32).range(2..=500)
    )]
    pub(crate) pool_size: u32,
    /// Database connections for questions at the SQL door.
    #[arg(
        long, env = "FOREBAY_READ_POOL_SIZE", global = true, default_value_t = 4, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    pub(crate) read_pool_size: u32,
    /// Database connections for keys and tenants: each request asks once who calls.
    #[arg(
        long, env = "FOREBAY_PLATFORM_POOL_SIZE", global = true, default_value_t = 4, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    pub(crate) platform_pool_size: u32,
    /// Database connections of each of a worker's two pools for the job queue (short jobs, long jobs); its slots and 4 more when absent.
    #[arg(
        long, env = "FOREBAY_QUEUE_POOL_SIZE", global = true, value_name = "N",
        value_parser = clap::value_parser!(u32).range(4..=500)
    )]
    pub(crate) queue_pool_size: Option<u32>,
    /// Seconds to wait for a free database connection before answering 503.
    #[arg(
        long, env = "FOREBAY_POOL_WAIT_SECONDS", global = true, default_value_t = 5, value_name = "S",
        value_parser = clap::value_parser!(u64).range(1..=60)
    )]
    pub(crate) pool_wait_seconds: u64,
    /// How many may wait for a connection of one pool; whoever comes then is answered 503 at once.
    #[arg(
        long, env = "FOREBAY_POOL_WAITING", global = true, default_value_t = 200, value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=100_000)
    )]
    pub(crate) pool_waiting: u32,
    /// Seconds after which a statement of a request or a job is cancelled.
    #[arg(
        long, env = "FOREBAY_STATEMENT_TIMEOUT_SECONDS", global = true, default_value_t = 30, value_name = "S",
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    pub(crate) statement_timeout_seconds: u64,
    /// Short jobs that run at the same time in this process; half as many syncs run beside them.
    #[arg(
        long, env = "FOREBAY_WORKER_CONCURRENCY", global = true, default_value_t = 8, value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    pub(crate) worker_concurrency: u16,
    /// Where `worker` serves its health and its metrics; without it a worker listens nowhere.
    #[arg(long, env = "FOREBAY_METRICS_LISTEN", global = true, value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Pages of one Jira site that are fetched or stored at the same time, by each of its syncs.
    #[arg(
        long, env = "FOREBAY_SYNC_PARALLEL", global = true, default_value_t = 4, value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=32)
    )]
    pub(crate) sync_parallel: u16,
    /// Mebibytes of this process's memory for pages of issues on their way, those of all syncs together. A single issue that is larger
    /// than all of it is still copied, alone.
    #[arg(
        long, env = "FOREBAY_SYNC_MEMORY_MIB", global = true, default_value_t = 48, value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(8..=65_536)
    )]
    pub(crate) sync_memory_mib: u32,
    /// Whether mirrors copy who watches and voted, once a day: `on` or `off`. It costs a request or two for each issue that somebody
    /// follows.
    #[arg(
        long, env = "FOREBAY_SYNC_FOLLOWERS", global = true, default_value = "off", value_parser = ["on", "off"],
        value_name = "ON"
    )]
    pub(crate) sync_followers: String,
    /// Keys of the issue properties that mirrors copy, with commas between them: five at most, which is what Jira shows at once.
    #[arg(
        long,
        env = "FOREBAY_SYNC_ISSUE_PROPERTIES",
        global = true,
        default_value = "",
        value_name = "KEYS",
        hide_default_value = true
    )]
    pub(crate) sync_issue_properties: PropertyKeys,
    /// Seconds after which a busy Jira site is polled again.
    #[arg(
        long, env = "FOREBAY_POLL_MIN_SECONDS", global = true, default_value_t = 60, value_name = "S",
        value_parser = clap::value_parser!(u32).range(60..=86_400)
    )]
    pub(crate) poll_min_seconds: u32,
    /// Seconds after which a quiet one is.
    #[arg(
        long, env = "FOREBAY_POLL_MAX_SECONDS", global = true, default_value_t = 300, value_name = "S",
        value_parser = clap::value_parser!(u32).range(60..=86_400)
    )]
    pub(crate) poll_max_seconds: u32,
    /// Days that syncs, webhook deliveries and background jobs are remembered.
    #[arg(
        long, env = "FOREBAY_KEEP_DAYS", global = true, default_value_t = 30, value_name = "DAYS",
        value_parser = clap::value_parser!(u16).range(1..=3_650)
    )]
    pub(crate) keep_days: u16,
    /// Whether look-ups are cached: `on` or `off`.
    #[arg(long, env = "FOREBAY_CACHE", global = true, default_value = "on", value_parser = ["on", "off"], value_name = "ON")]
    pub(crate) cache: String,
    /// Seconds that a look-up is cached at most; what changes is forgotten at once.
    #[arg(
        long, env = "FOREBAY_CACHE_TTL", global = true, default_value_t = 60, value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=86_400)
    )]
    pub(crate) cache_ttl: u32,
    /// Memory of this process for cached look-ups, in MiB.
    #[arg(
        long, env = "FOREBAY_CACHE_MEMORY", global = true, default_value_t = 64, value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(1..=65_536)
    )]
    pub(crate) cache_memory: u32,
    /// The key of `forebay mcp`.
    #[arg(long, env = "FOREBAY_API_KEY", hide_env_values = true, global = true, value_name = "KEY")]
    pub(crate) api_key: Option<SecretString>,
}

impl Settings {
    /// What is set to nothing is not set: compose files do that.
    pub(crate) fn without_empty(mut self) -> Self {
        for text in [&mut self.public_url, &mut self.data_dir, &mut self.log, &mut self.log_format] {
            text.take_if(|text| text.is_empty());
        }
        for secret in [
            &mut self.database_url,
            &mut self.redis_url,
            &mut self.master_key,
            &mut self.api_key,
            &mut self.otlp_endpoint,
        ] {
            secret.take_if(|secret| secret.expose_secret().is_empty());
        }
        self
    }

    /// How look-ups are cached.
    pub(crate) fn cache(&self) -> CacheSettings {
        CacheSettings {
            enabled: self.cache == "on",
            ttl: Duration::from_secs(u64::from(self.cache_ttl)),
            memory_bytes: u64::from(self.cache_memory) << 20,
        }
    }

    /// How mirrors are synced.
    pub(crate) fn sync(&self) -> SyncSettings {
        let poll_min = TimeDelta::seconds(i64::from(self.poll_min_seconds));
        SyncSettings {
            parallel: usize::from(self.sync_parallel),
            memory: PageMemory::new(u64::from(self.sync_memory_mib) << 20),
            poll_min,
            poll_max: TimeDelta::seconds(i64::from(self.poll_max_seconds)).max(poll_min),
            followers: self.sync_followers == "on",
            keep: TimeDelta::days(i64::from(self.keep_days)),
            ..SyncSettings::default()
        }
    }

    /// Where to listen.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen.unwrap_or_else(|| SocketAddr::from(USUAL_ADDRESS))
    }

    /// Whether this process was told where Forebay is reached.
    pub(crate) fn tells_address(&self) -> bool {
        self.public_url.is_some() || self.listen.is_some()
    }

    /// For a process that serves: it knows where it is reached.
    pub(crate) fn serving(mut self) -> Self {
        self.public_url = Some(self.public_url());
        self
    }

    /// Lets this process call itself: its sandbox is a Jira of its own, reached over HTTP.
    pub(crate) fn calling_itself(mut self) -> Self {
        let own = AllowedNetworks::loopback().and_address(self.listen().ip());
        self.allow_private_networks = self.allow_private_networks.and(own);
        self
    }

    /// Sizes and times of the database's pools.
    pub(crate) fn pools(&self) -> PoolSettings {
        PoolSettings {
            app: self.pool_size,
            read: self.read_pool_size,
            platform: self.platform_pool_size,
            acquire_timeout: Duration::from_secs(self.pool_wait_seconds),
            waiting: self.pool_waiting,
            statement_timeout: Duration::from_secs(self.statement_timeout_seconds),
            ..PoolSettings::default()
        }
    }

    /// The address without a trailing slash under which Forebay is reached.
    pub(crate) fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let listen = self.listen();
                // 0.0.0.0 is for listening; nobody can call it.
                let host = if listen.ip().is_unspecified() {
                    "127.0.0.1".to_owned()
                } else if listen.is_ipv6() {
                    format!("[{}]", listen.ip())
                } else {
                    listen.ip().to_string()
                };
                format!("http://{host}:{}", listen.port())
            }
        }
    }

    /// The data folder: `/var/lib/forebay` for root, whose home other users cannot enter; the user's own otherwise.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.data_dir {
            return std::path::absolute(dir)
                .map_err(|error| Failure::new(format!("the data folder {dir} cannot be used: {error}")));
        }
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let is_root = home.as_deref().is_some_and(|home| home == "/root")
            || std::env::var("USER").is_ok_and(|u| u == "root");
        if is_root {
            return Ok(PathBuf::from("/var/lib/forebay"));
        }
        let base = std::env::var_os("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".local/share")));
        base.map(|base| base.join("forebay")).ok_or_else(|| {
            Failure::new("no home folder is known").hint("name a data folder with --data-dir DIR")
        })
    }
}

/// Keys of issue properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PropertyKeys(Vec<String>);

impl PropertyKeys {
    /// So many Jira shows with an issue.
    const MOST: usize = 5;

    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.clone()
    }
}

impl FromStr for PropertyKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keys: Vec<String> =
            text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect();
        if keys.len() > Self::MOST {
            return Err(format!("names {} properties; Jira shows {} at most", keys.len(), Self::MOST));
        }
        Ok(Self(keys))
    }
}

/// Empty is not set: compose files do that.
fn log_format(text: &str) -> Result<String, String> {
    match text {
        "json" | "text" | "" => Ok(text.to_owned()),
        _ => Err("choose from json, text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;

    fn public_url(arguments: &[&str]) -> String {
        let arguments = ["forebay", "doctor"].iter().chain(arguments);
        Cli::try_parse_from(arguments).unwrap().settings.public_url()
    }

    #[test]
    fn the_public_address_can_be_called() {
        assert_eq!(public_url(&["--listen", "0.0.0.0:81"]), "http://127.0.0.1:81");
        assert_eq!(public_url(&["--listen", "[::1]:81"]), "http://[::1]:81");
        assert_eq!(public_url(&["--public-url", "https://jira.example/"]), "https://jira.example");
    }
}
