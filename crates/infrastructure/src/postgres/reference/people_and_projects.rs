//! Projects and users: what issues point to by foreign key.

use std::collections::BTreeMap;

use application::{Result, reference::UserRecord};
use domain::ids::EntityKind;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Scope, SeenProject, convert, object};
use crate::postgres::{displaced, shown_keys};

#[derive(Default)]
struct Projects<'a> {
    id: Vec<Uuid>,
    jira_id: Vec<&'a str>,
    key: Vec<&'a str>,
    name: Vec<Option<&'a str>>,
    project_type: Vec<Option<&'a str>>,
    lead: Vec<Option<&'a str>>,
    raw: Vec<Option<Json<&'a Value>>>,
}

/// Answers whether one of them got another key.
pub(super) async fn upsert_projects(
    conn: &mut PgConnection,
    scope: Scope,
    projects: &BTreeMap<&str, SeenProject<'_>>,
    complete: bool,
) -> Result<bool> {
    if projects.is_empty() {
        return Ok(false);
    }
    let mut columns = Projects::default();
    for (jira_id, project) in projects {
        let (key, record) = match project {
            SeenProject::Whole(record) => (record.key.as_str(), Some(*record)),
            SeenProject::Key(key) => (*key, None),
        };
        columns.id.push(scope.instance.derive(EntityKind::Project, jira_id));
        columns.jira_id.push(jira_id);
        columns.key.push(key);
        columns.name.push(record.map(|record| record.name.as_str()));
        columns.project_type.push(record.and_then(|record| record.project_type.as_deref()));
        columns.lead.push(record.and_then(|record| record.lead_account_id.as_deref()));
        columns.raw.push(record.and_then(|record| record.raw.as_deref()).and_then(object));
    }
    let renamed = sqlx::query_scalar!(
        "WITH m AS (
               SELECT u.id, u.jira_id, x.id AS stored,
                      CASE WHEN u.name IS NULL THEN coalesce(x.key, u.key) ELSE u.key END::varchar(50) AS key,
                      coalesce(u.name, x.name, u.key)::varchar(255) AS name,
                      coalesce(u.project_type, x.project_type)::varchar(50) AS project_type,
                      coalesce(u.lead, x.lead_account_id) AS lead,
                      CASE WHEN $10 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.key AS old_key, x.name AS old_name, x.project_type AS old_type, x.lead_account_id AS old_lead,
                      x.raw_jsonb AS old_raw, x.presence AS old_presence
               FROM UNNEST($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[])
                    AS u (id, jira_id, key, name, project_type, lead, raw)
               LEFT JOIN projects x ON x.id = u.id
         ), written AS (
             INSERT INTO projects (tenant_id, instance_id, id, jira_id, key, name, project_type, lead_account_id, raw_jsonb)
             SELECT $1, $2, m.id, m.jira_id, m.key, m.name, m.project_type, m.lead, m.raw
             FROM m
             WHERE m.stored IS NULL
                OR (m.key, m.name, m.project_type, m.lead, m.raw, 'present')
                   IS DISTINCT FROM (m.old_key, m.old_name, m.old_type, m.old_lead, m.old_raw, m.old_presence)
             ORDER BY m.id
             ON CONFLICT (tenant_id, id) DO UPDATE SET
                 key = excluded.key, name = excluded.name, project_type = excluded.project_type,
                 lead_account_id = excluded.lead_account_id, raw_jsonb = excluded.raw_jsonb, presence = 'present',
                 updated_at = now()
             RETURNING id, key)
         SELECT w.id FROM written w JOIN m ON m.id = w.id WHERE w.key <> m.old_key",
        scope.tenant,
        scope.instance.0,
        columns.id as _,
        columns.jira_id as _,
        columns.key as _,
        columns.name as _,
        columns.project_type as _,
        columns.lead as _,
        columns.raw as _,
        complete,
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    if !renamed.is_empty() {
        rename_issues(conn, scope, &renamed).await?;
    }
    Ok(!renamed.is_empty())
}

/// A project that got a new key gives all of its issues new keys at once, and Jira answers to the old ones too (jira-facts 2.4).
/// Data Center does not touch their `updated` then, so the issues themselves may never be served again.
async fn rename_issues(conn: &mut PgConnection, scope: Scope, projects: &[Uuid]) -> Result<()> {
    let renamed = sqlx::query_scalar!(
        "WITH former AS (
             SELECT i.tenant_id, i.instance_id, i.id, i.key, p.key AS project_key
             FROM projects p
             JOIN issues i ON i.tenant_id = p.tenant_id AND i.project_id = p.id
             WHERE p.instance_id = $1 AND p.id = ANY($2) AND i.key_project <> p.key
             ORDER BY i.id FOR NO KEY UPDATE OF i
         ), aliases AS (
             INSERT INTO issue_key_aliases (tenant_id, instance_id, key, issue_id)
             SELECT f.tenant_id, f.instance_id, f.key, f.id FROM former f
             ON CONFLICT (tenant_id, instance_id, key) DO UPDATE SET issue_id = excluded.issue_id
         )
         UPDATE issues SET key = f.project_key || '-' || issues.key_number, key_project = f.project_key
         FROM former f
         WHERE issues.id = f.id
         RETURNING issues.id",
        scope.instance.0,
        projects,
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    shown_keys::refresh(conn, &renamed).await?;
    shown_keys::forget_old_keys_in_use(conn, &renamed).await?;
    make_way(conn, scope, projects).await
}

/// Of present issues that have one key now, one keeps it: of a project that had the key before, and may be gone without the copy
/// knowing yet, none; within a project the one that was seen last, since a site whose lists lag shows issues under the new key
/// before it shows the project under it. Where the others are, a look at them will tell.
async fn make_way(conn: &mut PgConnection, scope: Scope, projects: &[Uuid]) -> Result<()> {
    let lost = sqlx::query_scalar!(
        "UPDATE issues SET presence = 'unobserved'
         FROM (SELECT o.id FROM issues o
               WHERE o.id IN (
                   SELECT r.id FROM (
                       SELECT i.id, row_number() OVER (
                                  PARTITION BY p.id, i.key
                                  ORDER BY i.project_id = p.id DESC, i.observed_at DESC NULLS LAST, i.jira_updated_at DESC,
                                           i.id DESC) AS place
                       FROM projects p
                       JOIN issues i ON i.tenant_id = p.tenant_id AND i.key_project = p.key
                       WHERE p.instance_id = $1 AND p.id = ANY($2) AND i.instance_id = $1 AND i.presence = 'present') r
                   WHERE r.place > 1)
               ORDER BY o.id FOR NO KEY UPDATE OF o) w
         WHERE issues.id = w.id
         RETURNING issues.jira_id",
        scope.instance.0,
        projects,
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    displaced::have_looked_at(conn, scope, &lost).await
}

#[derive(Default)]
struct Users<'a> {
    id: Vec<Uuid>,
    account_id: Vec<&'a str>,
    display_name: Vec<Option<&'a str>>,
    email_hash: Vec<Option<&'a str>>,
    time_zone: Vec<Option<&'a str>>,
    active: Vec<Option<bool>>,
    raw: Vec<Option<Json<&'a Value>>>,
}

pub(super) async fn upsert_users(
    conn: &mut PgConnection,
    scope: Scope,
    users: &BTreeMap<&str, Option<&UserRecord>>,
    complete: bool,
) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let mut columns = Users::default();
    for (account, user) in users {
        columns.id.push(scope.instance.derive(EntityKind::User, account));
        columns.account_id.push(account);
        columns.display_name.push(user.and_then(|user| user.display_name.as_deref()));
        columns.email_hash.push(user.and_then(|user| user.email_hash.as_deref()));
        columns.time_zone.push(user.and_then(|user| user.time_zone.as_deref()));
        columns.active.push(user.and_then(|user| user.active));
        columns.raw.push(user.and_then(|user| object(&user.raw)));
    }
    sqlx::query!(
        "INSERT INTO users (tenant_id, instance_id, id, account_id, display_name, email_hash, time_zone, active, raw_jsonb)
         SELECT $1, $2, m.id, m.account_id, m.display_name, m.email_hash, m.time_zone, m.active, m.raw
         FROM (SELECT u.id, u.account_id, x.id AS stored,
                      coalesce(u.display_name::varchar(255), x.display_name) AS display_name,
                      coalesce(u.email_hash, x.email_hash) AS email_hash,
                      coalesce(u.time_zone::varchar(50), x.time_zone) AS time_zone,
                      coalesce(u.active, x.active, true) AS active,
                      CASE WHEN $10 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.display_name AS old_name, x.email_hash AS old_hash, x.time_zone AS old_zone,
                      x.active AS old_active, x.raw_jsonb AS old_raw
               FROM UNNEST($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::jsonb[])
                    AS u (id, account_id, display_name, email_hash, time_zone, active, raw)
               LEFT JOIN users x ON x.id = u.id) m
         WHERE m.stored IS NULL
            OR (m.display_name, m.email_hash, m.time_zone, m.active, m.raw)
               IS DISTINCT FROM (m.old_name, m.old_hash, m.old_zone, m.old_active, m.old_raw)
         ORDER BY m.id
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             display_name = excluded.display_name, email_hash = excluded.email_hash, time_zone = excluded.time_zone,
             active = excluded.active, raw_jsonb = excluded.raw_jsonb, updated_at = now()",
        scope.tenant,
        scope.instance.0,
        columns.id as _,
        columns.account_id as _,
        columns.display_name as _,
        columns.email_hash as _,
        columns.time_zone as _,
        columns.active as _,
        columns.raw as _,
        complete,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Gives accounts that nothing is known of a row each; `users` are the ids of their rows.
pub(super) async fn add_accounts(
    conn: &mut PgConnection,
    scope: Scope,
    users: &[Uuid],
    accounts: &[&str],
) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO users (tenant_id, instance_id, id, account_id)
         SELECT DISTINCT $1::uuid, $2::uuid, u.id, u.account_id FROM UNNEST($3::uuid[], $4::text[]) AS u (id, account_id)
         ORDER BY u.id ON CONFLICT DO NOTHING",
        scope.tenant,
        scope.instance.0,
        users,
        accounts as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
