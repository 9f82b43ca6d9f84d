//! Fields and their options.

use application::{
    Result,
    catalog::{Entry, FieldRow, OptionRow, PageOf, Position},
};
use domain::ids::InstanceId;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{after, convert};

struct StoredField {
    instance: String,
    instance_id: Uuid,
    field_key: String,
    name: String,
    custom: bool,
    schema: Option<Value>,
}

impl From<StoredField> for FieldRow {
    fn from(row: StoredField) -> Self {
        Self {
            instance: row.instance,
            instance_id: InstanceId(row.instance_id),
            field_key: row.field_key,
            name: row.name,
            custom: row.custom,
            schema: row.schema,
        }
    }
}

pub(super) async fn list(
    conn: &mut PgConnection,
    page: &PageOf,
    custom: Option<bool>,
) -> Result<Vec<Entry<FieldRow>>> {
    let (instance, sort, id) = after(page);
    let rows = sqlx::query_as!(
        StoredField,
        r#"SELECT n.name AS instance, f.instance_id, f.field_key, f.name, f.custom, f.schema_raw AS schema
           FROM custom_fields f
           JOIN jira_instances n ON n.tenant_id = f.tenant_id AND n.id = f.instance_id
           WHERE f.presence = 'present' AND ($1::uuid IS NULL OR f.instance_id = $1)
             AND ($2::boolean IS NULL OR f.custom = $2)
             AND ($3::text IS NULL OR (n.name, f.custom, f.field_key) > ($3, $4::text = 'custom', $5))
           ORDER BY n.name, f.custom, f.field_key
           LIMIT $6"#,
        page.instance.map(|id| id.0) as _,
        custom as _,
        instance as _,
        sort as _,
        id as _,
        page.limit,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let entries = rows.into_iter().map(FieldRow::from).map(|row| Entry {
        position: Position {
            instance: row.instance.clone(),
            sort: if row.custom { "custom" } else { "system" }.to_owned(),
            id: row.field_key.clone(),
        },
        row,
    });
    Ok(entries.collect())
}

pub(super) async fn named(
    conn: &mut PgConnection,
    instance: Option<InstanceId>,
    id_or_name: &str,
) -> Result<Vec<FieldRow>> {
    let rows = sqlx::query_as!(
        StoredField,
        r#"SELECT n.name AS instance, f.instance_id, f.field_key, f.name, f.custom, f.schema_raw AS schema
           FROM custom_fields f
           JOIN jira_instances n ON n.tenant_id = f.tenant_id AND n.id = f.instance_id
           WHERE f.presence = 'present' AND ($1::uuid IS NULL OR f.instance_id = $1)
             AND (f.field_key = $2 OR f.name_lower = $3)
           ORDER BY n.name, f.field_key"#,
        instance.map(|id| id.0) as _,
        id_or_name,
        id_or_name.to_lowercase(),
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let mut found: Vec<FieldRow> = rows.into_iter().map(FieldRow::from).collect();
    if found.iter().any(|field| field.field_key == id_or_name) {
        found.retain(|field| field.field_key == id_or_name);
    }
    Ok(found)
}

pub(super) async fn options(
    conn: &mut PgConnection,
    instance: InstanceId,
    field_key: &str,
) -> Result<Vec<OptionRow>> {
    sqlx::query_as!(
        OptionRow,
        "SELECT jira_id, context_id, parent_id, value, disabled FROM field_options
         WHERE instance_id = $1 AND field_key = $2 AND presence = 'present'
         ORDER BY sequence, length(jira_id), jira_id",
        instance.0,
        field_key,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}
