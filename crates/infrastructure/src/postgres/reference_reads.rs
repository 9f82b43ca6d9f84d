//! How far the lists are that are read in rounds.

use application::{
    Error, Result,
    sync::reference::{ReferenceList, ReferenceRead, ReferenceReadStore},
};
use async_trait::async_trait;
use chrono::TimeDelta;
use domain::ids::InstanceId;

use super::{errors::convert, transaction::PgTenantTx};

fn list(stored: &str) -> Result<ReferenceList> {
    let found = ReferenceList::ALL.into_iter().find(|list| list.as_str() == stored);
    found.ok_or_else(|| Error::internal(format!("`{stored}` is no list that is read in rounds")))
}

fn to_stored(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[async_trait]
impl ReferenceReadStore for PgTenantTx {
    async fn reference_reads(&mut self, instance: InstanceId) -> Result<Vec<ReferenceRead>> {
        let rows = sqlx::query!(
            "SELECT list, began_at, after, shown, refused, finished, read_at, note, worked_ms FROM reference_reads
             WHERE instance_id = $1 ORDER BY list",
            instance.0
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let reads = rows.into_iter().map(|row| {
            Ok(ReferenceRead {
                list: list(&row.list)?,
                began_at: row.began_at,
                after: row.after,
                shown: u32::try_from(row.shown).unwrap_or(0),
                refused: u32::try_from(row.refused).unwrap_or(0),
                finished: row.finished,
                read_at: row.read_at,
                note: row.note,
                worked: TimeDelta::milliseconds(row.worked_ms),
            })
        });
        reads.collect()
    }

    async fn note_reference_read(&mut self, instance: InstanceId, read: &ReferenceRead) -> Result<()> {
        sqlx::query!(
            "INSERT INTO reference_reads (tenant_id, instance_id, list, began_at, after, shown, refused, finished, read_at, note,
                                          worked_ms)
             VALUES ($1, $2, $3, $4, left($5::text, 255), $6, $7, $8, $9, left($10::text, 255), $11)
             ON CONFLICT (tenant_id, instance_id, list) DO UPDATE SET
                 began_at = excluded.began_at, after = excluded.after, shown = excluded.shown, refused = excluded.refused,
                 finished = excluded.finished, read_at = excluded.read_at, note = excluded.note,
                 worked_ms = excluded.worked_ms",
            self.tenant.0,
            instance.0,
            read.list.as_str(),
            read.began_at,
            read.after.as_deref() as _,
            to_stored(read.shown),
            to_stored(read.refused),
            read.finished,
            read.read_at as _,
            read.note.as_deref() as _,
            read.worked.num_milliseconds(),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }
}
