//! Whether a mirror equals its source, row by row and field by field, with nothing extra.
//!
//! Ids of rows are each instance's own, and are compared by what they stand for: the issue's number, the account.

use domain::ids::InstanceId;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{
    differences::{Difference, pair},
    tables::{Compared, Expected, FORGOTTEN, NOT_COMPARED, REFERENCES, SHOWN, TABLES},
};
use crate::failure::Failure;

/// Rows that are looked at of each side of a table that differs.
const EXAMPLES: i64 = 50;
/// The comparisons of the hashes, which are beside those of the tables: what is shown as a whole, and what says that it is.
const HASHES: [(&str, &str, &str); 3] = [
    ("issues", "issues.source_hash", "c.changelog_envelope IS NOT DISTINCT FROM s.changelog_envelope"),
    ("comments", "comments.source_hash", "true"),
    ("worklogs", "worklogs.source_hash", "true"),
];
/// What others are called is theirs: of whatever a document shows with an id and a name, the id is compared.
const BARE: &str = r"
    CREATE OR REPLACE FUNCTION pg_temp.bare(v jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN RETURN CASE jsonb_typeof(v)
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(pg_temp.bare(e) ORDER BY o), '[]') FROM jsonb_array_elements(v) WITH ORDINALITY x(e, o))
        WHEN 'object' THEN CASE
            WHEN v ? 'accountId' THEN jsonb_build_object('accountId', v -> 'accountId')
            WHEN v ? 'displayName' THEN jsonb_build_object('key', coalesce(v -> 'key', v -> 'name'))
            WHEN v ? 'id' AND v ?| '{name,value}' THEN jsonb_build_object('id', v -> 'id', 'child', pg_temp.bare(v -> 'child'))
            ELSE pg_temp.within(v) END
        WHEN 'string' THEN to_jsonb(regexp_replace(v #>> '{}', '^com\.atlassian\.greenhopper.*[[,]id=(\d+),.*$', 'sprint \1'))
        ELSE v END;
    END $$;
    CREATE OR REPLACE FUNCTION pg_temp.within(v jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN
        IF jsonb_typeof(v) <> 'object' THEN RETURN v; END IF;
        RETURN (SELECT coalesce(jsonb_object_agg(k, pg_temp.bare(e)), '{}') FROM jsonb_each(v) x(k, e));
    END $$";

/// A source and its mirror.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    pub(super) source: InstanceId,
    pub(super) copy: InstanceId,
    /// Whether the source speaks as Server and Data Center do.
    pub(super) is_server: bool,
    /// Whether the source has gone back in time.
    pub(super) went_back: bool,
}

/// How a table compares.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) table: &'static str,
    /// Rows of the source.
    pub(super) rows: i64,
    /// Rows of the source that the copy has not, or has otherwise.
    pub(super) missing: i64,
    /// Rows of the copy that the source has not, or has otherwise.
    pub(super) extra: i64,
    /// Why nothing was compared.
    pub(super) left_out: Option<&'static str>,
    /// The first few, field by field.
    pub(super) differences: Vec<Difference>,
}

impl Comparison {
    pub(super) fn of(table: &'static str) -> Self {
        Self { table, rows: 0, missing: 0, extra: 0, left_out: None, differences: Vec::new() }
    }

    pub(super) fn differs(&self) -> bool {
        self.missing + self.extra > 0
    }
}

/// Compares everything that a sync brings.
///
/// # Errors
/// When the database does not answer, a table has a column of ids that is not named in [`REFERENCES`], or the source has rows in
/// a table that is neither compared nor named with a reason.
pub(super) async fn compare(owner: &mut PgConnection, sides: Sides) -> Result<Vec<Comparison>, Failure> {
    no_table_is_forgotten(owner, sides.source).await?;
    sqlx::raw_sql(BARE).execute(&mut *owner).await?;
    let mut comparisons = Vec::with_capacity(TABLES.len() + HASHES.len());
    for table in TABLES {
        let columns = columns(owner, table).await?;
        comparisons.push(compare_table(owner, table, &columns, sides).await?);
    }
    for (table, name, are_equal) in HASHES {
        comparisons.push(compare_hashes(owner, sides, (table, name, are_equal)).await?);
    }
    Ok(comparisons)
}

/// Every table that has rows of the source is compared, or named with the reason why not.
async fn no_table_is_forgotten(owner: &mut PgConnection, source: InstanceId) -> Result<(), Failure> {
    let known: Vec<&str> =
        TABLES.iter().map(|table| table.name).chain(NOT_COMPARED.iter().map(|(name, _)| *name)).collect();
    let found: Vec<(String, bool)> = sqlx::query_as(
        "SELECT c.relname::text, bool_or(a.attname = 'instance_id')
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('instance_id', 'issue_id')
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> ALL($1)
         GROUP BY c.relname",
    )
    .bind(&known)
    .fetch_all(&mut *owner)
    .await?;
    for (table, has_instance) in found {
        let of_source = match has_instance {
            true => "instance_id = $1",
            false => "issue_id IN (SELECT id FROM issues WHERE instance_id = $1)",
        };
        let sql = format!("SELECT EXISTS (SELECT FROM public.{table} WHERE {of_source})");
        if sqlx::query_scalar(AssertSqlSafe(sql)).bind(source.0).fetch_one(&mut *owner).await? {
            return Err(Failure::new(format!(
                "the source has rows in `{table}`, and nothing says whether a copy has them"
            ))
            .hint("add it to TABLES or to NOT_COMPARED in converge/tables.rs"));
        }
    }
    Ok(())
}

/// The hashes of those rows whose documents are equal to the last letter. What was written past the sandbox's doors has none there,
/// and whom it names by the name they had may have been renamed; by a source that went back in time, back to the name they had.
async fn compare_hashes(
    owner: &mut PgConnection,
    sides: Sides,
    (table, name, are_equal): (&str, &'static str, &str),
) -> Result<Comparison, Failure> {
    let rows: Vec<(String, bool, String, String)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT s.jira_id, s.source_hash = c.source_hash, encode(s.source_hash, 'hex'), encode(c.source_hash, 'hex')
         FROM {table} s JOIN {table} c ON c.instance_id = $2 AND c.jira_id = s.jira_id AND c.presence = 'present'
         WHERE s.instance_id = $1 AND s.presence = 'present' AND s.source_hash <> '' AND c.raw_jsonb = s.raw_jsonb
           AND {are_equal} AND NOT EXISTS (
               SELECT FROM users u
               WHERE (u.instance_id = s.instance_id AND u.display_name LIKE '% ~%'
                      OR $3 AND u.instance_id = c.instance_id AND u.updated_at > u.created_at)
                 AND (to_jsonb(s)::text LIKE '%' || u.account_id || '%' OR to_jsonb(s)::text LIKE '%' || u.id || '%'
                      OR to_jsonb(c)::text LIKE '%' || u.id || '%'))
         ORDER BY s.jira_number"
    )))
    .bind(sides.source.0)
    .bind(sides.copy.0)
    .bind(sides.went_back)
    .fetch_all(owner)
    .await?;
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let differing: Vec<Difference> = rows
        .into_iter()
        .filter(|(_, same, ..)| !same)
        .map(|(row, _, source, copy)| Difference {
            row,
            column: Some("source_hash".into()),
            source: Some(source),
            copy: Some(copy),
        })
        .collect();
    let count = i64::try_from(differing.len()).unwrap_or(i64::MAX);
    Ok(Comparison {
        rows: total,
        missing: count,
        extra: count,
        differences: differing,
        ..Comparison::of(name)
    })
}

/// The expressions that are compared of a row `t`, in the order of the columns.
async fn columns(owner: &mut PgConnection, table: &Compared) -> Result<Vec<String>, Failure> {
    let found = sqlx::query(
        "SELECT quote_ident(a.attname) AS name, a.atttypid = 'uuid'::regtype AS is_id, a.atttypid = 'jsonb'::regtype AS is_json
         FROM pg_attribute a
         WHERE a.attrelid = ('public.' || $1)::regclass AND a.attnum > 0 AND NOT a.attisdropped
           AND a.attname <> ALL($2) AND a.attname NOT IN ('id', 'tenant_id', 'instance_id', 'source_hash')
         ORDER BY a.attnum",
    )
    .bind(table.name)
    .bind(table.own)
    .fetch_all(owner)
    .await?;
    found
        .iter()
        .map(|row| {
            let (name, is_id): (String, bool) = (row.get("name"), row.get("is_id"));
            let shown = SHOWN.iter().find(|(of, column, _)| (*of, *column) == (table.name, name.as_str()));
            let shown = shown.map(|(_, _, expression)| (*expression).to_owned());
            if row.get("is_json") {
                let document = shown.unwrap_or_else(|| format!("t.{name}"));
                return Ok(format!("pg_temp.within({document}) AS {name}"));
            }
            if let Some(expression) = shown {
                return Ok(format!("{expression} AS {name}"));
            }
            if !is_id {
                return Ok(format!("t.{name}"));
            }
            let meant = REFERENCES.iter().find(|(columns, ..)| columns.contains(&name.as_str()));
            let (_, other, key) = meant.ok_or_else(|| {
                Failure::new(format!("`{}.{name}` is an id, and nothing says of what", table.name))
            })?;
            Ok(format!("(SELECT o.{key} FROM {other} o WHERE o.tenant_id = t.tenant_id AND o.id = t.{name}) AS {name}"))
        })
        .collect()
}

async fn compare_table(
    owner: &mut PgConnection,
    table: &Compared,
    columns: &[String],
    sides: Sides,
) -> Result<Comparison, Failure> {
    // Everything put in is a constant above or a name from the catalogue.
    let of_instance = match has_instance(owner, table.name).await? {
        true => "t.instance_id",
        false => "(SELECT i.instance_id FROM issues i WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id)",
    };
    let rows = |parameter: &str| {
        format!(
            "SELECT to_jsonb(r)::text AS r FROM (SELECT {} FROM {} t WHERE {of_instance} = {parameter} AND {}) r",
            columns.join(", "),
            table.name,
            table.present,
        )
    };
    let key: Vec<_> = table.key.iter().map(|column| format!("r::jsonb ->> '{column}'")).collect();
    let some = |of: &str| {
        format!("ARRAY(SELECT r::jsonb FROM {of} ORDER BY {} LIMIT {EXAMPLES}) AS some_{of}", key.join(", "))
    };
    let sql = format!(
        "WITH source AS MATERIALIZED ({}), copy AS MATERIALIZED ({}),
              missing AS MATERIALIZED (SELECT r FROM source EXCEPT ALL SELECT r FROM copy),
              extra AS MATERIALIZED (SELECT r FROM copy EXCEPT ALL SELECT r FROM source)
         SELECT (SELECT count(*) FROM source) AS rows, (SELECT count(*) FROM copy) AS copied,
                (SELECT count(*) FROM missing) AS missing, (SELECT count(*) FROM extra) AS extra, {}, {}",
        rows("$1"),
        rows("$2"),
        some("missing"),
        some("extra"),
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(sides.source.0)
        .bind(sides.copy.0)
        .fetch_one(&mut *owner)
        .await?;
    let left_out = match table.expected {
        Expected::OnCloud(reason) if sides.is_server => Some(reason),
        Expected::Within if sides.went_back => Some(FORGOTTEN),
        Expected::WhereSome(reason) if row.get::<i64, _>("copied") == 0 => Some(reason),
        _ => None,
    };
    if left_out.is_some() {
        return Ok(Comparison { left_out, ..Comparison::of(table.name) });
    }
    let (mut missing, extra): (i64, i64) = (row.get("missing"), row.get("extra"));
    let mut without: Vec<Value> = row.get("some_missing");
    let with: Vec<Value> = row.get("some_extra");
    if table.expected == Expected::Within {
        missing = 0;
        without.clear();
    }
    Ok(Comparison {
        table: table.name,
        rows: row.get("rows"),
        missing,
        extra,
        left_out,
        differences: pair(table.key, &without, &with),
    })
}

async fn has_instance(owner: &mut PgConnection, table: &str) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = ('public.' || $1)::regclass AND attname = 'instance_id')";
    Ok(sqlx::query_scalar(sql).bind(table).fetch_one(owner).await?)
}
