//! The door to the data: three pools that nobody else holds, one per role.

use application::{
    Error, Result,
    ports::{Database, PlatformTx, SqlAnswer, SqlLimits, TenantTx},
};
use async_trait::async_trait;
use domain::ids::TenantId;
use sqlx::{AssertSqlSafe, postgres::PgConnectOptions};

use super::{
    pool::{PoolSettings, RolePool},
    roles, sql_door,
    transaction::{PgPlatformTx, PgTenantTx},
};

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
    app: RolePool,
    read: RolePool,
    platform: RolePool,
}

impl PgDatabase {
    /// Connects with each role, and refuses to when the border is open ([`roles::check_border`]) or somebody else than the
    /// role is signed in.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server does not answer; [`Error::Conflict`], naming every gap and what closes it,
    /// when the border is open.
    pub async fn connect(options: RoleOptions, settings: PoolSettings) -> Result<Self> {
        let database = Self {
            app: RolePool::new(roles::APP, options.app, settings.app, settings),
            read: RolePool::new(roles::READ, options.read, settings.read, settings),
            platform: RolePool::new(roles::PLATFORM, options.platform, settings.platform, settings),
        };
        for pool in [&database.app, &database.read, &database.platform] {
            pool.check_identity().await?;
        }
        database.check().await?;
        Ok(database)
    }

    /// Every gap in the border; empty when it is closed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server does not answer.
    pub async fn gaps(&self) -> Result<Vec<roles::Gap>> {
        roles::border_gaps(&mut *self.app.acquire().await?).await
    }

    /// Closes every connection, after the transactions that are open have ended.
    pub async fn close(&self) {
        self.app.close().await;
        self.read.close().await;
        self.platform.close().await;
    }

    async fn begin_for(&self, tenant: TenantId) -> Result<PgTenantTx> {
        // One round trip. The only text put in is a UUID's own, which has nothing but hexadecimal digits and dashes.
        let begin = format!("BEGIN; SET LOCAL app.current_tenant_id = '{tenant}'");
        let tx = self.app.begin_with(AssertSqlSafe(begin)).await?;
        Ok(PgTenantTx::new(tenant, tx))
    }
}

#[async_trait]
impl Database for PgDatabase {
    async fn tenant(&self, tenant: TenantId) -> Result<Box<dyn TenantTx>> {
        Ok(Box::new(self.begin_for(tenant).await?))
    }

    async fn platform(&self) -> Result<Box<dyn PlatformTx>> {
        Ok(Box::new(PgPlatformTx::new(self.platform.begin_with("BEGIN").await?)))
    }

    async fn ask(&self, tenant: TenantId, sql: &str, limits: SqlLimits) -> Result<SqlAnswer> {
        let question = sql_door::check(sql)?;
        let ticket = {
            let mut tx = self.begin_for(tenant).await?;
            sql_door::ticket(tx.conn(), tenant).await?
        };
        // The role sees no tenant's rows until the SQL door shows its ticket.
        let mut tx = self.read.begin_with("BEGIN READ ONLY").await?;
        sql_door::ask(&mut tx, ticket, question, limits).await
    }

    async fn check(&self) -> Result<()> {
        let gaps = self.gaps().await?;
        if gaps.is_empty() {
            return Ok(());
        }
        let gaps: Vec<_> = gaps.iter().map(ToString::to_string).collect();
        Err(Error::Conflict(format!("the database's border is open: {}", gaps.join("; "))))
    }
}
