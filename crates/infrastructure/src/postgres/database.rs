//! The door to the data: three pools that nobody else holds, one per role.

use std::sync::Arc;

use application::{
    Error, Result, TenantContext,
    keys::ApiKey,
    ports::{Cache, Database, PlatformTx, Secrets, SqlAnswer, SqlLimits, TenantTx},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, postgres::PgConnectOptions};

use super::{
    addresses::AddressHashes,
    changes::Announcer,
    errors::convert,
    keys, migrate,
    pool::{PoolSettings, RolePool},
    roles, sql_door,
    transaction::{PgPlatformTx, PgTenantTx},
};
use crate::crypto::ChangeCipher;

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
    announcer: Announcer,
    addresses: AddressHashes,
}

/// What time it was at the server, at some moment between two.
#[derive(Clone, Copy, Debug)]
pub struct ServerTime {
    /// Here, before it was asked.
    pub before: DateTime<Utc>,
    /// There.
    pub there: DateTime<Utc>,
    /// Here, after it had answered.
    pub after: DateTime<Utc>,
}

impl PgDatabase {
    /// Connects with each role, and refuses to when the border is open ([`roles::border_gaps`]) or somebody else than the
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
            announcer: Announcer::default(),
            addresses: AddressHashes::default(),
        };
        for pool in [&database.app, &database.read, &database.platform] {
            pool.check_identity().await?;
        }
        database.check().await?;
        Ok(database)
    }

    /// The same database, whose commits return only after this cache has forgotten what they made old, and tell other
    /// processes with the same cipher what that is.
    #[must_use]
    pub fn announcing_to(self, cache: Arc<dyn Cache>, cipher: ChangeCipher) -> Self {
        Self { announcer: Announcer::to(cache, cipher), ..self }
    }

    /// The same database, in which people are found by their e-mail addresses: by the hash that these secrets make of one.
    #[must_use]
    pub fn finding_addresses_by(self, secrets: Arc<dyn Secrets>) -> Self {
        Self { addresses: AddressHashes::by(secrets), ..self }
    }

    /// Every gap in the border; empty when it is closed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server does not answer.
    pub async fn gaps(&self) -> Result<Vec<roles::Gap>> {
        roles::border_gaps(&mut *self.app.acquire().await?).await
    }

    /// Asks what time it is, so many times in a row, with the time here before and after each.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server does not answer.
    pub async fn times(&self, count: usize, here: impl Fn() -> DateTime<Utc>) -> Result<Vec<ServerTime>> {
        let mut connection = self.platform.acquire().await?;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let before = here();
            let asked = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "there!""#);
            let there = asked.fetch_one(&mut *connection).await.map_err(convert)?;
            times.push(ServerTime { before, there, after: here() });
        }
        Ok(times)
    }

    /// Closes every connection, after the transactions that are open have ended.
    pub async fn close(&self) {
        self.app.close().await;
        self.read.close().await;
        self.platform.close().await;
    }

    async fn begin_for(&self, context: &TenantContext) -> Result<PgTenantTx> {
        let tenant = context.tenant();
        // One round trip. What is put in cannot end the text: a UUID's own, and names of projects, which `ProjectLimit`
        // lets hold nothing but letters, digits and `_-/*,`.
        let mut begin = format!("BEGIN; SET LOCAL app.current_tenant_id = '{tenant}'");
        if !context.projects().is_everything() {
            begin.push_str(&format!("; SET LOCAL app.project_limit = '{}'", context.projects().as_setting()));
        }
        let tx = self.app.begin_with(AssertSqlSafe(begin)).await?;
        Ok(PgTenantTx::new(context, tx, self.announcer.clone(), self.addresses.clone()))
    }
}

#[async_trait]
impl Database for PgDatabase {
    async fn tenant(&self, context: &TenantContext) -> Result<Box<dyn TenantTx>> {
        Ok(Box::new(self.begin_for(context).await?))
    }

    async fn key_by_prefix(&self, prefix: &str) -> Result<Option<(ApiKey, Vec<u8>)>> {
        let mut tries = self.platform.tries();
        loop {
            let mut connection = self.platform.acquire().await?;
            match keys::by_prefix(&mut connection, prefix).await {
                Err(error) if tries.again(&error) => {}
                found => {
                    let found = found.map_err(convert)?;
                    return found.map(|(key, hash)| Ok((key.try_into()?, hash))).transpose();
                }
            }
        }
    }

    async fn platform(&self) -> Result<Box<dyn PlatformTx>> {
        let tx = self.platform.begin_with("BEGIN").await?;
        Ok(Box::new(PgPlatformTx::new(tx, self.announcer.clone())))
    }

    async fn ask(&self, context: &TenantContext, sql: &str, limits: SqlLimits) -> Result<SqlAnswer> {
        if !context.projects().is_everything() {
            return Err(Error::Forbidden(
                "SQL reads all projects, and this key is limited to some; ask with JQL, or with a key for all projects"
                    .into(),
            ));
        }
        let question = sql_door::check(sql)?;
        let ticket = {
            let mut tx = self.begin_for(context).await?;
            sql_door::ticket(tx.conn(), context.tenant()).await?
        };
        // The role sees no tenant's rows until the SQL door shows its ticket.
        sql_door::ask(&self.read, &self.platform, ticket, &question, limits).await
    }

    async fn check(&self) -> Result<()> {
        let gaps = self.gaps().await?;
        if gaps.is_empty() {
            return migrate::require_newest(&mut *self.platform.acquire().await?).await;
        }
        Err(Error::Conflict(roles::told(&gaps)))
    }
}
