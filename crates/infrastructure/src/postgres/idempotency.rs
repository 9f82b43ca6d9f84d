//! Keys of requests that must happen once, and their answers.

use application::{
    Error, Result,
    idempotency::{Claim, IdempotencyStore, IdempotentRequest, KEPT_FOR, KeptAnswer},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl IdempotencyStore for PgTenantTx {
    async fn claim(&mut self, request: &IdempotentRequest, now: DateTime<Utc>) -> Result<Claim> {
        // An old one is taken over in the same statement. Of two at the same time the second waits here for the first to commit.
        let won = sqlx::query!(
            "INSERT INTO idempotency_keys AS known (tenant_id, key, request_hash, created_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, key) DO UPDATE
             SET request_hash = excluded.request_hash, created_at = excluded.created_at, status = NULL, response = NULL
             WHERE known.created_at < $5",
            self.tenant.0,
            request.key,
            request.hash,
            now,
            now - KEPT_FOR,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        if won.rows_affected() > 0 {
            return Ok(Claim::Won);
        }
        let known = sqlx::query!(
            "SELECT request_hash, status, response, created_at FROM idempotency_keys WHERE key = $1",
            request.key
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        let Some(known) = known else {
            // Given back since the statement before: whoever asks again gets it.
            return Ok(Claim::Begun(now));
        };
        if known.request_hash != request.hash {
            return Ok(Claim::Taken);
        }
        match (known.status, known.response) {
            (Some(_), Some(response)) => {
                serde_json::from_value(response).map(Claim::Answered).map_err(Error::internal)
            }
            _ => Ok(Claim::Begun(known.created_at)),
        }
    }

    async fn keep_answer(&mut self, request: &IdempotentRequest, answer: &KeptAnswer) -> Result<()> {
        sqlx::query!(
            "UPDATE idempotency_keys SET status = $3, response = $4 WHERE key = $1 AND request_hash = $2",
            request.key,
            request.hash,
            i32::from(answer.status),
            serde_json::to_value(answer).map_err(Error::internal)?,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn give_back(&mut self, request: &IdempotentRequest) -> Result<()> {
        sqlx::query!(
            "DELETE FROM idempotency_keys WHERE key = $1 AND request_hash = $2 AND status IS NULL",
            request.key,
            request.hash
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn prune_answers(&mut self, before: DateTime<Utc>) -> Result<u64> {
        let done = sqlx::query!("DELETE FROM idempotency_keys WHERE created_at < $1", before)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(done.rows_affected())
    }
}
