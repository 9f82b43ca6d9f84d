//! Properties of issues, and of their comments and worklogs.

use std::collections::BTreeMap;

use application::{Result, issues::PropertyStore};
use async_trait::async_trait;
use domain::ids::IssueId;
use serde_json::Value;
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl PropertyStore for PgTenantTx {
    async fn property_keys(&mut self, issue: IssueId) -> Result<Vec<String>> {
        sqlx::query_scalar!("SELECT key FROM issue_properties WHERE issue_id = $1 ORDER BY key", issue.0)
            .fetch_all(self.conn())
            .await
            .map_err(convert)
    }

    async fn property(&mut self, issue: IssueId, key: &str) -> Result<Option<Value>> {
        sqlx::query_scalar!(
            "SELECT value FROM issue_properties WHERE issue_id = $1 AND key = $2",
            issue.0,
            key
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }

    async fn properties_of(
        &mut self,
        issues: &[IssueId],
        keys: &[String],
    ) -> Result<Vec<(IssueId, String, Value)>> {
        let ids: Vec<Uuid> = issues.iter().map(|issue| issue.0).collect();
        let rows = sqlx::query!(
            "SELECT issue_id, key, value FROM issue_properties
             WHERE issue_id = ANY($1) AND (cardinality($2::text[]) = 0 OR key = ANY($2)) ORDER BY issue_id, key",
            &ids,
            keys,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (IssueId(row.issue_id), row.key, row.value)).collect())
    }

    async fn set_property(&mut self, issue: IssueId, key: &str, value: &Value) -> Result<bool> {
        let tenant = self.tenant.0;
        sqlx::query_scalar!(
            r#"INSERT INTO issue_properties (tenant_id, issue_id, key, value) VALUES ($1, $2, $3, $4)
               ON CONFLICT (tenant_id, issue_id, key) DO UPDATE SET value = excluded.value
               RETURNING xmax = 0 AS "new!""#,
            tenant,
            issue.0,
            key,
            value,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)
    }

    async fn remove_property(&mut self, issue: IssueId, key: &str) -> Result<bool> {
        let done =
            sqlx::query!("DELETE FROM issue_properties WHERE issue_id = $1 AND key = $2", issue.0, key)
                .execute(self.conn())
                .await
                .map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }

    async fn child_properties(&mut self, child: Uuid) -> Result<BTreeMap<String, Value>> {
        let rows = sqlx::query!("SELECT key, value FROM child_properties WHERE child_id = $1", child)
            .fetch_all(self.conn())
            .await
            .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (row.key, row.value)).collect())
    }

    async fn set_child_property(
        &mut self,
        issue: IssueId,
        child: Uuid,
        key: &str,
        value: &Value,
    ) -> Result<()> {
        let tenant = self.tenant.0;
        sqlx::query!(
            "INSERT INTO child_properties (tenant_id, issue_id, child_id, key, value) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, child_id, key) DO UPDATE SET value = excluded.value",
            tenant,
            issue.0,
            child,
            key,
            value,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn remove_child_properties(&mut self, child: Uuid, key: Option<&str>) -> Result<()> {
        sqlx::query!(
            "DELETE FROM child_properties WHERE child_id = $1 AND ($2::text IS NULL OR key = $2)",
            child,
            key as _,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }
}
