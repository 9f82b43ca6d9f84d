//! Instances.

use std::collections::BTreeMap;

use application::{
    Error, Result,
    instances::{AuthMethod, Dialect, Instance, InstanceRecord, InstanceStore, SealedSecrets},
    sandbox::SandboxSeed,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use uuid::Uuid;

use super::{
    errors::{convert, on_constraint},
    removal,
    transaction::PgTenantTx,
};

struct StoredInstance {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    display_name: String,
    kind: String,
    base_url: String,
    auth_method: String,
    dialect: String,
    account_id: Option<String>,
    time_zone: Option<String>,
    webhook_remote_id: Option<String>,
    active: bool,
    cloud_id: Option<String>,
    requests_per_minute: Option<i32>,
    credential_problem: Option<String>,
    created_at: DateTime<Utc>,
    faults: Option<Uuid>,
}

impl TryFrom<StoredInstance> for Instance {
    type Error = Error;

    fn try_from(row: StoredInstance) -> Result<Self> {
        Ok(Self {
            id: InstanceId(row.id),
            tenant: TenantId(row.tenant_id),
            name: row.name,
            display_name: row.display_name,
            kind: row.kind.parse().map_err(|error: Error| Error::internal(error))?,
            base_url: row.base_url,
            auth_method: row.auth_method.parse().map_err(|error: Error| Error::internal(error))?,
            dialect: row.dialect.parse()?,
            account_id: row.account_id,
            time_zone: row.time_zone,
            webhook_id: row.webhook_remote_id,
            active: row.active,
            cloud_id: row.cloud_id,
            requests_per_minute: row.requests_per_minute.map(i32::unsigned_abs),
            credential_problem: row.credential_problem,
            created_at: row.created_at,
            faults: row.faults,
        })
    }
}

#[async_trait]
impl InstanceStore for PgTenantTx {
    async fn add_instance(&mut self, record: &InstanceRecord) -> Result<()> {
        sqlx::query!(
            "INSERT INTO jira_instances (tenant_id, id, name, display_name, kind, base_url, auth_method, email_hash,
                                         api_token_encrypted, webhook_secret_encrypted, dialect,
                                         cloud_id, requests_per_minute, webhook_path_encrypted)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            self.tenant.0,
            record.id.0,
            record.name,
            record.display_name,
            record.kind.as_str(),
            record.base_url,
            record.auth_method.as_str(),
            record.email_hash.as_deref() as _,
            record.secrets.credential.as_deref() as _,
            record.secrets.webhook.as_deref() as _,
            record.dialect.as_str(),
            record.cloud_id.as_deref() as _,
            record.requests_per_minute.map(u32::cast_signed),
            record.secrets.webhook_path.as_deref() as _,
        )
        .execute(self.conn())
        .await
        .map_err(|error| {
            on_constraint(error, "jira_instances_name_key", || {
                Error::Conflict(format!("an instance `{}` exists already; choose another name", record.name))
            })
        })?;
        Ok(())
    }

    async fn instances(&mut self) -> Result<Vec<Instance>> {
        sqlx::query_as!(
            StoredInstance,
            "SELECT id, tenant_id, name, display_name, kind, base_url, auth_method, dialect, account_id, time_zone,
                    webhook_remote_id, active, cloud_id, requests_per_minute, credential_problem, created_at,
                    (SELECT f.revision FROM sandbox_faults f
                     WHERE f.tenant_id = n.tenant_id AND f.instance_id = n.id AND f.plan IS NOT NULL) AS faults
             FROM jira_instances n ORDER BY name"
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?
        .into_iter()
        .map(Instance::try_from)
        .collect()
    }

    async fn instance(&mut self, name_or_id: &str) -> Result<Option<Instance>> {
        // A name may look like an id: the name wins.
        sqlx::query_as!(
            StoredInstance,
            "SELECT id, tenant_id, name, display_name, kind, base_url, auth_method, dialect, account_id, time_zone,
                    webhook_remote_id, active, cloud_id, requests_per_minute, credential_problem, created_at,
                    (SELECT f.revision FROM sandbox_faults f
                     WHERE f.tenant_id = n.tenant_id AND f.instance_id = n.id AND f.plan IS NOT NULL) AS faults
             FROM jira_instances n WHERE name = $1 OR id = $2 ORDER BY name = $1 DESC LIMIT 1",
            name_or_id,
            name_or_id.parse::<Uuid>().ok() as _,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?
        .map(Instance::try_from)
        .transpose()
    }

    async fn sealed_secrets(&mut self, id: InstanceId) -> Result<SealedSecrets> {
        sqlx::query_as!(
            SealedSecrets,
            "SELECT api_token_encrypted AS credential, webhook_secret_encrypted AS webhook,
                    webhook_path_encrypted AS webhook_path
             FROM jira_instances WHERE id = $1",
            id.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?
        .ok_or_else(|| missing(id))
    }

    async fn note_identity(
        &mut self,
        id: InstanceId,
        account_id: &str,
        time_zone: Option<&str>,
        dialect: Dialect,
    ) -> Result<()> {
        let done = sqlx::query!(
            "UPDATE jira_instances
             SET account_id = $2, time_zone = coalesce($3::text::varchar(64), time_zone), dialect = $4, updated_at = now()
             WHERE id = $1",
            id.0,
            account_id,
            time_zone as _,
            dialect.as_str(),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        found(done.rows_affected(), id)
    }

    async fn replace_credential(
        &mut self,
        id: InstanceId,
        auth: AuthMethod,
        email_hash: Option<&str>,
        sealed: &str,
    ) -> Result<()> {
        let done = sqlx::query!(
            "UPDATE jira_instances
             SET auth_method = $2, email_hash = $3, api_token_encrypted = $4, credential_problem = NULL, updated_at = now()
             WHERE id = $1",
            id.0,
            auth.as_str(),
            email_hash as _,
            sealed
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        found(done.rows_affected(), id)
    }

    async fn keep_webhook_secrets(&mut self, id: InstanceId, secret: &str, path: &str) -> Result<()> {
        let done = sqlx::query!(
            "UPDATE jira_instances SET webhook_secret_encrypted = $2, webhook_path_encrypted = $3, updated_at = now()
             WHERE id = $1",
            id.0,
            secret,
            path
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        found(done.rows_affected(), id)
    }

    async fn note_webhook(&mut self, id: InstanceId, webhook_id: Option<&str>) -> Result<()> {
        let done = sqlx::query!(
            "UPDATE jira_instances SET webhook_remote_id = left($2::text, 64), updated_at = now() WHERE id = $1",
            id.0,
            webhook_id as _
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        found(done.rows_affected(), id)
    }

    async fn move_instance(&mut self, id: InstanceId, base_url: &str) -> Result<()> {
        let done = sqlx::query!(
            "UPDATE jira_instances SET base_url = $2, webhook_remote_id = NULL, updated_at = now() WHERE id = $1",
            id.0,
            base_url
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        found(done.rows_affected(), id)
    }

    async fn stop_instance(&mut self, id: InstanceId, at: DateTime<Utc>) -> Result<()> {
        sqlx::query!("UPDATE jira_instances SET active = false, updated_at = $2 WHERE id = $1", id.0, at)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        sqlx::query!(
            "UPDATE sync_runs SET state = 'canceled', finished_at = $2, updated_at = $2
             WHERE instance_id = $1 AND state = 'running'",
            id.0,
            at
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn remove_instance_rows(
        &mut self,
        id: InstanceId,
        issues: i64,
        rows: i64,
    ) -> Result<BTreeMap<String, u64>> {
        removal::of_instance(self.conn(), id, issues, rows).await
    }

    async fn remove_tenant_rows(&mut self, most: i32) -> Result<Option<(String, u64)>> {
        removal::of_tenant(self.conn(), most).await
    }

    async fn remove_instance(&mut self, id: InstanceId) -> Result<()> {
        // The rest goes by ON DELETE CASCADE; issues that somebody stored in the meantime go first, with all that came with them.
        sqlx::query!("DELETE FROM issues WHERE instance_id = $1", id.0)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        let done = sqlx::query!("DELETE FROM jira_instances WHERE id = $1", id.0)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        found(done.rows_affected(), id)
    }

    async fn take_sandbox_ids(&mut self, id: InstanceId, count: i64) -> Result<i64> {
        sqlx::query_scalar!(
            r#"UPDATE jira_instances SET sandbox_last_id = sandbox_last_id + $2
               WHERE id = $1 AND kind = 'sandbox' RETURNING sandbox_last_id - $2 + 1 AS "first!""#,
            id.0,
            count.max(0),
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?
        .ok_or_else(|| missing(id))
    }

    async fn raise_sandbox_id(&mut self, id: InstanceId, at_least: i64) -> Result<()> {
        sqlx::query!(
            "UPDATE jira_instances SET sandbox_last_id = $2 WHERE id = $1 AND kind = 'sandbox' AND sandbox_last_id < $2",
            id.0,
            at_least
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn note_sandbox_seed(&mut self, id: InstanceId, seed: SandboxSeed) -> Result<SandboxSeed> {
        // The update changes nothing: it makes RETURNING answer the row that is there.
        let row = sqlx::query!(
            "INSERT INTO sandbox_seeds (tenant_id, instance_id, seed, issues, present) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, instance_id) DO UPDATE SET instance_id = excluded.instance_id
             RETURNING seed, issues, present",
            self.tenant.0,
            id.0,
            seed.seed.cast_signed(),
            i64::try_from(seed.issues).map_err(Error::internal)?,
            seed.present,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(SandboxSeed {
            seed: row.seed.cast_unsigned(),
            issues: row.issues.unsigned_abs(),
            present: row.present,
        })
    }

    async fn set_dialect(&mut self, id: InstanceId, dialect: Dialect) -> Result<()> {
        let done = sqlx::query!(
            "UPDATE jira_instances SET dialect = $2, updated_at = now() WHERE id = $1",
            id.0,
            dialect.as_str()
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        found(done.rows_affected(), id)
    }
}

fn missing(id: InstanceId) -> Error {
    Error::not_found("instance", id.to_string())
}

fn found(rows: u64, id: InstanceId) -> Result<()> {
    if rows == 0 { Err(missing(id)) } else { Ok(()) }
}
