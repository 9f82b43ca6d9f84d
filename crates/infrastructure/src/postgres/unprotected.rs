//! The same statements past the border, to measure what the border costs: `forebay bench queries`.
//!
//! The connection is one of a role that bypasses row-level security. In place of the policies, temporary views stand before the
//! tables; they name the tenant, and PostgreSQL writes them into each statement. Nothing can be written.

use application::{Error, Result, TenantContext, ports::TenantTx};
use domain::ids::TenantId;
use sqlx::{
    AssertSqlSafe, Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{addresses::AddressHashes, changes::Announcer, errors::convert, transaction::PgTenantTx};

/// A tenant's data without row-level security, for reading.
#[derive(Debug)]
pub struct Unprotected {
    pool: PgPool,
    tenant: TenantId,
}

impl Unprotected {
    /// Connects as `owner`; `None` when that role is held by row-level security itself.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server does not answer.
    pub async fn open(owner: PgConnectOptions, tenant: TenantId) -> Result<Option<Self>> {
        // Views are a connection's own, so there is one.
        let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.connect_lazy_with(owner);
        if !bypasses_row_security(&pool).await? {
            pool.close().await;
            return Ok(None);
        }
        let unprotected = Self { pool, tenant };
        unprotected.name_the_tenant().await?;
        Ok(Some(unprotected))
    }

    /// Opens a transaction that reads.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server does not answer.
    #[expect(clippy::disallowed_methods, reason = "the views before the tables name the tenant")]
    pub async fn begin(&self) -> Result<Box<dyn TenantTx>> {
        // The only text put in is a UUID's own.
        let begin = format!("BEGIN READ ONLY; SET LOCAL app.current_tenant_id = '{}'", self.tenant);
        let tx = self.pool.begin_with(AssertSqlSafe(begin)).await.map_err(convert)?;
        Ok(Box::new(PgTenantTx::new(
            &TenantContext::whole(self.tenant),
            tx,
            Announcer::default(),
            AddressHashes::default(),
        )))
    }

    /// Closes the connection, and the views are gone.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn name_the_tenant(&self) -> Result<()> {
        // Names of tables come from the catalogue, quoted by the server; the tenant is a UUID.
        let views = format!(
            "SELECT format('CREATE TEMPORARY VIEW %I AS SELECT * FROM public.%I WHERE tenant_id = %L::uuid',
                           c.relname, c.relname, '{}')
             FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity",
            self.tenant
        );
        let views: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(views)).fetch_all(&self.pool).await.map_err(convert)?;
        for view in views {
            self.pool.execute(AssertSqlSafe(view)).await.map_err(convert)?;
        }
        Ok(())
    }
}

async fn bypasses_row_security(pool: &PgPool) -> Result<bool> {
    let bypasses: Option<bool> =
        sqlx::query_scalar("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            .fetch_optional(pool)
            .await
            .map_err(convert)?;
    bypasses.ok_or_else(|| Error::Unavailable("the role of this connection is not known".into()))
}
