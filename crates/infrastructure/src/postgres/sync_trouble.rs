//! Which mirrors fail, and since when.

use std::collections::HashMap;

use application::{
    Result,
    site_limits::WHOLE_SITE,
    sync::{SyncTrouble, TroubleStore, next_poll},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl TroubleStore for PgTenantTx {
    async fn sync_troubles(
        &mut self,
        instance: Option<InstanceId>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<InstanceId, SyncTrouble>> {
        let rows = sqlx::query_file!(
            "src/postgres/sync_trouble.sql",
            instance.map(|id| id.0) as _,
            WHOLE_SITE,
            now,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let troubles = rows.into_iter().map(|row| {
            let trouble = SyncTrouble {
                instance: row.name,
                failing_since: row.failing_since,
                last_error: row.error,
                next_try: row.tried_again.then(|| next_poll(now, row.not_before)),
                last_proof: row.last_proof,
            };
            (InstanceId(row.id), trouble)
        });
        Ok(troubles.collect())
    }
}
