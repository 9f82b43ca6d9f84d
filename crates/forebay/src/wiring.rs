//! Putting the parts together: the only place that knows every crate.

use std::sync::Arc;

use application::{
    Error, Services, TenantContext, caller::Caller, instances::Instance, ports::Clock, tenants::Tenant,
};
use domain::ids::TenantId;
use infrastructure::{
    cache::{self, LookupCache},
    clock::DatabaseClock,
    crypto::{Keyring, MasterKey},
    jira::HttpSites,
    local_server::LocalServer,
    outbound::{self, Outbound, WebhookDeliveries},
    postgres::{
        ChangeListener, PgDatabase, RoleOptions, ServerRecord, migrate, note_server, noted_server, roles,
        sealed,
    },
    telemetry::{Telemetry, TelemetryOptions},
};
use secrecy::ExposeSecret;
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};

use crate::{failure::Failure, output, settings::Settings};

/// The database's name in Forebay's own PostgreSQL.
const LOCAL_DATABASE: &str = "forebay";

/// What a process is, as far as its surroundings go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It serves: its own settings say where it is reached and what it may call.
    Server,
    /// It works for a server, and is reached where that is. What it may call, it is told itself.
    Worker,
    /// The operator's own short command: what it was not told, is as the latest server was told.
    Command,
}

/// Everything a command needs.
pub(crate) struct Wiring {
    pub(crate) settings: Settings,
    /// Whether it is known where Forebay is reached, rather than taken for the usual address.
    pub(crate) address_known: bool,
    pub(crate) services: Services,
    pub(crate) database: Arc<PgDatabase>,
    pub(crate) cache: Arc<LookupCache>,
    pub(crate) access: Access,
    pub(crate) telemetry: Telemetry,
}

/// How the database is reached by each role.
pub(crate) struct Access {
    keyring: Arc<Keyring>,
    owner: PgConnectOptions,
    local: Option<LocalServer>,
}

impl Access {
    /// Finds the database: the one that is named, or our own, which is started if it does not run.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        match &settings.database_url {
            Some(url) => {
                let keyring = configured_keys(settings)?.ok_or_else(|| {
                    Failure::new("FOREBAY_MASTER_KEY is missing: with DATABASE_URL the master key must be named too")
                        .hint("make one with `openssl rand -hex 32` and keep it safe: credentials cannot be read without it")
                })?;
                let owner = parse_database_url(url.expose_secret())?;
                let keyring = with_stored_root(&owner, keyring).await?;
                Ok(Self { keyring: Arc::new(keyring), owner, local: None })
            }
            None => {
                let folder = settings.data_dir()?;
                let server = LocalServer::open(&folder).await.map_err(|error| {
                    Failure::new(error.to_string()).hint(
                        "Forebay needs PostgreSQL 15 or newer: `apt-get install postgresql`, or name one of your own with DATABASE_URL",
                    )
                })?;
                let keyring = match configured_keys(settings)? {
                    Some(keyring) => keyring,
                    None => {
                        let key = MasterKey::load_or_create(&folder.join("master.key"))
                            .map_err(|error| Failure::new(error.to_string()))?;
                        Keyring::new(key, Vec::new())
                    }
                };
                let owner = server.connect_options(server.superuser(), LOCAL_DATABASE);
                let keyring = with_stored_root(&owner, keyring).await?;
                Ok(Self { keyring: Arc::new(keyring), owner, local: Some(server) })
            }
        }
    }

    /// A connection as the owner of the schema.
    pub(crate) async fn owner(&self) -> Result<PgConnection, Failure> {
        self.owner.connect().await.map_err(|error| {
            Failure::new(format!("the database cannot be reached: {error}")).hint("check DATABASE_URL")
        })
    }

    /// How the owner of the schema signs in.
    pub(crate) fn owner_options(&self) -> PgConnectOptions {
        self.owner.clone()
    }

    /// The database's name.
    pub(crate) fn database_name(&self) -> &str {
        self.owner.get_database().unwrap_or(LOCAL_DATABASE)
    }

    /// How a role signs in.
    pub(crate) fn role(&self, role: &str) -> PgConnectOptions {
        self.owner.clone().username(role).password(self.keyring.role_password(role).expose_secret())
    }

    /// How the roles of the application sign in.
    pub(crate) fn roles(&self) -> RoleOptions {
        RoleOptions {
            app: self.role(roles::APP),
            read: self.role(roles::READ),
            platform: self.role(roles::PLATFORM),
        }
    }

    /// The passwords of the roles.
    pub(crate) fn passwords(&self) -> roles::RolePasswords {
        roles::RolePasswords::derive(&self.keyring)
    }

    /// Applies what is pending and makes the roles.
    pub(crate) async fn migrate(&self) -> Result<usize, Failure> {
        let mut owner = self.owner().await?;
        let applied = migrate::up(&mut owner, &self.passwords(), &self.role(roles::QUEUE)).await?;
        sealed::keep_root(&mut owner, &self.keyring).await?;
        Ok(applied)
    }

    /// What the latest server was told; `None` before the first one, and while the database does not say.
    pub(crate) async fn latest_server(&self) -> Option<ServerRecord> {
        noted_server(&mut self.owner().await.ok()?).await.ok().flatten()
    }

    /// Seals the root of all hashes anew; answers whether another key had sealed it.
    pub(crate) async fn rotate_root(&self) -> Result<bool, Failure> {
        Ok(sealed::rotate_root(&mut self.owner().await?, &self.keyring).await?)
    }

    /// Stops our own PostgreSQL, if this was the last process that used it.
    pub(crate) async fn close(self) {
        if let Some(server) = self.local
            && let Err(error) = server.close().await
        {
            output::note(&format!("the database could not be stopped: {error}"));
        }
    }

    /// Whether the database is our own.
    pub(crate) fn is_local(&self) -> bool {
        self.local.is_some()
    }
}

/// Who sits at the terminal, for the audit log: whoever called sudo rather than root.
fn os_user() -> String {
    let named = |name: &&str| std::env::var(name).ok().filter(|user| !user.trim().is_empty());
    ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(named).unwrap_or_else(|| "unknown".to_owned())
}

/// The settings, with what the latest server was told in place of what is missing.
async fn beside_server(mut settings: Settings, access: &Access, role: Role) -> Result<Settings, Failure> {
    if role == Role::Server {
        return Ok(settings.serving());
    }
    let Some(server) = noted_server(&mut access.owner().await?).await? else { return Ok(settings) };
    if !settings.tells_address() {
        settings.public_url = Some(server.public_url);
    }
    if role == Role::Command {
        // What cannot be read was written by another program: then only what this one was told is allowed.
        let told = server.private_networks.parse().unwrap_or_default();
        settings.allow_private_networks = settings.allow_private_networks.and(told);
    }
    Ok(settings)
}

/// The keyring with the root that the database keeps. A database that does not answer is left to whoever asks it next, who
/// says so better.
async fn with_stored_root(owner: &PgConnectOptions, keyring: Keyring) -> Result<Keyring, Failure> {
    match owner.connect().await {
        Ok(mut owner) => Ok(sealed::adopt_root(&mut owner, keyring).await?),
        Err(_) => Ok(keyring),
    }
}

fn parse_database_url(url: &str) -> Result<PgConnectOptions, Failure> {
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let options = is_postgres.then(|| url.parse().ok()).flatten();
    options.ok_or_else(|| {
        Failure::new("DATABASE_URL is no PostgreSQL address: use postgres://user:password@host:5432/database")
    })
}

fn configured_keys(settings: &Settings) -> Result<Option<Keyring>, Failure> {
    settings
        .master_key
        .as_ref()
        .map(|text| {
            Keyring::parse(text).map_err(|error| Failure::new(format!("FOREBAY_MASTER_KEY: {error}")))
        })
        .transpose()
}

/// Starts logging; the command line's own notes stay readable, so it logs warnings only unless asked.
pub(crate) fn telemetry(settings: &Settings, default_filter: &str, json: bool) -> Result<Telemetry, Failure> {
    let options = TelemetryOptions {
        json: settings.log_format.as_deref().map_or(json, |format| format == "json"),
        filter: settings.log.clone().unwrap_or_else(|| default_filter.to_owned()),
        otlp_endpoint: settings.otlp_endpoint.clone(),
    };
    infrastructure::telemetry::init(options).map_err(|error| Failure::new(error.to_string()))
}

impl Wiring {
    /// Opens everything. Our own database is migrated on the way; one that is named must have been.
    pub(crate) async fn open(settings: Settings, telemetry: Telemetry, role: Role) -> Result<Self, Failure> {
        outbound::install_tls();
        let access = Access::open(&settings).await?;
        match Self::connect(settings, telemetry, &access, role).await {
            Ok((settings, telemetry, services, database, cache)) => {
                let address_known = settings.tells_address();
                Ok(Self { settings, address_known, services, database, cache, access, telemetry })
            }
            Err(failure) => {
                access.close().await;
                Err(failure)
            }
        }
    }

    async fn connect(
        settings: Settings,
        telemetry: Telemetry,
        access: &Access,
        role: Role,
    ) -> Result<(Settings, Telemetry, Services, Arc<PgDatabase>, Arc<LookupCache>), Failure> {
        if access.is_local() {
            access.migrate().await?;
        } else {
            let mut owner = access.owner().await?;
            let pending = migrate::status(&mut owner).await?.iter().filter(|step| !step.applied).count();
            if pending > 0 {
                return Err(Failure::new(format!("{pending} migrations are pending"))
                    .hint("run `forebay migrate up` first"));
            }
            if !sealed::has_root(&mut owner).await? {
                return Err(Failure::new("the migration did not end: the database keeps no root key")
                    .hint("run `forebay migrate up` again, with the master key it was first set up with"));
            }
        }
        let settings = beside_server(settings, access, role).await?;
        let redis_url = settings.redis_url.as_ref().map(|url| url.expose_secret());
        let (lookups, limiter) = cache::connect(redis_url, settings.cache()).await;
        let database = PgDatabase::connect(access.roles(), settings.pools())
            .await?
            .announcing_to(lookups.clone(), access.keyring.change_cipher())
            .finding_addresses_by(access.keyring.clone());
        let database = Arc::new(database);
        let outbound = Outbound::new(settings.allow_private_networks.clone())?;
        let clock = DatabaseClock::default();
        clock.follow(&database).await;
        let clock = Arc::new(clock);
        let services = Services {
            db: database.clone(),
            clock: clock.clone(),
            secrets: access.keyring.clone(),
            sites: Arc::new(
                HttpSites::new(
                    outbound.clone(),
                    database.clone(),
                    access.keyring.clone(),
                    clock,
                    settings.jira_requests_per_minute,
                )
                .copying_properties(settings.sync_issue_properties.keys()),
            ),
            cache: lookups.clone(),
            limiter,
            deliveries: Arc::new(WebhookDeliveries::new(outbound)),
            sync: settings.sync(),
            public_url: settings.public_url(),
        };
        Ok((settings, telemetry, services, database, lookups))
    }

    /// Tells the commands and workers beside this server where it is reached and what it may call.
    pub(crate) async fn announce(&self) -> Result<(), Failure> {
        let record = ServerRecord {
            public_url: self.services.public_url.clone(),
            private_networks: self.settings.allow_private_networks.to_string(),
            started_at: self.now(),
        };
        Ok(note_server(&mut self.access.owner().await?, &record).await?)
    }

    /// Lets the sandboxes follow this server: their Jira is here.
    pub(crate) async fn gather_sandboxes(&self) -> Result<(), Failure> {
        Ok(application::sandbox::follow_server(&self.services).await?)
    }

    /// Lets look-ups be cached for as long as the listener is kept. Only worth it for a process that goes on: a short
    /// command asks the database.
    pub(crate) fn cache_lookups(&self) -> ChangeListener {
        let cipher = self.access.keyring.change_cipher();
        ChangeListener::start(self.access.role("forebay_app"), self.cache.clone(), cipher)
    }

    /// Gives back connections and, as the last user, stops our own database.
    pub(crate) async fn close(self) {
        self.database.close().await;
        self.access.close().await;
    }

    /// The tenant that is named, or the only one there is.
    pub(crate) async fn tenant(&self, name: Option<&str>) -> Result<Tenant, Failure> {
        let mut tx = self.services.db.platform().await?;
        if let Some(name) = name {
            return Ok(tx.tenant_named(name).await?.ok_or_else(|| Error::not_found("tenant", name))?);
        }
        let mut tenants = tx.tenants().await?;
        match tenants.len() {
            1 => Ok(tenants.remove(0)),
            0 => Err(Failure::new("there is no tenant yet").hint("`forebay tenant create NAME` makes one")),
            _ => {
                let names: Vec<_> = tenants.into_iter().map(|tenant| tenant.name).collect();
                Err(Failure::new("there are several tenants")
                    .hint(format!("choose with --tenant: {}", names.join(", "))))
            }
        }
    }

    /// The instance of that name and its tenant; without a named tenant, the name must be unique among all.
    pub(crate) async fn instance(
        &self,
        tenant: Option<&str>,
        name: &str,
    ) -> Result<(Tenant, Instance), Failure> {
        let tenants = match tenant {
            Some(_) => vec![self.tenant(tenant).await?],
            None => self.services.db.platform().await?.tenants().await?,
        };
        let mut found = Vec::new();
        for tenant in tenants {
            let mut tx = self.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
            if let Some(instance) = tx.instance(name).await? {
                found.push((tenant, instance));
            }
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(Error::not_found("instance", name).into()),
            _ => {
                let names: Vec<_> = found.into_iter().map(|(tenant, _)| tenant.name).collect();
                Err(Failure::new(format!("several tenants have an instance `{name}`"))
                    .hint(format!("choose with --tenant: {}", names.join(", "))))
            }
        }
    }

    /// The operator, acting for a tenant.
    pub(crate) fn operator(tenant: &Tenant) -> Caller {
        Self::operator_of(tenant.id)
    }

    /// The same, for a tenant of whom only the id is known.
    pub(crate) fn operator_of(tenant: TenantId) -> Caller {
        Caller::operator(tenant, os_user())
    }

    /// Now.
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        Clock::now(self.services.clock.as_ref())
    }
}
