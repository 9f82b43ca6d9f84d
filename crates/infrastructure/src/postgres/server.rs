//! What the latest server to start was told of its surroundings, for the commands beside it and for the next start.

use application::Result;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::errors::convert;

/// The surroundings of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRecord {
    /// Where it is reached, without a trailing slash.
    pub public_url: String,
    /// The networks that it may call though they are not public, as [`crate::outbound::AllowedNetworks`] writes them.
    pub private_networks: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
}

/// Notes the surroundings of a server that starts; those of an earlier one are forgotten.
///
/// # Errors
/// [`application::Error::Unavailable`] when the database does not answer.
pub async fn note_server(owner: &mut PgConnection, record: &ServerRecord) -> Result<()> {
    sqlx::query!(
        "INSERT INTO forebay.server (public_url, private_networks, started_at) VALUES ($1, $2, $3)
         ON CONFLICT (only_one) DO UPDATE SET public_url = excluded.public_url,
             private_networks = excluded.private_networks, started_at = excluded.started_at",
        record.public_url,
        record.private_networks,
        record.started_at,
    )
    .execute(owner)
    .await
    .map_err(convert)?;
    Ok(())
}

/// The surroundings of the latest server; `None` before the first one, and in a database that is not migrated.
///
/// # Errors
/// [`application::Error::Unavailable`] when the database does not answer.
pub async fn noted_server(owner: &mut PgConnection) -> Result<Option<ServerRecord>> {
    let exists = sqlx::query_scalar!(r#"SELECT to_regclass('forebay.server') IS NOT NULL AS "exists!""#)
        .fetch_one(&mut *owner)
        .await
        .map_err(convert)?;
    if !exists {
        return Ok(None);
    }
    sqlx::query_as!(ServerRecord, "SELECT public_url, private_networks, started_at FROM forebay.server")
        .fetch_optional(owner)
        .await
        .map_err(convert)
}
