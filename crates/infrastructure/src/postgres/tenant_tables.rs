//! What the catalogue says of the tables of tenants: those that walk all of them must not depend on a list that somebody
//! forgets to keep.

use application::{
    Result,
    erasure::{Column, ColumnKind, TenantTable},
};
use sqlx::PgConnection;

use super::errors::convert;

/// Every table with a `tenant_id`, by name.
pub(super) async fn tenant_tables(conn: &mut PgConnection) -> Result<Vec<TenantTable>> {
    let rows = sqlx::query!(
        r#"SELECT c.relname::text AS "name!",
                  has_table_privilege('forebay_app', c.oid, 'UPDATE') AS "changeable!",
                  has_table_privilege('forebay_app', c.oid, 'DELETE') AS "removable!",
                  ARRAY(SELECT a.attname::text FROM pg_index i
                        CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
                        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attname <> 'tenant_id'
                        ORDER BY k.place) AS "key!",
                  ARRAY(SELECT a.attname::text FROM pg_attribute a
                        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                        ORDER BY a.attnum) AS "columns!",
                  ARRAY(SELECT CASE WHEN t.typcategory = 'A' THEN 'list' ELSE t.typname::text END
                        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                        ORDER BY a.attnum) AS "types!"
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
             AND EXISTS (SELECT FROM pg_attribute a
                         WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
           ORDER BY c.relname"#
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let tables = rows.into_iter().map(|row| TenantTable {
        name: row.name,
        key: row.key,
        columns: row
            .columns
            .into_iter()
            .zip(row.types)
            .map(|(name, of)| Column { kind: kind(&name, &of), name })
            .collect(),
        changeable: row.changeable,
        removable: row.removable,
    });
    Ok(tables.collect())
}

fn kind(column: &str, of: &str) -> ColumnKind {
    match of {
        "uuid" => ColumnKind::Uuid,
        "text" | "varchar" | "bpchar" => ColumnKind::Text,
        "json" | "jsonb" => ColumnKind::Json,
        "list" => ColumnKind::List,
        "bytea" if column == "source_hash" => ColumnKind::SourceHash,
        _ => ColumnKind::Other,
    }
}

/// Lets the statements of this transaction take rows in the order of an index and stop when they have enough. A bitmap or a sort
/// would read all that is left of a large table for each batch, and a plain scan all that was removed before.
pub(super) async fn take_in_order(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "SELECT set_config('enable_bitmapscan', 'off', true) AS bitmap, set_config('enable_seqscan', 'off', true) AS scan,
                set_config('enable_sort', 'off', true) AS sort"
    )
    .fetch_one(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// A table whose rows point to those of another one.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// Whose rows point.
    pub(super) from: String,
    /// By which column, besides the tenant.
    pub(super) column: String,
    /// Where they point.
    pub(super) to: String,
}

/// The foreign keys among the tables of tenants, and what names an issue without one (migration 0140).
pub(super) async fn references(conn: &mut PgConnection) -> Result<Vec<Reference>> {
    sqlx::query_as!(
        Reference,
        r#"SELECT f.conrelid::regclass::text AS "from!", a.attname::text AS "column!", f.confrelid::regclass::text AS "to!"
           FROM pg_constraint f
           JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)
           WHERE f.contype = 'f' AND n.nspname = 'public' AND a.attname <> 'tenant_id' AND NOT c.relispartition
           UNION
           SELECT c.oid::regclass::text, a.attname::text, 'issues'
           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
             AND a.attname = 'issue_id' AND NOT a.attisdropped
           ORDER BY 1, 2"#
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// The tables in an order in which each comes before those that its rows point to.
pub(super) fn pointing_first(mut tables: Vec<String>, references: &[Reference]) -> Vec<String> {
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let is_pointed_to = |table: &String| {
            references.iter().any(|r| r.to == *table && r.from != *table && tables.contains(&r.from))
        };
        let (later, now): (Vec<_>, Vec<_>) = tables.iter().cloned().partition(is_pointed_to);
        // A circle has no order; the database then says what is in the way.
        if now.is_empty() {
            ordered.extend(later);
            break;
        }
        ordered.extend(now);
        tables = later;
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_before_those_they_point_to() {
        let points =
            |from: &str, to: &str| Reference { from: from.into(), column: "id".into(), to: to.into() };
        let references = [
            points("comments", "issues"),
            points("issues", "users"),
            points("users", "sites"),
            points("issues", "issues"),
        ];
        let tables = ["sites", "users", "issues", "comments", "alone"].map(str::to_owned).to_vec();
        assert_eq!(pointing_first(tables, &references), ["comments", "alone", "issues", "users", "sites"]);
        let circle = [points("a", "b"), points("b", "a")];
        assert_eq!(pointing_first(vec!["a".into(), "b".into()], &circle).len(), 2);
    }
}
