//! Dashboards, service desks and organisations of customers: what only rosters show, so that each replaces what was there.

use std::collections::BTreeMap;

use application::{
    Error, Result,
    reference::{DashboardRecord, DeskRecord, DeskSetup, OrganizationMembers, OrganizationRecord},
};
use chrono::{DateTime, Utc};
use domain::{ids::EntityKind, service_desk::Setup};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Scope, convert, object};

pub(super) async fn upsert_dashboards(
    conn: &mut PgConnection,
    scope: Scope,
    dashboards: &BTreeMap<&str, &DashboardRecord>,
) -> Result<()> {
    if dashboards.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = dashboards.keys().copied().collect();
    let names: Vec<&str> = dashboards.values().map(|dashboard| dashboard.name.as_str()).collect();
    let raws: Vec<Option<Json<&Value>>> =
        dashboards.values().map(|dashboard| object(&dashboard.raw)).collect();
    sqlx::query!(
        "INSERT INTO dashboards (tenant_id, instance_id, jira_id, name, raw_jsonb)
         SELECT $1, $2, s.* FROM (
             SELECT u.jira_id, u.name::varchar(255), u.raw
             FROM UNNEST($3::text[], $4::text[], $5::jsonb[]) AS u (jira_id, name, raw)) s
         ORDER BY s.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             name = excluded.name, raw_jsonb = excluded.raw_jsonb, presence = 'present', updated_at = now()
         WHERE (dashboards.name, dashboards.source_hash, dashboards.presence)
               IS DISTINCT FROM (excluded.name, excluded.source_hash, 'present')",
        scope.tenant,
        scope.instance.0,
        ids as _,
        names as _,
        raws as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// A new desk's set-up is not known. Desks of projects that have no row are passed over.
pub(super) async fn upsert_desks(
    conn: &mut PgConnection,
    scope: Scope,
    desks: &BTreeMap<&str, &DeskRecord>,
) -> Result<()> {
    if desks.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = desks.keys().copied().collect();
    let projects: Vec<Uuid> = desks
        .values()
        .map(|desk| scope.instance.derive(EntityKind::Project, &desk.project_jira_id))
        .collect();
    sqlx::query!(
        "INSERT INTO service_desks (tenant_id, instance_id, jira_id, project_id)
         SELECT $1, $2, u.jira_id, p.id
         FROM UNNEST($3::text[], $4::uuid[]) AS u (jira_id, project_id)
         JOIN projects p ON p.tenant_id = $1 AND p.id = u.project_id
         ORDER BY u.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET project_id = excluded.project_id
         WHERE service_desks.project_id <> excluded.project_id",
        scope.tenant,
        scope.instance.0,
        ids as _,
        &projects,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

pub(super) async fn set_desks_up(
    conn: &mut PgConnection,
    scope: Scope,
    desks: &BTreeMap<&str, &DeskSetup>,
) -> Result<()> {
    if desks.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = desks.keys().copied().collect();
    let setups: Vec<Json<&Setup>> = desks.values().map(|desk| Json(&desk.setup)).collect();
    sqlx::query!(
        "UPDATE service_desks d SET setup = u.setup
         FROM UNNEST($2::text[], $3::jsonb[]) AS u (jira_id, setup)
         WHERE d.instance_id = $1 AND d.jira_id = u.jira_id AND d.setup IS DISTINCT FROM u.setup",
        scope.instance.0,
        ids as _,
        setups as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Who is in a new organisation is not known.
pub(super) async fn upsert_organizations(
    conn: &mut PgConnection,
    scope: Scope,
    organizations: &BTreeMap<&str, &OrganizationRecord>,
) -> Result<()> {
    if organizations.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = organizations.keys().copied().collect();
    let names: Vec<&str> = organizations.values().map(|known| known.name.as_str()).collect();
    let created: Vec<Option<DateTime<Utc>>> = organizations.values().map(|known| known.created).collect();
    let raws: Vec<Option<Json<&Value>>> = organizations.values().map(|known| object(&known.raw)).collect();
    sqlx::query!(
        "INSERT INTO organizations (tenant_id, instance_id, jira_id, name, properties, created_at, raw_jsonb)
         SELECT $1, $2, u.jira_id, u.name::varchar(255), '{}', u.created_at, u.raw
         FROM UNNEST($3::text[], $4::text[], $5::timestamptz[], $6::jsonb[]) AS u (jira_id, name, created_at, raw)
         ORDER BY u.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             name = excluded.name, created_at = excluded.created_at, raw_jsonb = excluded.raw_jsonb
         WHERE (organizations.name, organizations.created_at, organizations.raw_jsonb)
               IS DISTINCT FROM (excluded.name, excluded.created_at, excluded.raw_jsonb)",
        scope.tenant,
        scope.instance.0,
        ids as _,
        names as _,
        created as _,
        raws as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

pub(super) async fn replace_members(
    conn: &mut PgConnection,
    scope: Scope,
    organizations: &BTreeMap<&str, &OrganizationMembers>,
) -> Result<()> {
    if organizations.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = organizations.keys().copied().collect();
    let members: Vec<Value> = organizations
        .values()
        .map(|known| serde_json::to_value(&known.accounts).map_err(Error::internal))
        .collect::<Result<_>>()?;
    sqlx::query!(
        "UPDATE organizations o SET members = u.members
         FROM UNNEST($2::text[], $3::jsonb[]) AS u (jira_id, members)
         WHERE o.instance_id = $1 AND o.jira_id = u.jira_id AND o.members IS DISTINCT FROM u.members",
        scope.instance.0,
        ids as _,
        &members,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
