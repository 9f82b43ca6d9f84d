//! Issues that show each other, and do not tell the same: one of them was read while the other one was out of sight, or has gone
//! since, and a site touches neither then. Reading them again settles it.

use application::{Result, webhooks::Hint};
use domain::ids::InstanceId;
use uuid::Uuid;

use super::{
    errors::convert,
    hints,
    transaction::{PgTenantTx, Scope},
};

/// See [`application::sync::census::CensusStore::settle_neighbours`]. What others show of an issue that changed is found from that one,
/// so an issue that was read before the last census need not be looked at: it was. Where a list of links is hidden, nothing is missed
/// in it.
pub(super) async fn settle(
    tx: &mut PgTenantTx,
    instance: InstanceId,
    after: Uuid,
    limit: i64,
) -> Result<Option<Uuid>> {
    let tenant = tx.tenant.0;
    let portion = sqlx::query_file!("src/postgres/disagreeing.sql", instance.0, after, limit, tenant)
        .fetch_one(tx.conn())
        .await
        .map_err(convert)?;
    let hints: Vec<Hint> = portion.disagreeing.iter().map(|issue| Hint::of(issue)).collect();
    hints::hint(tx.conn(), Scope { tenant, instance }, &hints).await?;
    Ok(portion.last)
}
