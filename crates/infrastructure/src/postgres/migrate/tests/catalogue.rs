//! The way back of each migration leaves what was there before it.

use super::{super::step::statements, *};

async fn catalogue(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(include_str!("../catalogue.sql")).fetch_all(connection).await.unwrap()
}

/// What only one of the two has.
fn difference(before: &[String], after: &[String]) -> Vec<String> {
    let lost = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let left = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    lost.chain(left).collect()
}

/// Migrations that mend rows and leave the catalogue alone.
const OF_ROWS_ALONE: [i64; 1] = [185];

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_of_each_migration_leaves_what_was_before_it() {
    let database = TestDatabase::create().await;
    let mut owner = database.connect(SUPERUSER).await;
    ensure_roles(&mut owner, &test_passwords()).await.unwrap();
    ensure_table(&mut owner).await.unwrap();
    let (all, patience) = (ours(), Patience::default());
    for up in ups(&all) {
        let down = down_of(&all, up.version).unwrap();
        let before = catalogue(&mut owner).await;
        step::apply(&mut owner, up, Some(down), patience).await.unwrap();
        let with = catalogue(&mut owner).await;
        let is_seen = before != with || OF_ROWS_ALONE.contains(&up.version);
        assert!(is_seen, "migration {} changes nothing that this test sees", up.version);
        step::revert(&mut owner, down, patience).await.unwrap();
        let back = catalogue(&mut owner).await;
        assert_eq!(difference(&before, &back), Vec::<String>::new(), "migration {}", up.version);
        step::apply(&mut owner, up, Some(down), patience).await.unwrap();
        assert_eq!(difference(&with, &catalogue(&mut owner).await), Vec::<String>::new(), "{}", up.version);
    }
    drop(owner);
    database.remove().await;
}

/// Tables that may have millions of rows.
pub(super) const LARGE: [&str; 9] = [
    "issues",
    "changelogs",
    "comments",
    "worklogs",
    "issue_links",
    "issue_field_values",
    "users",
    "audit_log",
    "webhook_inbox",
];
/// The migrations up to this one made those tables.
const FOUNDED: i64 = 7;

/// A live system goes on reading and writing while it is migrated.
#[test]
fn indexes_and_constraints_of_large_tables_are_made_online() {
    for up in ups(&ours()).filter(|up| up.version > FOUNDED) {
        assert_eq!(offline(up.sql.as_str(), up.no_tx), Vec::<String>::new(), "migration {}", up.version);
    }
}

/// What would stop a live system, or could not be begun again after an interruption.
fn offline(sql: &str, no_transaction: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut dropped = Vec::new();
    for statement in statements(sql) {
        let words: Vec<&str> =
            statement.split(|c: char| c.is_whitespace() || c == '(').filter(|w| !w.is_empty()).collect();
        let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
        let has = |phrase: &[&str]| upper.windows(phrase.len()).any(|window| window == phrase);
        let large = words.iter().any(|word| LARGE.contains(&word.trim_start_matches("public.")));
        if has(&["DROP", "INDEX", "CONCURRENTLY", "IF", "EXISTS"]) {
            dropped.extend(words.get(5).map(|name| name.trim_end_matches(';').to_owned()));
        }
        let creates_index = has(&["CREATE", "INDEX"]) || has(&["CREATE", "UNIQUE", "INDEX"]);
        if creates_index && has(&["INDEX", "CONCURRENTLY"]) {
            let at = upper.iter().position(|word| word == "CONCURRENTLY").unwrap();
            let name = words[at + 1];
            if !no_transaction || !dropped.iter().any(|dropped| dropped == name) {
                faults.push(format!(
                    "`{name}`: a half-made index stays after an interruption: begin the file with `-- no-transaction`, and \
                     DROP INDEX CONCURRENTLY IF EXISTS before CREATE INDEX CONCURRENTLY"
                ));
            }
        } else if creates_index && large {
            faults.push(format!("CREATE INDEX CONCURRENTLY instead of: {statement}"));
        }
        let adds_constraint = upper.first().is_some_and(|word| word == "ALTER")
            && (has(&["FOREIGN", "KEY"]) || has(&["CHECK"]))
            && !has(&["NOT", "VALID"])
            && !has(&["NOT", "VALID;"]);
        if adds_constraint && large && !has(&["ADD", "COLUMN"]) {
            faults.push(format!("add it NOT VALID, and VALIDATE it in the next migration: {statement}"));
        }
    }
    faults
}

#[test]
fn what_would_stop_a_live_system_is_seen() {
    for (sql, no_transaction, faults) in [
        ("CREATE INDEX i ON issues (tenant_id);", false, 1),
        ("CREATE INDEX i ON webhooks (tenant_id);", false, 0),
        ("CREATE INDEX CONCURRENTLY i ON issues (tenant_id);", true, 1),
        (
            "DROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE INDEX CONCURRENTLY i ON issues (tenant_id);",
            false,
            1,
        ),
        (
            "DROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE UNIQUE INDEX CONCURRENTLY i\n  ON issues (tenant_id);",
            true,
            0,
        ),
        ("ALTER TABLE comments ADD CONSTRAINT c CHECK (body_text <> '');", false, 1),
        ("ALTER TABLE comments ADD CONSTRAINT c CHECK (body_text <> '') NOT VALID;", false, 0),
        ("ALTER TABLE comments VALIDATE CONSTRAINT c;", false, 0),
    ] {
        assert_eq!(offline(sql, no_transaction).len(), faults, "{sql}: {:?}", offline(sql, no_transaction));
    }
}
