//! Groups with their members, the roles of projects, and configurations of boards: what only rosters show, so that each replaces what
//! was there.

use std::collections::BTreeMap;

use application::{
    Result,
    reference::{BoardConfiguration, GroupMembers, GroupRecord, ProjectRoles},
};
use domain::ids::EntityKind;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Scope, convert, object, people_and_projects::add_accounts};

pub(super) async fn upsert_groups(
    conn: &mut PgConnection,
    scope: Scope,
    groups: &BTreeMap<&str, &GroupRecord>,
) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = groups.keys().copied().collect();
    let names: Vec<&str> = groups.values().map(|group| group.name.as_str()).collect();
    let lower_names: Vec<String> = groups.values().map(|group| group.name.to_lowercase()).collect();
    sqlx::query!(
        "INSERT INTO groups (tenant_id, instance_id, group_id, name, name_lower)
         SELECT $1, $2, u.group_id, u.name::varchar(255), u.name_lower::varchar(255)
         FROM UNNEST($3::text[], $4::text[], $5::text[]) AS u (group_id, name, name_lower)
         ORDER BY u.group_id
         ON CONFLICT (tenant_id, instance_id, group_id) DO UPDATE SET
             name = excluded.name, name_lower = excluded.name_lower, presence = 'present', updated_at = now()
         WHERE (groups.name, groups.presence) IS DISTINCT FROM (excluded.name, 'present')",
        scope.tenant,
        scope.instance.0,
        ids as _,
        names as _,
        &lower_names,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Makes each group have these members and no others. Groups that have no row are passed over; accounts that have none get one.
pub(super) async fn replace_members(
    conn: &mut PgConnection,
    scope: Scope,
    groups: &BTreeMap<&str, &GroupMembers>,
) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let listing: Vec<&str> = groups.keys().copied().collect();
    let members =
        || groups.iter().flat_map(|(id, group)| group.accounts.iter().map(move |account| (*id, account)));
    let (of, accounts): (Vec<&str>, Vec<&str>) =
        members().map(|(group, account)| (group, account.as_str())).unzip();
    let users: Vec<Uuid> =
        members().map(|(_, account)| scope.instance.derive(EntityKind::User, account)).collect();
    add_accounts(conn, scope, &users, &accounts).await?;
    sqlx::query!(
        "WITH listed AS (
             SELECT DISTINCT u.group_id, u.user_id FROM UNNEST($4::text[], $5::uuid[]) AS u (group_id, user_id)
         ), gone AS (
             DELETE FROM group_members o WHERE o.instance_id = $2 AND o.group_id = ANY($3)
                 AND NOT EXISTS (SELECT FROM listed l WHERE l.group_id = o.group_id AND l.user_id = o.user_id)
         ), known AS (
             UPDATE groups SET members_known = true, updated_at = now()
             WHERE instance_id = $2 AND group_id = ANY($3) AND NOT members_known
         )
         INSERT INTO group_members (tenant_id, instance_id, group_id, user_id)
         SELECT $1, $2, l.group_id, l.user_id
         FROM listed l JOIN groups g ON g.instance_id = $2 AND g.group_id = l.group_id
         ORDER BY l.group_id, l.user_id
         ON CONFLICT DO NOTHING",
        scope.tenant,
        scope.instance.0,
        listing as _,
        of as _,
        &users,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Makes each project have these roles and no others. Projects that have no row are passed over.
pub(super) async fn replace_roles(
    conn: &mut PgConnection,
    scope: Scope,
    projects: &BTreeMap<&str, &ProjectRoles>,
) -> Result<()> {
    if projects.is_empty() {
        return Ok(());
    }
    let project = |id: &str| scope.instance.derive(EntityKind::Project, id);
    let listing: Vec<Uuid> = projects.keys().map(|id| project(id)).collect();
    let roles =
        || projects.iter().flat_map(|(id, listed)| listed.roles.iter().map(|role| (project(id), role)));
    let of: Vec<Uuid> = roles().map(|(project, _)| project).collect();
    let ids: Vec<&str> = roles().map(|(_, role)| role.jira_id.as_str()).collect();
    let names: Vec<&str> = roles().map(|(_, role)| role.name.as_str()).collect();
    let lower_names: Vec<String> = roles().map(|(_, role)| role.name.to_lowercase()).collect();
    let raws: Vec<Json<&Value>> = roles().map(|(_, role)| Json(&role.raw)).collect();
    sqlx::query!(
        "WITH listed AS (
             SELECT DISTINCT ON (u.project_id, u.jira_id) u.*
             FROM UNNEST($4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
                  AS u (project_id, jira_id, name, name_lower, raw)
         ), gone AS (
             DELETE FROM project_roles o WHERE o.instance_id = $2 AND o.project_id = ANY($3)
                 AND NOT EXISTS (SELECT FROM listed l WHERE l.project_id = o.project_id AND l.jira_id = o.jira_id)
         )
         INSERT INTO project_roles (tenant_id, instance_id, project_id, jira_id, name, name_lower, raw_jsonb)
         SELECT $1, $2, l.project_id, l.jira_id, l.name::varchar(255), l.name_lower::varchar(255), l.raw
         FROM listed l JOIN projects p ON p.id = l.project_id
         ORDER BY l.project_id, l.jira_id
         ON CONFLICT (tenant_id, project_id, jira_id) DO UPDATE SET
             name = excluded.name, name_lower = excluded.name_lower, raw_jsonb = excluded.raw_jsonb
         WHERE (project_roles.name, project_roles.source_hash) IS DISTINCT FROM (excluded.name, excluded.source_hash)",
        scope.tenant,
        scope.instance.0,
        &listing,
        &of,
        ids as _,
        names as _,
        &lower_names,
        raws as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Boards that have no row are passed over.
pub(super) async fn configure_boards(
    conn: &mut PgConnection,
    scope: Scope,
    boards: &BTreeMap<i64, &BoardConfiguration>,
) -> Result<()> {
    if boards.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = boards.keys().copied().collect();
    let raws: Vec<Option<Json<&Value>>> = boards.values().map(|board| object(&board.raw)).collect();
    sqlx::query!(
        "UPDATE boards SET configuration_raw = u.raw, updated_at = now()
         FROM UNNEST($2::bigint[], $3::jsonb[]) AS u (jira_id, raw)
         WHERE boards.instance_id = $1 AND boards.jira_id = u.jira_id AND boards.configuration_raw IS DISTINCT FROM u.raw",
        scope.instance.0,
        &ids,
        raws as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
