//! Sprints, which issues and boards show, and fields, which only rosters show.

use std::collections::BTreeMap;

use application::{
    Result,
    reference::{FieldRecord, SprintRecord},
};
use chrono::{DateTime, Utc};
use domain::ids::EntityKind;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Scope, convert, object};

/// The list of a board shows more of a sprint than the field of an issue does, so what either shows is kept: neither replaces the
/// other, or the two would rewrite each other's row for ever. Both show its goal and its dates, as soon as it has any: what is not shown
/// of these is not there any more, as of a sprint that was opened again.
pub(super) async fn upsert_sprints(
    conn: &mut PgConnection,
    scope: Scope,
    sprints: &BTreeMap<i64, &SprintRecord>,
) -> Result<()> {
    if sprints.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = sprints.keys().copied().collect();
    let names: Vec<&str> = sprints.values().map(|sprint| sprint.name.as_str()).collect();
    let states: Vec<&str> = sprints.values().map(|sprint| sprint.state.as_str()).collect();
    let boards: Vec<Option<i64>> = sprints.values().map(|sprint| sprint.board_id).collect();
    let goals: Vec<Option<&str>> = sprints.values().map(|sprint| sprint.goal.as_deref()).collect();
    let starts: Vec<Option<DateTime<Utc>>> = sprints.values().map(|sprint| sprint.start).collect();
    let ends: Vec<Option<DateTime<Utc>>> = sprints.values().map(|sprint| sprint.end).collect();
    let completions: Vec<Option<DateTime<Utc>>> = sprints.values().map(|sprint| sprint.complete).collect();
    let raws: Vec<Option<Json<&Value>>> = sprints.values().map(|sprint| object(&sprint.raw)).collect();
    sqlx::query!(
        "INSERT INTO sprints (tenant_id, instance_id, jira_id, name, state, board_id, goal, start_date, end_date,
                              complete_date, raw_jsonb)
         SELECT $1, $2, s.jira_id, s.name, s.state, s.board_id, s.goal, s.start_date, s.end_date, s.complete_date, s.raw
         FROM (SELECT u.jira_id, u.name::varchar(255), u.state::varchar(20), coalesce(u.board_id, x.board_id) AS board_id,
                      u.goal, u.start_date, u.end_date, u.complete_date,
                      coalesce((x.raw_jsonb - '{goal,startDate,endDate,completeDate}'::text[]) || u.raw, u.raw, x.raw_jsonb) AS raw,
                      x.jira_id AS stored, x.name AS old_name, x.state AS old_state, x.board_id AS old_board, x.goal AS old_goal,
                      x.start_date AS old_start, x.end_date AS old_end, x.complete_date AS old_complete,
                      x.raw_jsonb AS old_raw, x.presence AS old_presence
               FROM UNNEST($3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[],
                           $9::timestamptz[], $10::timestamptz[], $11::jsonb[])
                    AS u (jira_id, name, state, board_id, goal, start_date, end_date, complete_date, raw)
               LEFT JOIN sprints x ON x.instance_id = $2 AND x.jira_id = u.jira_id) s
         WHERE s.stored IS NULL
            OR (s.name, s.state, s.board_id, s.goal, s.start_date, s.end_date, s.complete_date, s.raw, 'present')
               IS DISTINCT FROM
               (s.old_name, s.old_state, s.old_board, s.old_goal, s.old_start, s.old_end, s.old_complete, s.old_raw, s.old_presence)
         ORDER BY s.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             name = excluded.name, state = excluded.state, board_id = excluded.board_id, goal = excluded.goal,
             start_date = excluded.start_date, end_date = excluded.end_date, complete_date = excluded.complete_date,
             raw_jsonb = excluded.raw_jsonb, presence = 'present', updated_at = now()",
        scope.tenant,
        scope.instance.0,
        &ids,
        names as _,
        states as _,
        boards as _,
        goals as _,
        starts as _,
        ends as _,
        completions as _,
        raws as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// A custom field's type is a module key longer than its column; what tells types apart is at its end, so that is kept. The
/// whole is in the schema.
pub(super) async fn upsert_fields(
    conn: &mut PgConnection,
    scope: Scope,
    fields: &BTreeMap<&str, &FieldRecord>,
    complete: bool,
) -> Result<()> {
    if fields.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = fields.keys().map(|key| scope.instance.derive(EntityKind::Field, key)).collect();
    let keys: Vec<&str> = fields.keys().copied().collect();
    let names: Vec<&str> = fields.values().map(|field| field.name.as_str()).collect();
    let lower_names: Vec<String> = fields.values().map(|field| field.name.to_lowercase()).collect();
    let kinds: Vec<Option<&str>> = fields.values().map(|field| field.field_type.as_deref()).collect();
    let custom: Vec<bool> = fields.values().map(|field| field.custom).collect();
    let raws: Vec<Option<Json<&Value>>> = fields.values().map(|field| object(&field.raw)).collect();
    sqlx::query!(
        "INSERT INTO custom_fields (tenant_id, instance_id, id, field_key, name, name_lower, field_type, custom,
                                    schema_raw, raw_jsonb)
         SELECT $1, $2, m.id, m.field_key, m.name, m.name_lower, m.field_type, m.custom, m.raw -> 'schema', m.raw
         FROM (SELECT u.id, u.field_key, x.id AS stored, u.name::varchar(255) AS name,
                      u.name_lower::varchar(255) AS name_lower,
                      right(u.field_type, 50) AS field_type, u.custom,
                      CASE WHEN $10 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.name AS old_name, x.field_type AS old_type, x.custom AS old_custom, x.raw_jsonb AS old_raw,
                      x.presence AS old_presence
               FROM UNNEST($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::jsonb[])
                    AS u (id, field_key, name, name_lower, field_type, custom, raw)
               LEFT JOIN custom_fields x ON x.id = u.id) m
         WHERE m.stored IS NULL
            OR (m.name, m.field_type, m.custom, m.raw, 'present')
               IS DISTINCT FROM (m.old_name, m.old_type, m.old_custom, m.old_raw, m.old_presence)
         ORDER BY m.id
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             name = excluded.name, name_lower = excluded.name_lower, field_type = excluded.field_type,
             custom = excluded.custom, schema_raw = excluded.schema_raw, raw_jsonb = excluded.raw_jsonb,
             presence = 'present', updated_at = now()",
        scope.tenant,
        scope.instance.0,
        &ids,
        keys as _,
        names as _,
        &lower_names,
        kinds as _,
        &custom,
        raws as _,
        complete,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
