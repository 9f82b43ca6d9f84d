//! Whether a mirror equals its source, row by row and field by field, with nothing extra.
//!
//! Sandbox and mirror keep their rows in the same tables, so a table is compared by its own columns, as the catalogue lists
//! them: a column that is added is compared, or named here with the reason why not. Ids of rows are each instance's own, and are
//! compared by what they stand for: the issue's number, the account.

use domain::ids::InstanceId;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::failure::Failure;

/// Rows that are shown of each table that differs.
const EXAMPLES: i64 = 5;

/// A table that is compared.
struct Compared {
    name: &'static str,
    /// Columns that say when this copy was made, or are each side's own.
    own: &'static [&'static str],
    /// What a row must meet to count.
    present: &'static str,
}

const ALL: &str = "true";
const PRESENT: &str = "t.presence = 'present'";
const OF_PRESENT: &str = "EXISTS (SELECT FROM issues i WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id \
                          AND i.presence = 'present')";
const PRESENT_OF_PRESENT: &str = "t.presence = 'present' AND EXISTS (SELECT FROM issues i \
                                  WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id AND i.presence = 'present')";

/// Everything that a sync brings. Texts for search are made from other columns by the database.
const TABLES: &[Compared] = &[
    Compared { name: "issues", own: &["synced_at", "search"], present: PRESENT },
    Compared { name: "issue_field_values", own: &[], present: OF_PRESENT },
    Compared { name: "changelogs", own: &[], present: OF_PRESENT },
    Compared { name: "comments", own: &["synced_at", "search"], present: PRESENT_OF_PRESENT },
    Compared { name: "worklogs", own: &["synced_at"], present: PRESENT_OF_PRESENT },
    Compared { name: "attachments", own: &["synced_at"], present: PRESENT_OF_PRESENT },
    // A link's own row is stamped when it is first seen.
    Compared { name: "issue_links", own: &["created_at"], present: PRESENT },
    Compared { name: "issue_counts", own: &[], present: OF_PRESENT },
    // The source may also know keys that nobody told the mirror; see `unknown_aliases`.
    Compared { name: "statuses", own: &["updated_at"], present: PRESENT },
    Compared { name: "issue_types", own: &["updated_at"], present: PRESENT },
    Compared { name: "priorities", own: &["updated_at"], present: PRESENT },
    Compared { name: "resolutions", own: &["updated_at"], present: PRESENT },
    Compared { name: "custom_fields", own: &["updated_at", "created_at"], present: PRESENT },
    Compared { name: "projects", own: &["updated_at", "created_at"], present: PRESENT },
    Compared { name: "issue_link_types", own: &["updated_at"], present: ALL },
    Compared { name: "boards", own: &["updated_at"], present: PRESENT },
    Compared { name: "filters", own: &["updated_at"], present: PRESENT },
];

/// What ids in other tables' columns stand for.
const REFERENCES: &[(&[&str], &str, &str)] = &[
    (
        &["issue_id", "inward_issue_id", "outward_issue_id", "parent_issue_id"],
        "issues",
        "jira_id",
    ),
    (&["project_id"], "projects", "jira_id"),
    (&["author_id", "assignee_id", "reporter_id", "creator_id", "user_id"], "users", "account_id"),
];

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
    /// Some of both, as JSON.
    pub(super) examples: Vec<String>,
}

impl Comparison {
    pub(super) fn differs(&self) -> bool {
        self.missing + self.extra > 0
    }
}

/// Compares everything that a sync brings.
///
/// # Errors
/// When the database does not answer, or a table has a column of ids that is not named in [`REFERENCES`].
pub(super) async fn compare(
    owner: &mut PgConnection,
    source: InstanceId,
    copy: InstanceId,
) -> Result<Vec<Comparison>, Failure> {
    let mut comparisons = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        let columns = columns(owner, table).await?;
        comparisons.push(compare_table(owner, table, &columns, source, copy).await?);
    }
    Ok(comparisons)
}

/// The expressions that are compared of a row `t`, in the order of the columns.
async fn columns(owner: &mut PgConnection, table: &Compared) -> Result<Vec<String>, Failure> {
    let found = sqlx::query(
        "SELECT quote_ident(a.attname) AS name, a.atttypid = 'uuid'::regtype AS is_id
         FROM pg_attribute a
         WHERE a.attrelid = ('public.' || $1)::regclass AND a.attnum > 0 AND NOT a.attisdropped
           AND a.attname <> ALL($2) AND a.attname NOT IN ('id', 'tenant_id', 'instance_id')
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
            if !is_id {
                return Ok(format!("t.{name}"));
            }
            let meant = REFERENCES.iter().find(|(columns, ..)| columns.contains(&name.as_str()));
            let (_, other, key) = meant.ok_or_else(|| {
                Failure::new(format!("`{}.{name}` is an id, and nothing says of what", table.name))
            })?;
            Ok(format!("(SELECT o.{key} FROM {other} o WHERE o.id = t.{name}) AS {name}"))
        })
        .collect()
}

async fn compare_table(
    owner: &mut PgConnection,
    table: &Compared,
    columns: &[String],
    source: InstanceId,
    copy: InstanceId,
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
    let sql = format!(
        "WITH source AS MATERIALIZED ({}), copy AS MATERIALIZED ({}),
              missing AS (SELECT r FROM source EXCEPT ALL SELECT r FROM copy),
              extra AS (SELECT r FROM copy EXCEPT ALL SELECT r FROM source)
         SELECT (SELECT count(*) FROM source) AS rows,
                (SELECT count(*) FROM missing) AS missing, (SELECT count(*) FROM extra) AS extra,
                ARRAY(SELECT 'missing: ' || r FROM (SELECT r FROM missing ORDER BY r LIMIT {EXAMPLES}) x) ||
                ARRAY(SELECT 'extra: ' || r FROM (SELECT r FROM extra ORDER BY r LIMIT {EXAMPLES}) x) AS examples",
        rows("$1"),
        rows("$2"),
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(source.0).bind(copy.0).fetch_one(owner).await?;
    Ok(Comparison {
        table: table.name,
        rows: row.get("rows"),
        missing: row.get("missing"),
        extra: row.get("extra"),
        examples: row.get("examples"),
    })
}

async fn has_instance(owner: &mut PgConnection, table: &str) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = ('public.' || $1)::regclass AND attname = 'instance_id')";
    Ok(sqlx::query_scalar(sql).bind(table).fetch_one(owner).await?)
}
