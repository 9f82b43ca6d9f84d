//! The two kinds of transactions. Their stores stand in the files of the slices.

use application::{
    Error, Result,
    ports::{PlatformTx, TenantTx},
};
use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId, TenantId};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::errors::convert;

/// A transaction of one tenant, as role `forebay_app`. Row-level security holds it to the tenant; statements name the
/// tenant only where they insert.
pub(super) struct PgTenantTx {
    pub(super) tenant: TenantId,
    tx: Transaction<'static, Postgres>,
}

impl PgTenantTx {
    /// `tx` must have `app.current_tenant_id` set to `tenant`.
    pub(super) fn new(tenant: TenantId, tx: Transaction<'static, Postgres>) -> Self {
        Self { tenant, tx }
    }

    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

#[async_trait]
impl TenantTx for PgTenantTx {
    fn tenant(&self) -> TenantId {
        self.tenant
    }

    async fn commit(self: Box<Self>) -> Result<()> {
        commit(self.tx).await
    }
}

/// A transaction of the narrow exception, as role `forebay_platform`.
pub(super) struct PgPlatformTx {
    tx: Transaction<'static, Postgres>,
}

impl PgPlatformTx {
    pub(super) fn new(tx: Transaction<'static, Postgres>) -> Self {
        Self { tx }
    }

    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

#[async_trait]
impl PlatformTx for PgPlatformTx {
    async fn commit(self: Box<Self>) -> Result<()> {
        commit(self.tx).await
    }
}

/// Makes a transaction last, or says that it does not.
///
/// PostgreSQL answers a COMMIT after a failed statement with a ROLLBACK and no error, which would pass for success here if
/// somebody had let that statement's error go. So the constraints that wait for the end are asked first: that fails in a
/// failed transaction, and when one of them is broken, and then nothing was stored. After it, only a lost connection can
/// make a COMMIT fail.
async fn commit(mut tx: Transaction<'static, Postgres>) -> Result<()> {
    sqlx::query("SET CONSTRAINTS ALL IMMEDIATE").execute(&mut *tx).await.map_err(convert)?;
    tx.commit().await.map_err(|error| match error {
        sqlx::Error::Io(cause) => {
            tracing::error!(%cause, "the connection was lost during COMMIT");
            Error::Unavailable(
                "the connection to the database was lost while the change was being stored; look whether it was, \
                 before trying again"
                    .into(),
            )
        }
        error => convert(error),
    })
}

/// Whose rows are written: every insert names both.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    pub(super) tenant: Uuid,
    pub(super) instance: InstanceId,
}

impl Scope {
    /// The id of a user's row, from the account id or user key.
    pub(super) fn user(self, account: Option<&str>) -> Option<Uuid> {
        account.map(|account| self.instance.derive(EntityKind::User, account))
    }
}
