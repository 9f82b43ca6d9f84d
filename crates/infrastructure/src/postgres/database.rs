//! The door to the data: three pools that nobody else holds, one per role.

use std::time::Duration;

use application::{
    Error, Result, TenantContext,
    ports::{Database, PlatformTx, SqlAnswer, SqlLimits, TenantTx},
};
use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    errors::convert,
    roles, sql_door,
    transaction::{PgPlatformTx, PgTenantTx},
};

/// How large the pools are and how long a caller waits for a connection.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Connections for requests and jobs.
    pub app: u32,
    /// Connections for the SQL door: few, because its questions may be heavy.
    pub read: u32,
    /// Connections for tenants and keys.
    pub platform: u32,
    /// How long to wait for a free connection before answering "unavailable".
    pub acquire_timeout: Duration,
    /// Connections that have not been used for so long are closed.
    pub idle_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            app: 20,
            read: 4,
            platform: 4,
            acquire_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_mins(10),
        }
    }
}

/// How each role signs in. No `Debug`: that of the options shows passwords.
#[derive(Clone)]
pub struct RoleOptions {
    /// `forebay_app`
    pub app: PgConnectOptions,
    /// `forebay_read`
    pub read: PgConnectOptions,
    /// `forebay_platform`
    pub platform: PgConnectOptions,
}

/// PostgreSQL behind the application's port.
#[derive(Clone, Debug)]
pub struct PgDatabase {
    app: PgPool,
    read: PgPool,
    platform: PgPool,
}

impl PgDatabase {
    /// Connects with each role, and refuses to when the border is open: a role that is a superuser, bypasses row-level
    /// security or owns a table would see every tenant.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server does not answer; [`Error::Conflict`], naming every gap, when the border
    /// is open.
    pub async fn connect(options: RoleOptions, settings: PoolSettings) -> Result<Self> {
        let pool = |options: PgConnectOptions, size: u32| {
            PgPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(settings.acquire_timeout)
                .idle_timeout(settings.idle_timeout)
                .connect_lazy_with(options)
        };
        let database = Self {
            app: pool(options.app, settings.app),
            // Every question is another text: caching its plan would only cost memory.
            read: pool(options.read.statement_cache_capacity(0), settings.read),
            platform: pool(options.platform, settings.platform),
        };
        for pool in [&database.app, &database.read, &database.platform] {
            check_border(pool).await?;
        }
        Ok(database)
    }

    /// Closes every connection, after the transactions that are open have ended.
    pub async fn close(&self) {
        self.app.close().await;
        self.read.close().await;
        self.platform.close().await;
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door: the tenant is set before anyone gets the transaction"
    )]
    async fn begin_for(&self, context: &TenantContext) -> Result<PgTenantTx> {
        let tenant = context.tenant();
        // One round trip. What is put in cannot end the text: a UUID's own, and names of projects, which `ProjectLimit`
        // lets hold nothing but letters, digits and `_-/*,`.
        let mut begin = format!("BEGIN; SET LOCAL app.current_tenant_id = '{tenant}'");
        if !context.projects().is_everything() {
            begin.push_str(&format!("; SET LOCAL app.project_limit = '{}'", context.projects().as_setting()));
        }
        let tx = self.app.begin_with(AssertSqlSafe(begin)).await.map_err(convert)?;
        Ok(PgTenantTx::new(context, tx))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the role sees no tenant's rows until the SQL door shows its ticket"
    )]
    async fn begin_reading(&self) -> Result<Transaction<'static, Postgres>> {
        self.read.begin_with("BEGIN READ ONLY").await.map_err(convert)
    }
}

#[async_trait]
impl Database for PgDatabase {
    async fn tenant(&self, context: &TenantContext) -> Result<Box<dyn TenantTx>> {
        Ok(Box::new(self.begin_for(context).await?))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the narrow exception: its role sees tenants and keys only"
    )]
    async fn platform(&self) -> Result<Box<dyn PlatformTx>> {
        let tx = self.platform.begin().await.map_err(convert)?;
        Ok(Box::new(PgPlatformTx::new(tx)))
    }

    async fn ask(&self, context: &TenantContext, sql: &str, limits: SqlLimits) -> Result<SqlAnswer> {
        if !context.projects().is_everything() {
            return Err(Error::Forbidden(
                "SQL reads all projects, and this key is limited to some; ask with JQL, or with a key for all projects"
                    .into(),
            ));
        }
        sql_door::check(sql)?;
        let ticket = {
            let mut tx = self.begin_for(context).await?;
            sql_door::ticket(tx.conn(), context.tenant()).await?
        };
        let mut tx = self.begin_reading().await?;
        sql_door::ask(&mut tx, ticket, sql, limits).await
    }

    async fn check(&self) -> Result<()> {
        check_border(&self.app).await
    }
}

#[expect(clippy::disallowed_methods, reason = "asks the catalogue about the role, and no table")]
async fn check_border(pool: &PgPool) -> Result<()> {
    let mut conn = pool.acquire().await.map_err(convert)?;
    roles::check_border(&mut conn)
        .await
        .map_err(|gaps| Error::Conflict(format!("the database's border is open: {}", gaps.join("; "))))
}
