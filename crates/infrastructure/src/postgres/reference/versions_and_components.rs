//! Versions and components of projects.

use std::collections::BTreeMap;

use application::{
    Result,
    reference::{ComponentRecord, VersionRecord},
};
use chrono::NaiveDate;
use domain::ids::EntityKind;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Scope, convert, object};

/// The id of a project's row, from the project's numeric id.
fn project(scope: Scope, jira_id: Option<&str>) -> Option<Uuid> {
    jira_id.map(|id| scope.instance.derive(EntityKind::Project, id))
}

/// The project is named only where the copy has it: a list may show versions of a project that the account does not see. An issue says
/// nothing of the project: one that was moved may still show what is of the project that it left.
pub(super) async fn upsert_versions(
    conn: &mut PgConnection,
    scope: Scope,
    versions: &BTreeMap<&str, &VersionRecord>,
    complete: bool,
) -> Result<()> {
    if versions.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = versions.keys().copied().collect();
    let projects: Vec<Option<Uuid>> =
        versions.values().map(|v| project(scope, v.project_jira_id.as_deref())).collect();
    let names: Vec<&str> = versions.values().map(|v| v.name.as_str()).collect();
    let descriptions: Vec<Option<&str>> = versions.values().map(|v| v.description.as_deref()).collect();
    let sequences: Vec<Option<i32>> = versions.values().map(|v| v.sequence).collect();
    let archived: Vec<bool> = versions.values().map(|v| v.archived).collect();
    let released: Vec<bool> = versions.values().map(|v| v.released).collect();
    let starts: Vec<Option<NaiveDate>> = versions.values().map(|v| v.start).collect();
    let releases: Vec<Option<NaiveDate>> = versions.values().map(|v| v.release).collect();
    let raws: Vec<Option<Json<&Value>>> = versions.values().map(|v| object(&v.raw)).collect();
    sqlx::query!(
        "INSERT INTO versions (tenant_id, instance_id, jira_id, project_id, name, description, sequence, archived, released,
                               start_date, release_date, raw_jsonb)
         SELECT $1, $2, m.jira_id, m.project_id, m.name, m.description, m.sequence, m.archived, m.released, m.start_date,
                m.release_date, m.raw
         FROM (SELECT u.jira_id, x.jira_id AS stored,
                      CASE WHEN $13 THEN coalesce(p.id, x.project_id) ELSE coalesce(x.project_id, p.id) END AS project_id,
                      u.name::varchar(255) AS name, u.archived, u.released,
                      CASE WHEN $13 THEN u.description ELSE coalesce(u.description, x.description) END AS description,
                      coalesce(u.sequence, x.sequence) AS sequence,
                      CASE WHEN $13 THEN u.start_date ELSE coalesce(u.start_date, x.start_date) END AS start_date,
                      CASE WHEN $13 THEN u.release_date ELSE coalesce(u.release_date, x.release_date) END AS release_date,
                      CASE WHEN $13 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.project_id AS old_project, x.name AS old_name, x.description AS old_description,
                      x.sequence AS old_sequence, x.archived AS old_archived, x.released AS old_released,
                      x.start_date AS old_start, x.release_date AS old_release, x.raw_jsonb AS old_raw,
                      x.presence AS old_presence
               FROM UNNEST($3::text[], $4::uuid[], $5::text[], $6::text[], $7::integer[], $8::boolean[], $9::boolean[],
                           $10::date[], $11::date[], $12::jsonb[])
                    AS u (jira_id, project_id, name, description, sequence, archived, released, start_date,
                          release_date, raw)
               LEFT JOIN projects p ON p.id = u.project_id
               LEFT JOIN versions x ON x.instance_id = $2 AND x.jira_id = u.jira_id) m
         WHERE m.stored IS NULL
            OR (m.project_id, m.name, m.description, m.sequence, m.archived, m.released, m.start_date, m.release_date,
                m.raw, 'present')
               IS DISTINCT FROM (m.old_project, m.old_name, m.old_description, m.old_sequence, m.old_archived,
                                 m.old_released, m.old_start, m.old_release, m.old_raw, m.old_presence)
         ORDER BY m.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             project_id = excluded.project_id, name = excluded.name, description = excluded.description,
             sequence = excluded.sequence, archived = excluded.archived, released = excluded.released,
             start_date = excluded.start_date, release_date = excluded.release_date, raw_jsonb = excluded.raw_jsonb,
             presence = 'present', updated_at = now()",
        scope.tenant,
        scope.instance.0,
        ids as _,
        projects as _,
        names as _,
        descriptions as _,
        sequences as _,
        &archived,
        &released,
        starts as _,
        releases as _,
        raws as _,
        complete,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

pub(super) async fn upsert_components(
    conn: &mut PgConnection,
    scope: Scope,
    components: &BTreeMap<&str, &ComponentRecord>,
    complete: bool,
) -> Result<()> {
    if components.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = components.keys().copied().collect();
    let projects: Vec<Option<Uuid>> =
        components.values().map(|c| project(scope, c.project_jira_id.as_deref())).collect();
    let names: Vec<&str> = components.values().map(|c| c.name.as_str()).collect();
    let descriptions: Vec<Option<&str>> = components.values().map(|c| c.description.as_deref()).collect();
    let leads: Vec<Option<&str>> = components.values().map(|c| c.lead_account_id.as_deref()).collect();
    let raws: Vec<Option<Json<&Value>>> = components.values().map(|c| object(&c.raw)).collect();
    sqlx::query!(
        "INSERT INTO components (tenant_id, instance_id, jira_id, project_id, name, description, lead_account_id, raw_jsonb)
         SELECT $1, $2, m.jira_id, m.project_id, m.name, m.description, m.lead, m.raw
         FROM (SELECT u.jira_id, x.jira_id AS stored,
                      CASE WHEN $9 THEN coalesce(p.id, x.project_id) ELSE coalesce(x.project_id, p.id) END AS project_id,
                      u.name::varchar(255) AS name,
                      CASE WHEN $9 THEN u.description ELSE coalesce(u.description, x.description) END AS description,
                      CASE WHEN $9 THEN u.lead ELSE coalesce(u.lead, x.lead_account_id) END AS lead,
                      CASE WHEN $9 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.project_id AS old_project, x.name AS old_name, x.description AS old_description,
                      x.lead_account_id AS old_lead, x.raw_jsonb AS old_raw, x.presence AS old_presence
               FROM UNNEST($3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
                    AS u (jira_id, project_id, name, description, lead, raw)
               LEFT JOIN projects p ON p.id = u.project_id
               LEFT JOIN components x ON x.instance_id = $2 AND x.jira_id = u.jira_id) m
         WHERE m.stored IS NULL
            OR (m.project_id, m.name, m.description, m.lead, m.raw, 'present')
               IS DISTINCT FROM (m.old_project, m.old_name, m.old_description, m.old_lead, m.old_raw, m.old_presence)
         ORDER BY m.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             project_id = excluded.project_id, name = excluded.name, description = excluded.description,
             lead_account_id = excluded.lead_account_id, raw_jsonb = excluded.raw_jsonb, presence = 'present',
             updated_at = now()",
        scope.tenant,
        scope.instance.0,
        ids as _,
        projects as _,
        names as _,
        descriptions as _,
        leads as _,
        raws as _,
        complete,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
