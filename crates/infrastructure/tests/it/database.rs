//! A database per test, copied from a template that has every migration.
//!
//! The server is Forebay's own (`infrastructure::local_server`) in a folder that stays between runs, or the one that
//! `FOREBAY_TEST_DATABASE` names: the address of a superuser on a server that trusts whoever connects from here.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use application::{
    TenantContext,
    instances::{AuthMethod, Dialect, InstanceKind, InstanceRecord, SealedSecrets},
    ports::{Database, TenantTx},
};
use domain::ids::{InstanceId, TenantId};
use infrastructure::{
    crypto::{Keyring, MasterKey},
    local_server::LocalServer,
    postgres::{PgDatabase, PoolSettings, RoleOptions, migrate, roles},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

/// Held while the template is made ("fbay" and a number).
const TEMPLATE_LOCK: i64 = 0x6662_6179_00ff;
/// What a test leaves behind when it fails is dropped after that.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// A database of one test.
pub struct TestDatabase {
    pub db: PgDatabase,
    server: Server,
    name: String,
}

enum Server {
    Own(LocalServer),
    Given(Box<PgConnectOptions>),
}

impl Server {
    async fn open() -> Self {
        match env::var("FOREBAY_TEST_DATABASE") {
            Ok(url) => Self::Given(Box::new(url.parse().unwrap())),
            Err(_) => {
                Self::Own(LocalServer::open(&env::temp_dir().join("forebay-test-server")).await.unwrap())
            }
        }
    }

    fn superuser(&self, database: &str) -> PgConnectOptions {
        match self {
            Self::Own(server) => server.connect_options(server.superuser(), database),
            Self::Given(options) => options.as_ref().clone().database(database),
        }
    }

    fn role(&self, role: &str, database: &str) -> PgConnectOptions {
        self.superuser(database).username(role)
    }

    fn roles(&self, database: &str) -> RoleOptions {
        RoleOptions {
            app: self.role(roles::APP, database),
            read: self.role(roles::READ, database),
            platform: self.role(roles::PLATFORM, database),
        }
    }
}

impl TestDatabase {
    pub async fn create() -> Self {
        let server = Server::open().await;
        let mut admin = PgConnection::connect_with(&server.superuser("postgres")).await.unwrap();
        run(&mut admin, format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
        let template = ensure_template(&mut admin, &server).await;
        let name = format!("it_{}_{}", now().as_secs(), Uuid::new_v4().simple());
        run(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        // A copy has the tables, and not the rights to the database itself.
        let mut copy = PgConnection::connect_with(&server.superuser(&name)).await.unwrap();
        roles::ensure_database(&mut copy).await.unwrap();
        copy.close().await.unwrap();
        drop_leftovers(&mut admin).await;
        admin.close().await.unwrap();

        let settings = PoolSettings { app: 4, read: 2, platform: 2, ..PoolSettings::default() };
        let db = PgDatabase::connect(server.roles(&name), settings).await.unwrap();
        Self { db, server, name }
    }

    /// How the roles sign in.
    pub fn roles(&self) -> RoleOptions {
        self.server.roles(&self.name)
    }

    /// Another process on the same database, with pools of its own.
    pub async fn database(&self, settings: PoolSettings) -> PgDatabase {
        PgDatabase::connect(self.roles(), settings).await.unwrap()
    }

    /// How a role signs in.
    pub fn options(&self, role: &str) -> PgConnectOptions {
        self.server.role(role, &self.name)
    }

    /// A connection of a role's own, past the door.
    pub async fn connect(&self, role: &str) -> PgConnection {
        PgConnection::connect_with(&self.server.role(role, &self.name)).await.unwrap()
    }

    /// A connection that sees everything.
    pub async fn superuser(&self) -> PgConnection {
        PgConnection::connect_with(&self.server.superuser(&self.name)).await.unwrap()
    }

    pub async fn tenant(&self, name: &str) -> TenantId {
        let mut tx = self.db.platform().await.unwrap();
        let tenant = tx.create_tenant(name).await.unwrap();
        tx.commit().await.unwrap();
        tenant.id
    }

    pub async fn instance(&self, tenant: TenantId, name: &str, kind: InstanceKind) -> InstanceId {
        let id = InstanceId::new(Uuid::new_v4());
        let mut tx = self.db.tenant(&TenantContext::whole(tenant)).await.unwrap();
        tx.add_instance(&instance_record(id, name, kind)).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A tenant with one mirror.
    pub async fn mirror(&self) -> (TenantId, InstanceId) {
        let tenant = self.tenant("acme").await;
        (tenant, self.instance(tenant, "main", InstanceKind::Cloud).await)
    }

    pub async fn begin(&self, tenant: TenantId) -> Box<dyn TenantTx> {
        self.db.tenant(&TenantContext::whole(tenant)).await.unwrap()
    }

    /// A row in every table of tenants that has none of this one yet, pointing to the instance and its issue `2`.
    pub async fn fill_the_rest(&self, tenant: TenantId, instance: InstanceId) {
        let mut owner = self.superuser().await;
        for (name, id) in [("tenant", tenant.0), ("instance", instance.0), ("issue", instance.issue("2").0)] {
            run(&mut owner, format!("SELECT set_config('fill.{name}', '{id}', false)")).await;
        }
        sqlx::raw_sql(include_str!("fill_the_rest.sql")).execute(&mut owner).await.unwrap();
    }

    pub async fn refresh_metrics(&self) {
        let mut tx = self.db.platform().await.unwrap();
        assert!(tx.refresh_metrics().await.unwrap());
        tx.commit().await.unwrap();
    }

    /// Drops the database. A test that fails does not get here; see [`KEPT_FOR`].
    pub async fn remove(self) {
        self.db.close().await;
        let mut admin = PgConnection::connect_with(&self.server.superuser("postgres")).await.unwrap();
        run(&mut admin, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
        if let Server::Own(server) = self.server {
            server.close().await.unwrap();
        }
    }
}

pub fn instance_record(id: InstanceId, name: &str, kind: InstanceKind) -> InstanceRecord {
    InstanceRecord {
        id,
        name: name.into(),
        display_name: name.to_uppercase(),
        kind,
        base_url: format!("https://{name}.atlassian.net"),
        auth_method: if kind == InstanceKind::Sandbox { AuthMethod::None } else { AuthMethod::ApiToken },
        email_hash: Some("hash".into()),
        secrets: SealedSecrets {
            credential: Some("sealed".into()),
            webhook: Some("sealed too".into()),
            webhook_path: None,
        },
        dialect: Dialect::V3,
        cloud_id: None,
        requests_per_minute: None,
    }
}

/// One template per state of the migrations; `admin` holds the lock.
async fn ensure_template(admin: &mut PgConnection, server: &Server) -> String {
    let name = format!("it_template_{:016x}", hash_of_migrations());
    let templates: Vec<String> =
        sqlx::query_scalar(r"SELECT datname::text FROM pg_database WHERE datname LIKE 'it\_template\_%'")
            .fetch_all(&mut *admin)
            .await
            .unwrap();
    if templates.contains(&name) {
        return name;
    }
    for outdated in templates {
        run(admin, format!("DROP DATABASE {outdated} WITH (FORCE)")).await;
    }
    let making = "it_template_in_the_making";
    run(admin, format!("CREATE DATABASE {making}")).await;
    let mut connection = PgConnection::connect_with(&server.superuser(making)).await.unwrap();
    let keyring = Keyring::new(MasterKey::generate(), Vec::new());
    let passwords = roles::RolePasswords::derive(&keyring);
    migrate::up(&mut connection, &passwords, &server.role(roles::QUEUE, making)).await.unwrap();
    connection.close().await.unwrap();
    run(admin, format!("ALTER DATABASE {making} RENAME TO {name}")).await;
    name
}

fn hash_of_migrations() -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        fs::read(file).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

async fn drop_leftovers(admin: &mut PgConnection) {
    let names: Vec<String> =
        sqlx::query_scalar(r"SELECT datname::text FROM pg_database WHERE datname LIKE 'it\_%'")
            .fetch_all(&mut *admin)
            .await
            .unwrap();
    let oldest = (now() - KEPT_FOR).as_secs();
    for name in names {
        let born: Option<u64> = name.split('_').nth(1).and_then(|seconds| seconds.parse().ok());
        if born.is_some_and(|born| born < oldest) {
            run(admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

pub async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}
