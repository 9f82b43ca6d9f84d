//! Whether a mirror equals its source, row by row and field by field, with nothing extra.
//!
//! Sandbox and mirror keep their rows in the same tables, so a table is compared by its own columns, as the catalogue lists
//! them: a column that is added is compared, or named here with the reason why not. Ids of rows are each instance's own, and are
//! compared by what they stand for: the issue's number, the account.

use domain::ids::InstanceId;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::differences::{Difference, pair};
use crate::failure::Failure;

/// Rows that are looked at of each side of a table that differs.
const EXAMPLES: i64 = 50;

/// What a table must be like at the copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The same rows.
    Equal,
    /// No row that the source has not; it may know more than it has told.
    Within,
    /// The same rows, once the mirror fetches them at all: it has read this list to its end.
    WhereRead(&'static str),
    /// The same rows, once the mirror has some.
    WhereSome,
}

/// A table that is compared.
struct Compared {
    name: &'static str,
    /// What a row is known by on both sides.
    key: &'static [&'static str],
    /// Columns that say when this copy was made, or are each side's own.
    own: &'static [&'static str],
    /// What a row must meet to count.
    present: &'static str,
    expected: Expected,
}

const ALL: &str = "true";
const PRESENT: &str = "t.presence = 'present'";
const OF_PRESENT: &str = "EXISTS (SELECT FROM issues i WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id \
                          AND i.presence = 'present')";
const PRESENT_OF_PRESENT: &str = "t.presence = 'present' AND EXISTS (SELECT FROM issues i \
                                  WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id AND i.presence = 'present')";
const COUNTED_OF_PRESENT: &str = "(t.watchers > 0 OR t.votes > 0) AND EXISTS (SELECT FROM issues i \
                                  WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id AND i.presence = 'present')";

const fn equal(
    name: &'static str,
    key: &'static [&'static str],
    own: &'static [&'static str],
    present: &'static str,
) -> Compared {
    Compared { name, key, own, present, expected: Expected::Equal }
}

/// A roster that every mirror fetches.
const fn roster(name: &'static str, key: &'static [&'static str], own: &'static [&'static str]) -> Compared {
    equal(name, key, own, PRESENT)
}

const fn where_read(list: &'static str, table: Compared) -> Compared {
    Compared { expected: Expected::WhereRead(list), ..table }
}

const fn where_some(table: Compared) -> Compared {
    Compared { expected: Expected::WhereSome, ..table }
}

const fn within(table: Compared) -> Compared {
    Compared { expected: Expected::Within, ..table }
}

const ID: &[&str] = &["jira_id"];

/// Everything that a sync brings. Texts for search are made from other columns by the database.
const TABLES: &[Compared] = &[
    // The hash is that of the document and the changelog's envelope before keys are shown as they are now; both are compared.
    equal("issues", ID, &["synced_at", "observed_at", "search", "source_hash"], PRESENT),
    equal("issue_field_values", &["issue_id", "field_id", "ordinal"], &[], OF_PRESENT),
    equal("changelogs", &["issue_id", "jira_id", "ordinal"], &[], OF_PRESENT),
    equal("comments", ID, &["synced_at", "search"], PRESENT_OF_PRESENT),
    equal("worklogs", ID, &["synced_at"], PRESENT_OF_PRESENT),
    equal("attachments", ID, &["synced_at"], PRESENT_OF_PRESENT),
    // A link's own row is stamped when it is first seen.
    equal("issue_links", ID, &["created_at"], PRESENT),
    // An issue without a row has neither watchers nor votes.
    equal("issue_counts", &["issue_id"], &[], COUNTED_OF_PRESENT),
    roster("statuses", ID, &["updated_at"]),
    roster("issue_types", ID, &["updated_at"]),
    roster("priorities", ID, &["updated_at"]),
    roster("resolutions", ID, &["updated_at"]),
    roster("custom_fields", &["field_key"], &["updated_at", "created_at"]),
    roster("projects", ID, &["updated_at", "created_at"]),
    equal("issue_link_types", ID, &["updated_at"], ALL),
    // The source also knows keys under which the mirror never saw an issue.
    within(equal("issue_key_aliases", &["key"], &["created_at"], OF_PRESENT)),
    where_read("project_parts", roster("components", ID, &["updated_at"])),
    where_read("project_parts", roster("versions", ID, &["updated_at"])),
    where_some(roster("boards", ID, &["updated_at"])),
    where_some(equal("board_sprints", &["board_id", "sprint_id"], &[], ALL)),
    where_read("board_sprints", roster("sprints", ID, &["updated_at"])),
    where_some(roster("filters", ID, &["updated_at"])),
    where_read("field_options", roster("field_contexts", &["field_key", "jira_id"], &["updated_at"])),
    where_read("field_options", roster("field_options", &["field_key", "jira_id"], &["updated_at"])),
    where_some(equal("watchers", &["issue_id", "user_id"], &[], OF_PRESENT)),
    where_some(equal("remote_links", &["issue_id", "jira_id"], &["synced_at"], PRESENT_OF_PRESENT)),
];

/// What ids in other tables' columns stand for.
const REFERENCES: &[(&[&str], &str, &str)] = &[
    (&["issue_id", "inward_issue_id", "outward_issue_id", "parent_issue_id"], "issues", "jira_id"),
    (&["project_id"], "projects", "jira_id"),
    (&["author_id", "assignee_id", "reporter_id", "creator_id", "user_id"], "users", "account_id"),
];

/// Columns that are compared as they are shown. An issue's document and a link hold the keys that the issues they name had when
/// they were stored; what they name is told by ids, and every door shows the key that it has now. So a key is compared as that of
/// the issue that is named, where there is its row.
const SHOWN: &[(&str, &str, &str)] = &[
    (
        "issues",
        "parent_key",
        "coalesce((SELECT p.key FROM issues p WHERE p.tenant_id = t.tenant_id AND p.id = t.parent_issue_id), t.parent_key)",
    ),
    (
        "issues",
        "epic_key",
        "CASE WHEN t.epic_key = t.parent_key THEN coalesce((SELECT p.key FROM issues p WHERE p.tenant_id = t.tenant_id AND p.id = t.parent_issue_id), t.epic_key) ELSE t.epic_key END",
    ),
    (
        "issues",
        "raw_jsonb",
        "coalesce(jsonb_set(t.raw_jsonb, '{fields,parent,key}', (SELECT to_jsonb(p.key) FROM issues p WHERE p.tenant_id = t.tenant_id AND p.id = t.parent_issue_id), false), t.raw_jsonb)",
    ),
    (
        "issue_links",
        "inward_key",
        "coalesce((SELECT i.key FROM issues i WHERE i.tenant_id = t.tenant_id AND i.id = t.inward_issue_id), t.inward_key)",
    ),
    (
        "issue_links",
        "outward_key",
        "coalesce((SELECT i.key FROM issues i WHERE i.tenant_id = t.tenant_id AND i.id = t.outward_issue_id), t.outward_key)",
    ),
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
    /// The mirror does not fetch these yet, so nothing was compared.
    pub(super) not_fetched: bool,
    /// The first few, field by field.
    pub(super) differences: Vec<Difference>,
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
            let shown = SHOWN.iter().find(|(of, column, _)| (*of, *column) == (table.name, name.as_str()));
            if let Some((_, _, expression)) = shown {
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
    let row = sqlx::query(AssertSqlSafe(sql)).bind(source.0).bind(copy.0).fetch_one(&mut *owner).await?;
    let not_fetched = match table.expected {
        Expected::Equal | Expected::Within => false,
        Expected::WhereSome => row.get::<i64, _>("copied") == 0,
        Expected::WhereRead(list) => !is_read(owner, copy, list).await?,
    };
    if not_fetched {
        return Ok(Comparison {
            table: table.name,
            rows: 0,
            missing: 0,
            extra: 0,
            not_fetched,
            differences: Vec::new(),
        });
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
        not_fetched,
        differences: pair(table.key, &without, &with),
    })
}

async fn has_instance(owner: &mut PgConnection, table: &str) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = ('public.' || $1)::regclass AND attname = 'instance_id')";
    Ok(sqlx::query_scalar(sql).bind(table).fetch_one(owner).await?)
}

/// Whether a mirror has read one of the lists that cost requests of their own. Until it does, it has of them what hangs on issues.
async fn is_read(owner: &mut PgConnection, copy: InstanceId, list: &str) -> Result<bool, Failure> {
    let known = "SELECT to_regclass('public.reference_reads') IS NOT NULL";
    if !sqlx::query_scalar::<_, bool>(known).fetch_one(&mut *owner).await? {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT FROM reference_reads
                              WHERE instance_id = $1 AND list = $2 AND read_at IS NOT NULL AND note IS NULL)";
    Ok(sqlx::query_scalar(sql).bind(copy.0).bind(list).fetch_one(owner).await?)
}
