//! The audit log: written once, read often, changed never.

use application::{
    Result,
    audit::{AuditEntry, AuditFilter, AuditStore, NewAuditEntry},
};
use async_trait::async_trait;
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl AuditStore for PgTenantTx {
    async fn record(&mut self, entry: NewAuditEntry) -> Result<()> {
        // Names are the caller's and may be longer than the columns: an entry that is cut beats a write that fails.
        sqlx::query!(
            "INSERT INTO audit_log (tenant_id, id, instance_id, actor, action, target, outcome, payload, request_id, created_at)
             VALUES ($1, $2, $3, $4::text::varchar(255), $5::text::varchar(100), $6::text::varchar(255), $7, $8,
                     nullif($9::text, '')::varchar(64), $10)",
            self.tenant.0,
            Uuid::now_v7(),
            entry.instance.map(|id| id.0) as _,
            entry.actor,
            entry.action,
            entry.target,
            entry.outcome.as_str(),
            entry.payload,
            entry.request_id,
            entry.at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn audit_entries(&mut self, filter: &AuditFilter) -> Result<Vec<AuditEntry>> {
        sqlx::query_as!(
            AuditEntry,
            r#"SELECT l.id, n.name AS "instance?", l.actor, l.action, l.target, l.outcome, l.payload, l.request_id,
                      l.created_at
               FROM audit_log l
               LEFT JOIN jira_instances n ON n.tenant_id = l.tenant_id AND n.id = l.instance_id
               WHERE ($1::text IS NULL OR l.action = $1)
                 AND ($2::text IS NULL OR l.target = $2
                      OR l.action IN ('create_key', 'update_key', 'revoke_key')
                         AND $2 IN (l.payload -> 'after' ->> 'name', l.payload -> 'before' ->> 'name'))
                 AND ($3::uuid IS NULL OR (l.created_at, l.id) < (SELECT b.created_at, b.id FROM audit_log b WHERE b.id = $3))
               ORDER BY l.created_at DESC, l.id DESC
               LIMIT $4"#,
            filter.action.as_deref() as _,
            filter.target.as_deref() as _,
            filter.before as _,
            filter.limit.max(0),
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }
}
