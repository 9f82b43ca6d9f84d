//! Types of links, contexts and options of custom fields.

use std::collections::BTreeMap;

use application::{
    Result,
    reference::{ContextRecord, IssueLinkTypeRecord, OptionRecord},
};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use super::{Scope, convert, object};

pub(super) async fn upsert_link_types(
    conn: &mut PgConnection,
    scope: Scope,
    types: &BTreeMap<&str, &IssueLinkTypeRecord>,
    complete: bool,
) -> Result<()> {
    if types.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = types.keys().copied().collect();
    let names: Vec<&str> = types.values().map(|kind| kind.name.as_str()).collect();
    let inwards: Vec<Option<&str>> = types.values().map(|kind| kind.inward.as_deref()).collect();
    let outwards: Vec<Option<&str>> = types.values().map(|kind| kind.outward.as_deref()).collect();
    let raws: Vec<Option<Json<&Value>>> = types.values().map(|kind| object(&kind.raw)).collect();
    sqlx::query!(
        "INSERT INTO issue_link_types (tenant_id, instance_id, jira_id, name, inward, outward, raw_jsonb)
         SELECT $1, $2, m.jira_id, m.name, m.inward, m.outward, m.raw
         FROM (SELECT u.jira_id, x.jira_id AS stored, u.name::varchar(255) AS name,
                      coalesce(u.inward::varchar(255), x.inward) AS inward,
                      coalesce(u.outward::varchar(255), x.outward) AS outward,
                      CASE WHEN $8 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.name AS old_name, x.inward AS old_inward, x.outward AS old_outward, x.raw_jsonb AS old_raw,
                      x.presence AS old_presence
               FROM UNNEST($3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
                    AS u (jira_id, name, inward, outward, raw)
               LEFT JOIN issue_link_types x ON x.instance_id = $2 AND x.jira_id = u.jira_id) m
         WHERE m.stored IS NULL
            OR (m.name, m.inward, m.outward, m.raw, 'present')
               IS DISTINCT FROM (m.old_name, m.old_inward, m.old_outward, m.old_raw, m.old_presence)
         ORDER BY m.jira_id
         ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
             name = excluded.name, inward = excluded.inward, outward = excluded.outward,
             raw_jsonb = excluded.raw_jsonb, presence = 'present', updated_at = now()",
        scope.tenant,
        scope.instance.0,
        ids as _,
        names as _,
        inwards as _,
        outwards as _,
        raws as _,
        complete,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Only administrators' lists show contexts, so each replaces what was there.
pub(super) async fn upsert_contexts(
    conn: &mut PgConnection,
    scope: Scope,
    contexts: &BTreeMap<(&str, &str), &ContextRecord>,
) -> Result<()> {
    if contexts.is_empty() {
        return Ok(());
    }
    let (fields, ids): (Vec<&str>, Vec<&str>) = contexts.keys().copied().unzip();
    let names: Vec<&str> = contexts.values().map(|context| context.name.as_str()).collect();
    let global: Vec<bool> = contexts.values().map(|context| context.is_global).collect();
    let raws: Vec<Option<Json<&Value>>> = contexts.values().map(|context| object(&context.raw)).collect();
    sqlx::query!(
        "INSERT INTO field_contexts (tenant_id, instance_id, field_key, jira_id, name, is_global, raw_jsonb)
         SELECT $1, $2, s.* FROM (
             SELECT u.field_key, u.jira_id, u.name::varchar(255), u.is_global, u.raw
             FROM UNNEST($3::text[], $4::text[], $5::text[], $6::boolean[], $7::jsonb[])
                  AS u (field_key, jira_id, name, is_global, raw)) s
         ORDER BY s.field_key, s.jira_id
         ON CONFLICT (tenant_id, instance_id, field_key, jira_id) DO UPDATE SET
             name = excluded.name, is_global = excluded.is_global, raw_jsonb = excluded.raw_jsonb,
             presence = 'present', updated_at = now()
         WHERE (field_contexts.name, field_contexts.is_global, field_contexts.source_hash, field_contexts.presence)
               IS DISTINCT FROM (excluded.name, excluded.is_global, excluded.source_hash, 'present')",
        scope.tenant,
        scope.instance.0,
        fields as _,
        ids as _,
        names as _,
        &global,
        raws as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// An issue shows an option's text, and its parent in a cascading select; a roster also its place and context. An issue's copy
/// may leave out that an option is disabled, so only a roster takes that back.
pub(super) async fn upsert_options(
    conn: &mut PgConnection,
    scope: Scope,
    options: &BTreeMap<(&str, &str), &OptionRecord>,
    complete: bool,
) -> Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    let (fields, ids): (Vec<&str>, Vec<&str>) = options.keys().copied().unzip();
    let contexts: Vec<Option<&str>> = options.values().map(|option| option.context_id.as_deref()).collect();
    let parents: Vec<Option<&str>> = options.values().map(|option| option.parent_id.as_deref()).collect();
    let values: Vec<&str> = options.values().map(|option| option.value.as_str()).collect();
    let sequences: Vec<Option<i32>> = options.values().map(|option| option.sequence).collect();
    let disabled: Vec<bool> = options.values().map(|option| option.disabled).collect();
    let raws: Vec<Option<Json<&Value>>> = options.values().map(|option| object(&option.raw)).collect();
    sqlx::query!(
        "INSERT INTO field_options (tenant_id, instance_id, field_key, jira_id, context_id, parent_id, value, sequence,
                                    disabled, raw_jsonb)
         SELECT $1, $2, m.field_key, m.jira_id, m.context_id, m.parent_id, m.value, m.sequence, m.disabled, m.raw
         FROM (SELECT u.field_key, u.jira_id, x.jira_id AS stored, u.value::varchar(255) AS value,
                      coalesce(u.context_id, x.context_id) AS context_id,
                      coalesce(u.parent_id, x.parent_id) AS parent_id, coalesce(u.sequence, x.sequence) AS sequence,
                      u.disabled OR (NOT $11 AND coalesce(x.disabled, false)) AS disabled,
                      CASE WHEN $11 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                           ELSE x.raw_jsonb || u.raw END AS raw,
                      x.context_id AS old_context, x.parent_id AS old_parent, x.value AS old_value,
                      x.sequence AS old_sequence, x.disabled AS old_disabled, x.raw_jsonb AS old_raw,
                      x.presence AS old_presence
               FROM UNNEST($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::boolean[],
                           $10::jsonb[])
                    AS u (field_key, jira_id, context_id, parent_id, value, sequence, disabled, raw)
               LEFT JOIN field_options x
                   ON x.instance_id = $2 AND x.field_key = u.field_key AND x.jira_id = u.jira_id) m
         WHERE m.stored IS NULL
            OR (m.context_id, m.parent_id, m.value, m.sequence, m.disabled, m.raw, 'present')
               IS DISTINCT FROM (m.old_context, m.old_parent, m.old_value, m.old_sequence, m.old_disabled, m.old_raw,
                                 m.old_presence)
         ORDER BY m.field_key, m.jira_id
         ON CONFLICT (tenant_id, instance_id, field_key, jira_id) DO UPDATE SET
             context_id = excluded.context_id, parent_id = excluded.parent_id, value = excluded.value,
             sequence = excluded.sequence, disabled = excluded.disabled, raw_jsonb = excluded.raw_jsonb,
             presence = 'present', updated_at = now()",
        scope.tenant,
        scope.instance.0,
        fields as _,
        ids as _,
        contexts as _,
        parents as _,
        values as _,
        sequences as _,
        &disabled,
        raws as _,
        complete,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
