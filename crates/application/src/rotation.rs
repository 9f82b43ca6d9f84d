//! Sealing stored secrets anew under the present master key, while everything runs.

use async_trait::async_trait;
use domain::ids::InstanceId;
use secrecy::SecretString;
use serde::Serialize;

use crate::{
    error::{Error, Result},
    ports::TenantTx,
    services::Services,
    tenant_context::TenantContext,
};

/// A column that holds secrets, sealed for the instance that another column of the row names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The column with the id of the instance.
    #[serde(skip)]
    pub instance: &'static str,
}

/// The sealed texts of a tenant.
#[async_trait]
pub trait SealedStore: Send {
    /// Every column that holds sealed texts.
    fn sealed_columns(&self) -> &'static [SealedColumn];

    /// The texts of a column behind `after`, in their order, that another key than this one sealed, locked until the
    /// transaction ends.
    async fn sealed_otherwise(
        &mut self,
        column: &SealedColumn,
        key_id: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<(InstanceId, String)>>;

    /// Replaces a text by another; `false` when it is not there any more.
    async fn replace_sealed(
        &mut self,
        column: &SealedColumn,
        instance: InstanceId,
        old: &str,
        new: &str,
    ) -> Result<bool>;
}

/// What became of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RotatedColumn {
    /// The column.
    #[serde(flatten)]
    pub column: SealedColumn,
    /// Texts that were sealed anew.
    pub sealed_anew: u64,
    /// Texts that no loaded key opens; they are left as they are.
    pub unreadable: u64,
}

/// Few, so that a row is never locked for long.
const BATCH: i64 = 50;

/// Seals what other keys sealed with the present one, in batches of a transaction each: it can be interrupted at any time and
/// repeated, and does nothing to what is done already.
pub async fn rotate(services: &Services) -> Result<Vec<RotatedColumn>> {
    let tenants = services.db.platform().await?.tenants().await?;
    let mut rotated: Vec<RotatedColumn> = Vec::new();
    for tenant in tenants {
        let context = TenantContext::whole(tenant.id);
        let columns = services.db.tenant(&context).await?.sealed_columns();
        for column in columns {
            let mut counts = RotatedColumn { column: *column, sealed_anew: 0, unreadable: 0 };
            let mut after = String::new();
            while let Some(last) = batch(services, &context, &after, &mut counts).await? {
                after = last;
            }
            match rotated.iter_mut().find(|known| known.column == *column) {
                Some(known) => {
                    known.sealed_anew += counts.sealed_anew;
                    known.unreadable += counts.unreadable;
                }
                None => rotated.push(counts),
            }
        }
    }
    Ok(rotated)
}

/// The next texts; answers the last one, or `None` when there was none.
async fn batch(
    services: &Services,
    context: &TenantContext,
    after: &str,
    counts: &mut RotatedColumn,
) -> Result<Option<String>> {
    let mut tx: Box<dyn TenantTx> = services.db.tenant(context).await?;
    let column = counts.column;
    let texts = tx.sealed_otherwise(&column, &services.secrets.key_id(), after, BATCH).await?;
    for (instance, text) in &texts {
        let opened: Result<SecretString> = services.secrets.open(*instance, text);
        match opened {
            Ok(secret) => {
                let anew = services.secrets.seal(*instance, &secret)?;
                counts.sealed_anew += u64::from(tx.replace_sealed(&column, *instance, text, &anew).await?);
            }
            Err(error) => {
                tracing::warn!(
                    error = Error::with_causes(&error),
                    table = column.table,
                    column = column.column,
                    instance = %instance,
                    "a stored secret cannot be opened and stays as it is"
                );
                counts.unreadable += 1;
            }
        }
    }
    tx.commit().await?;
    Ok(texts.into_iter().next_back().map(|(_, text)| text))
}
