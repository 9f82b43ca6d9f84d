//! What is left of backfills.

use application::{
    Error, Result,
    sync::{Position, Range, StoredRange},
};
use domain::ids::InstanceId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{super::errors::convert, PgTenantTx, from_stored, to_stored};

pub(super) async fn put(
    tx: &mut PgTenantTx,
    instance: InstanceId,
    replaced: Option<Uuid>,
    ranges: &[StoredRange],
) -> Result<()> {
    let tenant = tx.tenant.0;
    if let Some(replaced) = replaced {
        sqlx::query!("DELETE FROM sync_ranges WHERE id = $1", replaced)
            .execute(tx.conn())
            .await
            .map_err(convert)?;
    }
    for stored in ranges {
        sqlx::query!(
            "INSERT INTO sync_ranges (tenant_id, id, instance_id, created_from, created_to, id_from, id_to, estimate, position)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            tenant,
            stored.id,
            instance.0,
            stored.range.created_from as _,
            stored.range.created_to as _,
            stored.range.id_from as _,
            stored.range.id_to as _,
            stored.estimate.map(to_stored) as _,
            serde_json::to_value(&stored.position).map_err(Error::internal)?,
        )
        .execute(tx.conn())
        .await
        .map_err(convert)?;
    }
    Ok(())
}

pub(super) async fn next(
    conn: &mut PgConnection,
    instance: InstanceId,
    taken: &[Uuid],
) -> Result<Option<StoredRange>> {
    let row = sqlx::query!(
        "SELECT id, created_from, created_to, id_from, id_to, estimate, position FROM sync_ranges
         WHERE instance_id = $1 AND id <> ALL($2)
         ORDER BY created_to DESC, id_to DESC LIMIT 1",
        instance.0,
        taken,
    )
    .fetch_optional(conn)
    .await
    .map_err(convert)?;
    row.map(|row| {
        Ok(StoredRange {
            id: row.id,
            range: Range {
                created_from: row.created_from,
                created_to: row.created_to,
                id_from: row.id_from,
                id_to: row.id_to,
            },
            estimate: row.estimate.map(from_stored),
            position: serde_json::from_value(row.position).map_err(Error::internal)?,
        })
    })
    .transpose()
}

pub(super) async fn advance(conn: &mut PgConnection, id: Uuid, position: &Position) -> Result<()> {
    let statement = match position.finished {
        true => sqlx::query!("DELETE FROM sync_ranges WHERE id = $1", id).execute(conn).await,
        false => {
            let position = serde_json::to_value(position).map_err(Error::internal)?;
            sqlx::query!("UPDATE sync_ranges SET position = $2 WHERE id = $1", id, position)
                .execute(conn)
                .await
        }
    };
    match statement.map_err(convert)?.rows_affected() {
        0 => Err(Error::Conflict("the backfill was ended while a page was read".into())),
        _ => Ok(()),
    }
}

pub(super) async fn drop_all(conn: &mut PgConnection, instance: InstanceId) -> Result<u64> {
    let dropped = sqlx::query!("DELETE FROM sync_ranges WHERE instance_id = $1", instance.0)
        .execute(conn)
        .await
        .map_err(convert)?;
    Ok(dropped.rows_affected())
}
