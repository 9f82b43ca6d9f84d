//! Our webhooks at the sites of mirrors.

use application::{
    Result,
    webhooks::{Registration, RegistrationStore},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl RegistrationStore for PgTenantTx {
    async fn registration(&mut self, instance: InstanceId) -> Result<Option<Registration>> {
        let row = sqlx::query!(
            "SELECT kind, remote_ids, wanted, state, problem, origin, stale, by_hand, registered_at, expires_at, checked_at
             FROM site_webhooks WHERE instance_id = $1",
            instance.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        row.map(|row| {
            Ok(Registration {
                kind: row.kind.parse()?,
                ids: row.remote_ids,
                wanted: row.wanted,
                state: row.state.parse()?,
                problem: row.problem,
                origin: row.origin,
                stale: row.stale,
                by_hand: row.by_hand,
                registered_at: row.registered_at,
                expires_at: row.expires_at,
                checked_at: row.checked_at,
            })
        })
        .transpose()
    }

    async fn keep_registration(&mut self, instance: InstanceId, registration: &Registration) -> Result<()> {
        sqlx::query!(
            "INSERT INTO site_webhooks (tenant_id, instance_id, kind, remote_ids, wanted, state, problem, origin, registered_at,
                                        expires_at, checked_at, stale, by_hand)
             VALUES ($1, $2, $3, $4, $5, $6, $7, left($8::text, 500), $9, $10, $11, $12, $13)
             ON CONFLICT (tenant_id, instance_id) DO UPDATE SET
                 kind = excluded.kind, remote_ids = excluded.remote_ids, wanted = excluded.wanted, state = excluded.state,
                 problem = excluded.problem, origin = excluded.origin, registered_at = excluded.registered_at,
                 expires_at = excluded.expires_at, checked_at = excluded.checked_at,
                 stale = excluded.stale, by_hand = excluded.by_hand",
            self.tenant.0,
            instance.0,
            registration.kind.as_str(),
            &registration.ids,
            registration.wanted,
            registration.state.as_str(),
            registration.problem.as_deref() as _,
            registration.origin,
            registration.registered_at as _,
            registration.expires_at as _,
            registration.checked_at,
            registration.stale,
            registration.by_hand,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn last_delivery(&mut self, instance: InstanceId) -> Result<Option<DateTime<Utc>>> {
        sqlx::query_scalar!("SELECT max(received_at) FROM webhook_inbox WHERE instance_id = $1", instance.0)
            .fetch_one(self.conn())
            .await
            .map_err(convert)
    }

    async fn first_change_after(
        &mut self,
        instance: InstanceId,
        after: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>> {
        sqlx::query_scalar!(
            r#"SELECT updated_at FROM issues
               WHERE instance_id = $1 AND presence = 'present' AND updated_at > $2
               ORDER BY updated_at, jira_number LIMIT 1"#,
            instance.0,
            after,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }
}
