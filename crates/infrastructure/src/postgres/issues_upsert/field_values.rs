//! The values of multi-valued and custom fields. They have no identity of their own, so an issue that changed gets all of
//! them anew.

use std::collections::HashSet;

use application::{Result, reference::FieldValueRecord};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Planned, Scope, convert, rewritten};

/// How much of a value is compared; the column's width.
const KEY_LENGTH: usize = 255;

#[derive(Default)]
struct Columns<'a> {
    issue_id: Vec<Uuid>,
    field_id: Vec<&'a str>,
    ordinal: Vec<i32>,
    value_id: Vec<Option<&'a str>>,
    value_text: Vec<Option<&'a str>>,
    value_key: Vec<Option<String>>,
    value_number: Vec<Option<f64>>,
    value_time: Vec<Option<DateTime<Utc>>>,
}

pub(super) async fn replace(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &[Planned<'_>],
    written: &HashSet<Uuid>,
    added: &HashSet<Uuid>,
) -> Result<()> {
    let leftovers = rewritten(written, added);
    if !leftovers.is_empty() {
        sqlx::query!("DELETE FROM issue_field_values WHERE issue_id = ANY($1)", &leftovers)
            .execute(&mut *conn)
            .await
            .map_err(convert)?;
    }

    let written = issues.iter().filter(|issue| written.contains(&issue.id));
    insert(conn, scope.tenant, written.map(|issue| (issue.id, issue.bundle.values.as_slice()))).await
}

/// Replaces the values of one issue.
pub(super) async fn replace_of_issue(
    conn: &mut PgConnection,
    tenant: Uuid,
    issue: Uuid,
    values: &[FieldValueRecord],
) -> Result<()> {
    sqlx::query!("DELETE FROM issue_field_values WHERE issue_id = $1", issue)
        .execute(&mut *conn)
        .await
        .map_err(convert)?;
    insert(conn, tenant, [(issue, values)]).await
}

async fn insert<'a>(
    conn: &mut PgConnection,
    tenant: Uuid,
    issues: impl IntoIterator<Item = (Uuid, &'a [FieldValueRecord])>,
) -> Result<()> {
    let mut columns = Columns::default();
    for (issue, values) in issues {
        for value in values {
            columns.issue_id.push(issue);
            columns.field_id.push(&value.field_id);
            columns.ordinal.push(value.ordinal);
            columns.value_id.push(value.value_id.as_deref());
            columns.value_text.push(value.text.as_deref());
            columns.value_key.push(value.text.as_deref().map(value_key));
            columns.value_number.push(value.number.filter(|number| number.is_finite()));
            columns.value_time.push(value.time);
        }
    }
    if columns.issue_id.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO issue_field_values (tenant_id, issue_id, field_id, ordinal, value_id, value_text, value_key,
                                         value_number, value_time)
         SELECT $1, u.issue_id, u.field_id, u.ordinal, u.value_id::varchar(255), u.value_text, u.value_key,
                u.value_number::numeric, u.value_time
         FROM UNNEST($2::uuid[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::float8[],
                     $9::timestamptz[])
              AS u (issue_id, field_id, ordinal, value_id, value_text, value_key, value_number, value_time)",
        tenant,
        columns.issue_id as _,
        columns.field_id as _,
        columns.ordinal as _,
        columns.value_id as _,
        columns.value_text as _,
        columns.value_key as _,
        columns.value_number as _,
        columns.value_time as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// The text as it is compared and ordered: lower-cased and cut.
fn value_key(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).take(KEY_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_lower_cased_and_cut_by_characters_not_bytes() {
        assert_eq!(value_key("Backend ÄÖÜ"), "backend äöü");
        let long = value_key(&"Ä".repeat(1000));
        assert_eq!(long, "ä".repeat(KEY_LENGTH));
    }
}
