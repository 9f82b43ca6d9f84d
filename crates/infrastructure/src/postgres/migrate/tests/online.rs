//! What rewrites or reads the whole of a large table while it is locked is known, in both directions.

use super::{catalogue::LARGE, *};

/// How a statement keeps everybody waiting for as long as the table is large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wait {
    /// A stored generated column is computed for every row: add a plain one, fill it in batches.
    StoredColumn,
    /// Another type rewrites the table: add a column beside it.
    Type,
    /// `SET NOT NULL` reads the table: add `CHECK (… IS NOT NULL) NOT VALID`, and validate it in the next migration.
    NotNull,
    /// A unique constraint builds its index under the lock: make the index concurrently, then `ADD … USING INDEX`.
    Unique,
    /// One statement for all rows is one transaction for all rows: leave it to a job, in batches.
    Rows,
}

/// Those that stand, from before there was anybody to wait: migration, whether it is its way back, table, and why it waits.
const KNOWN: &[(i64, bool, &str, Wait)] = &[
    (11, true, "changelogs", Wait::Rows),
    (11, true, "comments", Wait::Unique),
    (11, true, "comments", Wait::Rows),
    (11, true, "worklogs", Wait::Unique),
    (11, true, "worklogs", Wait::Rows),
    (16, false, "users", Wait::StoredColumn),
    (28, false, "users", Wait::StoredColumn),
    (32, true, "changelogs", Wait::NotNull),
    (32, true, "changelogs", Wait::Rows),
    (32, true, "issues", Wait::Rows),
    (34, true, "issue_links", Wait::Unique),
    (34, true, "issues", Wait::Unique),
    (67, true, "changelogs", Wait::Rows),
    (86, false, "issue_field_values", Wait::Rows),
    (86, true, "issue_field_values", Wait::Rows),
];
/// The migrations up to this one made those tables.
const FOUNDED: i64 = 7;

#[test]
fn no_migration_but_those_that_are_known_holds_a_large_table_while_it_goes_through_it() {
    let mut found = Vec::new();
    for step in ours().iter().filter(|step| step.version > FOUNDED) {
        let is_down = step.migration_type.is_down_migration();
        found.extend(
            waits(step.sql.as_str()).into_iter().map(|(table, wait)| (step.version, is_down, table, wait)),
        );
    }
    found.sort();
    let found: Vec<_> =
        found.iter().map(|(at, down, table, wait)| (*at, *down, table.as_str(), *wait)).collect();
    assert_eq!(found, KNOWN);
}

/// Which large tables a migration goes through, and how.
fn waits(sql: &str) -> Vec<(String, Wait)> {
    outside_of_functions(sql)
        .iter()
        .filter_map(|statement| {
            let words: Vec<String> = statement
                .split(|c: char| c.is_whitespace() || c == '(')
                .filter(|word| !word.is_empty())
                .map(|word| word.trim_end_matches([';', ',']).to_ascii_lowercase())
                .collect();
            let word = |place: usize| words.get(place).map_or("", String::as_str);
            let named = match (word(0), word(1)) {
                ("alter", "table") => words[2..]
                    .iter()
                    .find(|word| !["if", "exists", "only"].contains(&word.as_str()))?
                    .as_str(),
                ("update", "only") | ("insert", "into") | ("delete", "from") => word(2),
                ("update", table) => table,
                _ => return None,
            };
            let table = LARGE.iter().find(|large| **large == named.trim_start_matches("public."))?;
            Some((table.to_string(), wait(&words)?))
        })
        .collect()
}

fn wait(words: &[String]) -> Option<Wait> {
    let text = words.join(" ");
    let has = |phrase: &str| format!(" {text} ").contains(&format!(" {phrase} "));
    match words.first()?.as_str() {
        "alter" if has("stored") => Some(Wait::StoredColumn),
        "alter" if has("set not null") => Some(Wait::NotNull),
        "alter" if has("alter column") && has("type") => Some(Wait::Type),
        "alter"
            if has("add")
                && !has("using index")
                && ["unique", "primary key", "exclude"].iter().any(|kind| has(kind)) =>
        {
            Some(Wait::Unique)
        }
        "update" | "delete" => Some(Wait::Rows),
        "insert" if has("select") => Some(Wait::Rows),
        _ => None,
    }
}

/// The statements of a file, without bodies of functions: what those do, they do later.
fn outside_of_functions(sql: &str) -> Vec<String> {
    let (mut statements, mut lines, mut quoted) = (Vec::new(), Vec::new(), false);
    for line in sql.lines().filter(|line| !line.trim_start().starts_with("--")) {
        if !quoted {
            lines.push(line);
        }
        if line.matches("$$").count() % 2 == 1 {
            quoted = !quoted;
        }
        if !quoted && line.trim_end().ends_with(';') {
            statements.push(std::mem::take(&mut lines).join("\n"));
        }
    }
    statements.push(lines.join("\n"));
    statements
}

#[test]
fn what_holds_a_large_table_is_seen() {
    for (sql, wait) in [
        (
            "ALTER TABLE issues ADD COLUMN a text GENERATED ALWAYS AS (lower(key)) STORED;",
            Some(Wait::StoredColumn),
        ),
        ("ALTER TABLE webhooks ADD COLUMN a text GENERATED ALWAYS AS (lower(key)) STORED;", None),
        ("ALTER TABLE public.issues\n    ALTER COLUMN key TYPE text;", Some(Wait::Type)),
        ("ALTER TABLE issues ALTER COLUMN key SET DATA TYPE text;", Some(Wait::Type)),
        ("ALTER TABLE issues ALTER COLUMN key SET NOT NULL;", Some(Wait::NotNull)),
        ("ALTER TABLE issues ADD CONSTRAINT i UNIQUE (tenant_id, key);", Some(Wait::Unique)),
        ("ALTER TABLE issues ADD CONSTRAINT i UNIQUE USING INDEX i;", None),
        ("ALTER TABLE issues ADD COLUMN a text;", None),
        ("UPDATE issues SET key = lower(key);", Some(Wait::Rows)),
        ("DELETE FROM users;", Some(Wait::Rows)),
        ("INSERT INTO audit_log (id)\nSELECT gen_random_uuid() FROM issues;", Some(Wait::Rows)),
        ("INSERT INTO audit_log (id) VALUES (gen_random_uuid());", None),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$\nUPDATE issues SET key = '';\n$$;", None),
    ] {
        assert_eq!(waits(sql).first().map(|(_, wait)| *wait), wait, "{sql}");
    }
}
