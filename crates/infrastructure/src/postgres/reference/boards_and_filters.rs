//! Boards with the sprints that they list, and filters: what only rosters show, so that each replaces what was there.

use std::collections::BTreeMap;

use application::{
    Result,
    reference::{BoardRecord, BoardSprints, FilterRecord},
};
use domain::ids::EntityKind;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Scope, convert, object};

pub(super) async fn upsert_boards(
    conn: &mut PgConnection,
    scope: Scope,
    boards: &BTreeMap<i64, &BoardRecord>,
) -> Result<()> {
    if boards.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = boards.keys().copied().collect();
    let names: Vec<&str> = boards.values().map(|board| board.name.as_str()).collect();
    let kinds: Vec<Option<&str>> = boards.values().map(|board| board.board_type.as_deref()).collect();
    let projects: Vec<Option<Uuid>> = boards
        .values()
        .map(|board| board.project_jira_id.as_ref().map(|id| scope.instance.derive(EntityKind::Project, id)))
        .collect();
    let raws: Vec<Option<Json<&Value>>> = boards.values().map(|board| object(&board.raw)).collect();
    sqlx::query!(
        "INSERT INTO boards (tenant_id, instance_id, jira_id, name, board_type, project_id, raw_jsonb)
         SELECT $1, $2, s.* FROM (
             SELECT u.jira_id, u.name::varchar(255), u.board_type::varchar(20), u.project_id, u.raw
             FROM UNNEST($3::bigint[], $4::text[], $5::text[], $6::uuid[], $7::jsonb[])
                  AS u (jira_id, name, board_type, project_id, raw)) s
         ORDER BY s.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             name = excluded.name, board_type = excluded.board_type, project_id = excluded.project_id,
             raw_jsonb = excluded.raw_jsonb, presence = 'present', updated_at = now()
         WHERE (boards.name, boards.board_type, boards.project_id, boards.source_hash, boards.presence)
               IS DISTINCT FROM
               (excluded.name, excluded.board_type, excluded.project_id, excluded.source_hash, 'present')",
        scope.tenant,
        scope.instance.0,
        &ids,
        names as _,
        kinds as _,
        projects as _,
        raws as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Makes each board list these sprints and no others. Boards and sprints that have no row are passed over.
pub(super) async fn replace_board_sprints(
    conn: &mut PgConnection,
    scope: Scope,
    boards: &BTreeMap<i64, &BoardSprints>,
) -> Result<()> {
    if boards.is_empty() {
        return Ok(());
    }
    let listing: Vec<i64> = boards.keys().copied().collect();
    let (board_ids, sprint_ids): (Vec<i64>, Vec<i64>) = boards
        .values()
        .flat_map(|board| board.sprint_ids.iter().map(|sprint| (board.board_id, *sprint)))
        .unzip();
    sqlx::query!(
        "WITH listed AS (
             SELECT DISTINCT u.board_id, u.sprint_id FROM UNNEST($4::bigint[], $5::bigint[]) AS u (board_id, sprint_id)
         ), gone AS (
             DELETE FROM board_sprints o WHERE o.instance_id = $2 AND o.board_id = ANY($3)
                 AND NOT EXISTS (SELECT FROM listed l WHERE l.board_id = o.board_id AND l.sprint_id = o.sprint_id)
         )
         INSERT INTO board_sprints (tenant_id, instance_id, board_id, sprint_id)
         SELECT $1, $2, l.board_id, l.sprint_id
         FROM listed l
         JOIN boards b ON b.instance_id = $2 AND b.jira_id = l.board_id
         JOIN sprints s ON s.instance_id = $2 AND s.jira_id = l.sprint_id
         ORDER BY l.board_id, l.sprint_id
         ON CONFLICT DO NOTHING",
        scope.tenant,
        scope.instance.0,
        &listing,
        &board_ids,
        &sprint_ids,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

pub(super) async fn upsert_filters(
    conn: &mut PgConnection,
    scope: Scope,
    filters: &BTreeMap<&str, &FilterRecord>,
) -> Result<()> {
    if filters.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = filters.keys().copied().collect();
    let names: Vec<&str> = filters.values().map(|filter| filter.name.as_str()).collect();
    let descriptions: Vec<Option<&str>> =
        filters.values().map(|filter| filter.description.as_deref()).collect();
    let questions: Vec<Option<&str>> = filters.values().map(|filter| filter.jql.as_deref()).collect();
    let owners: Vec<Option<&str>> =
        filters.values().map(|filter| filter.owner_account_id.as_deref()).collect();
    let raws: Vec<Option<Json<&Value>>> = filters.values().map(|filter| object(&filter.raw)).collect();
    sqlx::query!(
        "INSERT INTO filters (tenant_id, instance_id, jira_id, name, description, jql, owner_account_id, raw_jsonb)
         SELECT $1, $2, s.* FROM (
             SELECT u.jira_id, u.name::varchar(255), u.description, u.jql, u.owner, u.raw
             FROM UNNEST($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
                  AS u (jira_id, name, description, jql, owner, raw)) s
         ORDER BY s.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             name = excluded.name, description = excluded.description, jql = excluded.jql,
             owner_account_id = excluded.owner_account_id, raw_jsonb = excluded.raw_jsonb, presence = 'present',
             updated_at = now()
         WHERE (filters.name, filters.description, filters.jql, filters.owner_account_id, filters.source_hash,
                filters.presence)
               IS DISTINCT FROM
               (excluded.name, excluded.description, excluded.jql, excluded.owner_account_id, excluded.source_hash,
                'present')",
        scope.tenant,
        scope.instance.0,
        ids as _,
        names as _,
        descriptions as _,
        questions as _,
        owners as _,
        raws as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
