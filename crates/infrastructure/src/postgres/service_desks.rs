//! Desks of Jira Service Management, organisations of customers, and which issues are requests.

use application::{
    Error, Result,
    service_desks::{
        Concern, Organization, RequestQuery, ServiceDesk, ServiceDeskStore, Setup, TemporaryFile,
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{EntityKind, InstanceId};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{
    errors::convert,
    transaction::{PgTenantTx, Scope},
};

struct DeskRow {
    jira_id: String,
    project_id: String,
    project_key: String,
    project_name: String,
    /// `None` where a mirror has not read it.
    setup: Option<Value>,
}

impl DeskRow {
    fn read(self) -> Result<ServiceDesk> {
        let set_up = self.setup.is_some();
        let setup: Setup = self.setup.map(read).transpose()?.unwrap_or_default();
        Ok(ServiceDesk {
            id: self.jira_id,
            project_id: self.project_id,
            project_key: self.project_key,
            project_name: self.project_name,
            setup,
            set_up,
        })
    }
}

struct OrganizationRow {
    jira_id: String,
    name: String,
    /// `None` where a mirror has not read them.
    members: Option<Value>,
    properties: Value,
    created_at: Option<DateTime<Utc>>,
    raw_jsonb: Option<Value>,
}

impl OrganizationRow {
    fn read(self) -> Result<Organization> {
        Ok(Organization {
            id: self.jira_id,
            name: self.name,
            members_known: self.members.is_some(),
            members: self.members.map(read).transpose()?.unwrap_or_default(),
            properties: read(self.properties)?,
            created: self.created_at,
            raw: self.raw_jsonb.unwrap_or_default(),
        })
    }
}

fn read<T: DeserializeOwned>(stored: Value) -> Result<T> {
    serde_json::from_value(stored).map_err(Error::internal)
}

fn written(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(Error::internal)
}

/// What a summary is compared with: the text anywhere, with `*` for any text.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.trim().chars() {
        match letter {
            '*' => pattern.push('%'),
            '%' | '_' | '\\' => pattern.extend(['\\', letter]),
            letter => pattern.push(letter),
        }
    }
    pattern.push('%');
    pattern
}

#[async_trait]
impl ServiceDeskStore for PgTenantTx {
    async fn service_desks(&mut self, instance: InstanceId) -> Result<Vec<ServiceDesk>> {
        let rows = sqlx::query_as!(
            DeskRow,
            r#"SELECT d.jira_id, p.jira_id AS project_id, p.key AS project_key, p.name AS project_name, d.setup
               FROM service_desks d JOIN projects p ON p.tenant_id = d.tenant_id AND p.id = d.project_id
               WHERE d.instance_id = $1 AND p.presence = 'present'
               ORDER BY length(d.jira_id), d.jira_id"#,
            instance.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        rows.into_iter().map(DeskRow::read).collect()
    }

    async fn lock_service_desk(&mut self, instance: InstanceId, id: &str) -> Result<Option<ServiceDesk>> {
        let row = sqlx::query_as!(
            DeskRow,
            r#"SELECT d.jira_id, p.jira_id AS project_id, p.key AS project_key, p.name AS project_name, d.setup
               FROM service_desks d JOIN projects p ON p.tenant_id = d.tenant_id AND p.id = d.project_id
               WHERE d.instance_id = $1 AND d.jira_id = $2 AND p.presence = 'present' FOR UPDATE OF d"#,
            instance.0,
            id,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        row.map(DeskRow::read).transpose()
    }

    async fn put_service_desk(&mut self, instance: InstanceId, desk: &ServiceDesk) -> Result<()> {
        let tenant = self.tenant.0;
        sqlx::query!(
            "INSERT INTO service_desks (tenant_id, instance_id, jira_id, project_id, setup) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, instance_id, jira_id)
             DO UPDATE SET project_id = excluded.project_id, setup = excluded.setup",
            tenant,
            instance.0,
            desk.id,
            instance.derive(EntityKind::Project, &desk.project_id),
            written(&desk.setup)?,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn organizations(&mut self, instance: InstanceId) -> Result<Vec<Organization>> {
        let rows = sqlx::query_as!(
            OrganizationRow,
            "SELECT jira_id, name, members, properties, created_at, raw_jsonb FROM organizations
             WHERE instance_id = $1 ORDER BY length(jira_id), jira_id",
            instance.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        rows.into_iter().map(OrganizationRow::read).collect()
    }

    async fn lock_organization(&mut self, instance: InstanceId, id: &str) -> Result<Option<Organization>> {
        let row = sqlx::query_as!(
            OrganizationRow,
            "SELECT jira_id, name, members, properties, created_at, raw_jsonb FROM organizations
             WHERE instance_id = $1 AND jira_id = $2 FOR UPDATE",
            instance.0,
            id,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        row.map(OrganizationRow::read).transpose()
    }

    async fn put_organization(&mut self, instance: InstanceId, organization: &Organization) -> Result<()> {
        let tenant = self.tenant.0;
        sqlx::query!(
            "INSERT INTO organizations (tenant_id, instance_id, jira_id, name, members, properties, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, instance_id, jira_id)
             DO UPDATE SET name = excluded.name, members = excluded.members, properties = excluded.properties",
            tenant,
            instance.0,
            organization.id,
            organization.name,
            written(&organization.members)?,
            written(&organization.properties)?,
            organization.created as _,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn remove_organization(&mut self, instance: InstanceId, id: &str) -> Result<()> {
        sqlx::query!("DELETE FROM organizations WHERE instance_id = $1 AND jira_id = $2", instance.0, id)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(())
    }

    async fn keep_file(
        &mut self,
        instance: InstanceId,
        file: &TemporaryFile,
        forget_before: DateTime<Utc>,
    ) -> Result<()> {
        let tenant = self.tenant.0;
        sqlx::query!(
            "DELETE FROM temporary_files WHERE instance_id = $1 AND created_at < $2",
            instance.0,
            forget_before,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        sqlx::query!(
            "INSERT INTO temporary_files (tenant_id, id, instance_id, project_id, filename, mime_type, content, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            tenant,
            file.id,
            instance.0,
            instance.derive(EntityKind::Project, &file.project_id),
            file.filename,
            file.mime_type,
            file.bytes,
            file.created,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn kept_files(&mut self, instance: InstanceId, ids: &[Uuid]) -> Result<Vec<TemporaryFile>> {
        let rows = sqlx::query!(
            "SELECT f.id, p.jira_id AS project_id, f.filename, f.mime_type, f.content, f.created_at
             FROM temporary_files f JOIN projects p ON p.tenant_id = f.tenant_id AND p.id = f.project_id
             WHERE f.instance_id = $1 AND f.id = ANY($2) ORDER BY array_position($2, f.id)",
            instance.0,
            ids,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let files = rows.into_iter().map(|row| TemporaryFile {
            id: row.id,
            project_id: row.project_id,
            filename: row.filename,
            mime_type: row.mime_type,
            bytes: row.content,
            created: row.created_at,
        });
        Ok(files.collect())
    }

    async fn forget_files(&mut self, instance: InstanceId, ids: &[Uuid]) -> Result<()> {
        sqlx::query!("DELETE FROM temporary_files WHERE instance_id = $1 AND id = ANY($2)", instance.0, ids)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(())
    }

    async fn requests(&mut self, instance: InstanceId, query: &RequestQuery) -> Result<Vec<String>> {
        let Some(field) = &query.fields.request_type else { return Ok(Vec::new()) };
        let scope = Scope { tenant: self.tenant.0, instance };
        let concerns = Concerns::of(query);
        sqlx::query_scalar!(
            r#"SELECT i.jira_id FROM issues i
               JOIN projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
               WHERE i.instance_id = $1 AND i.presence = 'present'
                 AND p.project_type = 'service_desk' AND p.presence = 'present'
                 AND jsonb_typeof(i.raw_jsonb -> 'fields' -> $2::text -> 'requestType') = 'object'
                 AND ($3::text IS NULL OR i.raw_jsonb -> 'fields' -> $2 -> 'requestType' ->> 'serviceDeskId' = $3)
                 AND ($4::text IS NULL OR i.raw_jsonb -> 'fields' -> $2 -> 'requestType' ->> 'id' = $4)
                 AND ($5::boolean IS NULL OR (i.status_category = 'done') = $5)
                 AND ($6::text IS NULL OR i.summary ILIKE $6)
                 AND ($7::boolean
                      OR ($8::boolean AND i.reporter_id = $9)
                      OR ($10::boolean AND EXISTS (
                          SELECT FROM issue_field_values v WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id
                            AND v.field_id = $11 AND v.value_id = $12))
                      OR (cardinality($13::text[]) > 0 AND EXISTS (
                          SELECT FROM issue_field_values v WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id
                            AND v.field_id = $14 AND v.value_id = ANY($13)))
                      OR ($15::boolean AND EXISTS (
                          SELECT FROM jsonb_path_query(i.raw_jsonb -> 'fields' -> $19::text, 'lax $[*]') a
                          CROSS JOIN jsonb_path_query(a, 'lax $.approvers[*]') asked
                          WHERE $12 IN (asked -> 'approver' ->> 'accountId', asked -> 'approver' ->> 'key', asked -> 'approver' ->> 'name')
                            AND ($16::boolean IS NULL OR $16 = (a ->> 'finalDecision' = 'pending'
                                                                AND asked ->> 'approverDecision' = 'pending')))))
               ORDER BY i.updated_at DESC, i.jira_number DESC LIMIT $17 OFFSET $18"#,
            instance.0,
            field,
            query.desk.as_deref(),
            query.request_type.as_deref(),
            query.closed,
            query.text.as_deref().map(pattern),
            query.concerns.is_empty(),
            concerns.reported,
            scope.user(query.account.as_deref()),
            concerns.participates,
            query.fields.participants.as_deref(),
            query.account.as_deref(),
            &concerns.organizations,
            query.fields.organizations.as_deref(),
            concerns.approves,
            concerns.approval_pending,
            query.limit,
            query.offset,
            query.fields.approvals.as_deref(),
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn is_email_known(&mut self, instance: InstanceId, email_hash: &str) -> Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM users WHERE instance_id = $1 AND email_hash = $2) AS "known!""#,
            instance.0,
            email_hash,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)
    }
}

/// Why requests are an account's concern, as the statement takes it.
#[derive(Default)]
struct Concerns {
    reported: bool,
    participates: bool,
    organizations: Vec<String>,
    approves: bool,
    approval_pending: Option<bool>,
}

impl Concerns {
    fn of(query: &RequestQuery) -> Self {
        let mut concerns = Self::default();
        for concern in &query.concerns {
            match concern {
                Concern::Reported => concerns.reported = true,
                Concern::Participates => concerns.participates = true,
                Concern::SharedWith(ids) => concerns.organizations.extend(ids.iter().cloned()),
                Concern::Approves(pending) => {
                    concerns.approves = true;
                    concerns.approval_pending = *pending;
                }
            }
        }
        concerns
    }
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_star_is_any_text_and_nothing_else_means_anything() {
        assert_eq!(pattern(" print*floor "), "%print%floor%");
        assert_eq!(pattern(r"50%_\"), r"%50\%\_\\%");
    }
}
