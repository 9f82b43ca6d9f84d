//! The two kinds of transactions. Their stores stand in the files of the slices.

use application::{
    Result, TenantContext,
    erasure::ErasedPeople,
    ports::{PlatformTx, TenantTx},
};
use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId, TenantId};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{
    addresses::AddressHashes,
    changes::{Announcer, Durability},
};

/// A transaction of one tenant, as role `forebay_app`. Row-level security holds it to the tenant; statements name the
/// tenant only where they insert.
pub(super) struct PgTenantTx {
    pub(super) tenant: TenantId,
    /// Whether its caller is held to some projects.
    pub(super) limited: bool,
    /// Who was erased where, as asked in this transaction: it holds the instance since then, so that nobody else can be.
    pub(super) erased: Vec<(InstanceId, ErasedPeople)>,
    /// How people are found by their e-mail addresses.
    pub(super) addresses: AddressHashes,
    tx: Transaction<'static, Postgres>,
    announcer: Announcer,
}

impl PgTenantTx {
    /// `tx` must have been begun for the context.
    pub(super) fn new(
        context: &TenantContext,
        tx: Transaction<'static, Postgres>,
        announcer: Announcer,
        addresses: AddressHashes,
    ) -> Self {
        let limited = !context.projects().is_everything();
        Self { tenant: context.tenant(), limited, erased: Vec::new(), addresses, tx, announcer }
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
        self.announcer.commit(self.tx, Durability::Now).await
    }

    async fn commit_again_if_lost(self: Box<Self>) -> Result<()> {
        self.announcer.commit(self.tx, Durability::Soon).await
    }
}

/// A transaction of the narrow exception, as role `forebay_platform`.
pub(super) struct PgPlatformTx {
    tx: Transaction<'static, Postgres>,
    announcer: Announcer,
}

impl PgPlatformTx {
    pub(super) fn new(tx: Transaction<'static, Postgres>, announcer: Announcer) -> Self {
        Self { tx, announcer }
    }

    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

#[async_trait]
impl PlatformTx for PgPlatformTx {
    async fn commit(self: Box<Self>) -> Result<()> {
        self.announcer.commit(self.tx, Durability::Now).await
    }
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
