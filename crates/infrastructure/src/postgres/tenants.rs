//! Tenants, across the border.

use application::{
    Error, Result,
    tenants::{Tenant, TenantName, TenantRegistry},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use uuid::Uuid;

use super::{
    errors::{convert, on_constraint},
    transaction::{PgPlatformTx, PgTenantTx},
};

struct StoredTenant {
    id: Uuid,
    name: String,
    created_at: DateTime<Utc>,
}

impl From<StoredTenant> for Tenant {
    fn from(row: StoredTenant) -> Self {
        Self { id: TenantId(row.id), name: row.name, created_at: row.created_at }
    }
}

#[async_trait]
impl TenantRegistry for PgPlatformTx {
    async fn create_tenant(&mut self, name: &str) -> Result<Tenant> {
        sqlx::query_as!(
            StoredTenant,
            "INSERT INTO tenants (name) VALUES ($1) RETURNING id, name, created_at",
            name
        )
        .fetch_one(self.conn())
        .await
        .map(Tenant::from)
        .map_err(|error| {
            on_constraint(error, "tenants_name_key", || {
                Error::Conflict(format!("a tenant `{name}` exists already"))
            })
        })
    }

    async fn tenants(&mut self) -> Result<Vec<Tenant>> {
        let rows = sqlx::query_as!(StoredTenant, "SELECT id, name, created_at FROM tenants ORDER BY name")
            .fetch_all(self.conn())
            .await
            .map_err(convert)?;
        Ok(rows.into_iter().map(Tenant::from).collect())
    }

    async fn tenant_named(&mut self, name_or_id: &str) -> Result<Option<Tenant>> {
        // A name may look like an id: the name wins.
        let row = sqlx::query_as!(
            StoredTenant,
            "SELECT id, name, created_at FROM tenants WHERE name = $1 OR id = $2 ORDER BY name = $1 DESC LIMIT 1",
            name_or_id,
            name_or_id.parse::<Uuid>().ok() as _,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(row.map(Tenant::from))
    }

    async fn remove_audit_entries(&mut self, tenant: TenantId, most: i32) -> Result<u64> {
        let removed = sqlx::query_scalar!(
            r#"SELECT forebay.remove_audit_entries($1, $2) AS "removed!""#,
            tenant.0,
            most
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(removed.unsigned_abs())
    }

    async fn remove_tenant(&mut self, tenant: TenantId) -> Result<()> {
        sqlx::query!("DELETE FROM tenants WHERE id = $1", tenant.0)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(())
    }

    async fn remove_lanes(&mut self, instance: InstanceId) -> Result<()> {
        sqlx::query!("SELECT forebay.remove_lanes($1)", instance.0)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(())
    }

    async fn active_mirrors(&mut self) -> Result<Vec<(TenantId, InstanceId)>> {
        let rows = sqlx::query!(
            r#"SELECT tenant_id AS "tenant_id!", instance_id AS "instance_id!" FROM forebay.active_mirrors()"#
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (TenantId(row.tenant_id), InstanceId(row.instance_id))).collect())
    }

    async fn due_mirrors(&mut self, at: DateTime<Utc>) -> Result<Vec<(TenantId, InstanceId)>> {
        let rows = sqlx::query!(
            r#"SELECT tenant_id AS "tenant_id!", instance_id AS "instance_id!" FROM forebay.due_mirrors($1)"#,
            at
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (TenantId(row.tenant_id), InstanceId(row.instance_id))).collect())
    }

    async fn tenant_of_instance(&mut self, instance: InstanceId) -> Result<Option<TenantId>> {
        let tenant = sqlx::query_scalar!("SELECT forebay.tenant_of_instance($1)", instance.0)
            .fetch_one(self.conn())
            .await
            .map_err(convert)?;
        Ok(tenant.map(TenantId))
    }

    async fn gather_statistics(&mut self) -> Result<()> {
        unhurried(self.conn()).await?;
        sqlx::query!("SELECT forebay.gather_statistics()").execute(self.conn()).await.map_err(convert)?;
        Ok(())
    }

    async fn refresh_metrics(&mut self) -> Result<bool> {
        unhurried(self.conn()).await?;
        let refreshed = sqlx::query_scalar!(r#"SELECT forebay.refresh_metrics() AS "refreshed!""#)
            .fetch_one(self.conn())
            .await
            .map_err(convert)?;
        if refreshed {
            sqlx::query!("SELECT forebay.note_change(NULL, NULL, 'm')")
                .execute(self.conn())
                .await
                .map_err(convert)?;
        }
        Ok(refreshed)
    }
}

#[async_trait]
impl TenantName for PgTenantTx {
    async fn tenant_name(&mut self) -> Result<Option<String>> {
        sqlx::query_scalar!("SELECT name FROM tenants WHERE id = $1", self.tenant.0)
            .fetch_optional(self.conn())
            .await
            .map_err(convert)
    }
}

/// Work over whole tables takes longer than a request may.
async fn unhurried(conn: &mut sqlx::PgConnection) -> Result<()> {
    sqlx::query!("SELECT set_config('statement_timeout', '0', true) AS timeout")
        .fetch_one(conn)
        .await
        .map_err(convert)?;
    Ok(())
}
