//! The SQL door.

use std::time::Duration;

use application::{
    Error, TenantContext,
    instances::InstanceKind,
    ports::{Database, SqlAnswer, SqlLimits},
};
use domain::ids::TenantId;
use infrastructure::postgres::roles;
use serde_json::{Value, json};
use sqlx::{Executor, Row};
use uuid::Uuid;

use crate::{
    bundles::{changed, comment, issue, status_change},
    database::TestDatabase,
};

async fn ask(base: &TestDatabase, tenant: TenantId, sql: &str) -> SqlAnswer {
    base.db.ask(&TenantContext::whole(tenant), sql, SqlLimits::default()).await.unwrap()
}

async fn refusal(base: &TestDatabase, tenant: TenantId, sql: &str, limits: SqlLimits) -> String {
    let error = base.db.ask(&TenantContext::whole(tenant), sql, limits).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "sql"), "{sql}: {error}");
    error.to_string()
}

async fn fill(base: &TestDatabase, tenant: TenantId, name: &str, issues: u32) {
    let instance = base.instance(tenant, name, InstanceKind::Cloud).await;
    let page: Vec<_> = (1..=issues)
        .map(|n| {
            changed(&issue(n, &format!("PAY-{n}")), 0, |bundle| {
                bundle.comments = vec![comment(n, "text", 1)];
                bundle.histories = vec![status_change(n, 1, ("1", "To Do"), ("3", "Done"))];
            })
        })
        .collect();
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_question_sees_the_rows_of_its_tenant_only() {
    let base = TestDatabase::create().await;
    let (acme, other) = (base.tenant("acme").await, base.tenant("other").await);
    let empty = base.tenant("empty").await;
    fill(&base, acme, "acme-site", 3).await;
    fill(&base, other, "other-site", 5).await;
    for table in ["issues", "changelog", "comments", "jira.issues"] {
        let sql = format!("SELECT DISTINCT instance, count(*) OVER () FROM {table}");
        assert_eq!(ask(&base, acme, &sql).await.rows, [[json!("acme-site"), json!(3)]], "{table}");
        assert_eq!(ask(&base, other, &sql).await.rows, [[json!("other-site"), json!(5)]], "{table}");
        assert!(ask(&base, empty, &sql).await.rows.is_empty());
    }
    assert!(matches!(
        base.db.ask(&TenantContext::whole(TenantId(Uuid::new_v4())), "SELECT 1", SqlLimits::default()).await,
        Err(Error::NotFound { .. })
    ));
    base.remove().await;
}

/// The guard refuses such questions; this is what they would meet behind it.
#[tokio::test]
async fn behind_the_guard_a_session_without_the_right_ticket_sees_nothing_and_cannot_write() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    fill(&base, tenant, "acme-site", 3).await;
    refusal(&base, tenant, "SELECT set_config('app.sql_ticket', 'x', true)", SqlLimits::default()).await;

    let mut read = base.connect(roles::READ).await;
    let settings = [
        "SELECT 1".to_owned(),
        format!("SET app.sql_ticket = '{}'", Uuid::new_v4()),
        "SET app.sql_ticket = 'no uuid'".to_owned(),
        format!("SET app.sql_ticket = '{tenant}'"),
        format!("SET app.current_tenant_id = '{tenant}'"),
    ];
    for setting in settings {
        read.execute(sqlx::AssertSqlSafe(setting.clone())).await.unwrap();
        for table in ["jira.issues", "jira.comments", "jira.changelog"] {
            let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let rows: i64 = sqlx::query(sql).fetch_one(&mut read).await.unwrap().get(0);
            assert_eq!(rows, 0, "{table} after {setting}");
        }
    }
    for sql in [
        "SELECT * FROM tenants",
        "SELECT * FROM public.api_keys",
        "SELECT * FROM forebay.lead_time_view",
        "DELETE FROM jira.issues",
        "CREATE TABLE jira.x (a int)",
        "CREATE FUNCTION jira.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE forebay_app",
    ] {
        assert!(read.execute(sql).await.is_err(), "{sql}");
    }
    base.remove().await;
}

/// PostgreSQL plans with workers where there are many rows; here it is made to.
#[tokio::test]
async fn the_ticket_is_good_for_parallel_workers_too() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    fill(&base, tenant, "acme-site", 30).await;
    let mut admin = base.superuser().await;
    let ticket: Uuid =
        sqlx::query_scalar("SELECT sql_ticket FROM tenants").fetch_one(&mut admin).await.unwrap();
    let mut read = base.connect(roles::READ).await;
    read.execute(sqlx::AssertSqlSafe(format!("SET app.sql_ticket = '{ticket}'"))).await.unwrap();
    read.execute(
        "SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0; SET parallel_setup_cost = 0;
         SET parallel_tuple_cost = 0; SET enable_indexscan = off; SET enable_indexonlyscan = off;
         SET enable_bitmapscan = off",
    )
    .await
    .unwrap();
    let sql = "SELECT count(*) FROM jira.changelog";
    let plan: Vec<String> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {sql}"))).fetch_all(&mut read).await.unwrap();
    assert!(plan.iter().any(|line| line.contains("Workers Planned")), "{plan:#?}");
    let rows: i64 = sqlx::query(sql).fetch_one(&mut read).await.unwrap().get(0);
    assert_eq!(rows, 30);
    base.remove().await;
}

#[tokio::test]
async fn an_answer_has_its_columns_in_order_and_each_value_in_its_json_form() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    fill(&base, tenant, "acme-site", 1).await;
    let answer = ask(
        &base,
        tenant,
        "SELECT key, key, created, labels, raw -> 'id' AS raw_id, story_points, due, 1.5::float8 AS f, true AS b,
                interval '1 day' AS i, ARRAY[1, 2] AS n, NULL AS nothing
         FROM issues",
    )
    .await;
    assert_eq!(
        answer.columns,
        ["key", "key", "created", "labels", "raw_id", "story_points", "due", "f", "b", "i", "n", "nothing"]
    );
    let expected = json!([
        "PAY-1",
        "PAY-1",
        "2026-03-02T09:00:00Z",
        ["Backend", "urgent, really"],
        "1",
        3,
        null,
        1.5,
        true,
        "1 day",
        [1, 2],
        null
    ]);
    assert_eq!(Value::from(answer.rows[0].clone()), expected);
    assert!(!answer.truncated);

    let nothing = ask(&base, tenant, "SELECT key, summary FROM issues WHERE false;").await;
    assert_eq!((nothing.columns.len(), nothing.rows.len(), nothing.truncated), (2, 0, false));
    let line_comment = ask(&base, tenant, "SELECT 1 AS one -- ; done").await;
    assert_eq!(line_comment.rows, [[json!(1)]]);
    base.remove().await;
}

#[tokio::test]
async fn an_answer_ends_at_the_caps_and_says_so() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let rows = |max_rows| SqlLimits { max_rows, ..Default::default() };
    let series = |n: i32| format!("SELECT g FROM generate_series(1, {n}) AS g");
    for (n, cap, expected) in
        [(250, 250, (250, false)), (251, 250, (250, true)), (200, 1000, (200, false)), (5, 0, (0, true))]
    {
        let answer = base.db.ask(&TenantContext::whole(tenant), &series(n), rows(cap)).await.unwrap();
        assert_eq!((answer.rows.len(), answer.truncated), expected, "{n} rows, {cap} allowed");
    }
    let bytes = SqlLimits { max_bytes: 10, ..Default::default() };
    let answer = base
        .db
        .ask(&TenantContext::whole(tenant), "SELECT 'abcd' FROM generate_series(1, 9)", bytes)
        .await
        .unwrap();
    assert_eq!((answer.rows.len(), answer.truncated), (2, true));
    base.remove().await;
}

#[tokio::test]
async fn a_wrong_question_is_answered_with_what_postgresql_says_and_where() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    fill(&base, tenant, "acme-site", 1).await;
    for (sql, part) in [
        ("SELECT nothing FROM issues", "column \"nothing\" does not exist (at character 8)"),
        ("SELECT sumary FROM issues", "(at character 8)"),
        ("SELECT 1/0", "division by zero"),
        ("SELECT key FROM issues WHERE key = 1", "operator does not exist"),
        ("SELECT 'x'::int FROM issues", "invalid input syntax"),
        ("SELECT (SELECT g FROM generate_series(1, 2) g)", "more than one row"),
        ("SELECT * FROM tenants", "issues, changelog, comments"),
    ] {
        let message = refusal(&base, tenant, sql, SqlLimits::default()).await;
        assert!(message.contains(part), "{sql}: {message}");
    }
    base.remove().await;
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_cancelled() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let limits = SqlLimits { timeout: Duration::from_millis(200), ..Default::default() };
    for sql in [
        "SELECT count(*) FROM generate_series(1, 1000000000)",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    ] {
        let message = refusal(&base, tenant, sql, limits).await;
        assert!(message.contains("took longer than 0.2 s"), "{message}");
    }
    // The connection is none the worse for it.
    assert_eq!(ask(&base, tenant, "SELECT 1 AS one").await.rows, [[json!(1)]]);
    base.remove().await;
}

/// A question that got past the guard could set the time-out of its session: here a view does it, between two batches.
async fn with_a_view_that_sheds_the_time_out(base: &TestDatabase) {
    let mut admin = base.superuser().await;
    admin
        .execute(
            "DROP VIEW jira.watchers;
             CREATE VIEW jira.watchers AS
                 SELECT g, CASE WHEN g = 1 THEN set_config('statement_timeout', '0', true) END AS shed,
                        CASE WHEN g > 20 THEN pg_sleep(600)::text END AS slept
                 FROM generate_series(1, 100) g;
             GRANT SELECT ON jira.watchers TO forebay_read;
             GRANT EXECUTE ON FUNCTION pg_sleep(double precision) TO forebay_read",
        )
        .await
        .unwrap();
}

/// How many of its questions PostgreSQL is at work on.
async fn questions_under_way(base: &TestDatabase) -> i64 {
    let counted = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'forebay_read' AND state <> 'idle'",
    );
    counted.fetch_one(&mut base.superuser().await).await.unwrap()
}

async fn until_none_is_under_way(base: &TestDatabase) {
    for _ in 0..200 {
        if questions_under_way(base).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(questions_under_way(base).await, 0, "a question runs on");
}

#[tokio::test]
async fn a_question_that_sheds_its_time_out_is_ended_from_outside() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    with_a_view_that_sheds_the_time_out(&base).await;
    let limits = SqlLimits { timeout: Duration::from_millis(500), ..Default::default() };
    // As many as there are connections, and once more.
    for _ in 0..3 {
        let sql = "SELECT * FROM watchers";
        let asked = tokio::time::timeout(Duration::from_secs(30), refusal(&base, tenant, sql, limits)).await;
        let message = asked.expect("it is over long before its sleep is");
        assert!(message.contains("took longer than 0.5 s"), "{message}");
    }
    until_none_is_under_way(&base).await;
    assert_eq!(ask(&base, tenant, "SELECT 1 AS one").await.rows, [[json!(1)]]);
    base.remove().await;
}

#[tokio::test]
async fn a_question_for_which_nobody_waits_any_more_is_ended() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let limits = SqlLimits { timeout: Duration::from_mins(5), ..Default::default() };
    let context = TenantContext::whole(tenant);
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000000)";
    tokio::select! {
        answer = base.db.ask(&context, endless, limits) => panic!("{answer:?}"),
        () = async {
            while questions_under_way(&base).await == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        } => {}
    }
    until_none_is_under_way(&base).await;
    base.remove().await;
}

/// What was a call of a function to PostgreSQL, and something else to the guard.
#[tokio::test]
async fn what_the_guard_has_read_is_what_postgresql_reads() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let (long, cut) = ("a".repeat(64), "a".repeat(63));
    // A function that answers something, so that a call would show.
    let call = "pg_column_size";
    for sql in [
        format!(r#"SELECT U&"\0067".{call} FROM generate_series(1, 9) g"#),
        format!("SELECT {cut}.{call} FROM generate_series(1, 9) {long}"),
        "SELECT g.pg_blocking_pids FROM generate_series(1, 9) g(\"pg_bloc\u{212a}ing_pids\")".to_owned(),
        "SELECT g.pg_bloc\u{212a}ing_pids FROM generate_series(1, 9) g(pg_blocking_pids)".to_owned(),
    ] {
        refusal(&base, tenant, &sql, SqlLimits::default()).await;
    }
    let same = ask(
        &base,
        tenant,
        "SELECT E'a\\'\\\\b', 'c\\d''e', $x$f\\'$x$, 1_000, \"G\" FROM (VALUES (1)) AS \"h\"(\"G\")",
    )
    .await;
    assert_eq!(same.rows, [[json!("a'\\b"), json!("c\\d'e"), json!("f\\'"), json!(1000), json!(1)]]);
    base.remove().await;
}

#[tokio::test]
async fn a_row_that_is_too_large_is_never_sent() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    fill(&base, tenant, "acme-site", 2).await;
    // So long that a busy machine does not decide.
    let limits = SqlLimits { timeout: Duration::from_mins(2), ..SqlLimits::default() };
    let doubling = "WITH RECURSIVE r AS (SELECT 'abcdefgh' AS t UNION ALL SELECT t || t FROM r WHERE length(t) < 10000000)";
    for sql in [
        // The value that makes it large is called as the row itself is inside.
        format!("{doubling} SELECT t AS forebay_row FROM r WHERE length(t) > 1000000"),
        "SELECT string_agg(g::text, ',') FROM generate_series(1, 500000) g".into(),
        "SELECT array_agg(g), 'x' FROM generate_series(1, 500000) g".into(),
        "SELECT jsonb_agg(i.raw) FROM issues i, generate_series(1, 10000)".into(),
    ] {
        let message = refusal(&base, tenant, &sql, limits).await;
        assert!(
            message.contains("one row is larger than an answer may be (1000000 bytes)"),
            "{sql}: {message}"
        );
    }
    // After rows that fit, it is where the answer ends (to a batch); and one that nobody asked for stops nothing.
    let sql = format!("{doubling} SELECT length(t), t FROM r");
    let answer = base.db.ask(&TenantContext::whole(tenant), &sql, limits).await.unwrap();
    assert!(answer.truncated && answer.rows.len() >= 10, "{}", answer.rows.len());
    let first = ask(&base, tenant, &format!("{doubling} SELECT t FROM r LIMIT 1")).await;
    assert_eq!((first.rows.len(), first.truncated), (1, false));
    // Names of columns mean nothing to the measure, and neither do rows of nothing.
    let odd = ask(&base, tenant, "SELECT 1 AS asked, 2 AS forebay_row, NULL AS asked").await;
    assert_eq!(odd.rows, [[json!(1), json!(2), Value::Null]]);
    assert_eq!(ask(&base, tenant, "SELECT NULL AS a, NULL AS b;").await.rows, [[Value::Null, Value::Null]]);
    base.remove().await;
}

#[tokio::test]
async fn rows_keep_the_order_they_were_asked_in() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    fill(&base, tenant, "acme-site", 60).await;
    let answer = ask(&base, tenant, "SELECT id::int AS id FROM issues ORDER BY id::int DESC").await;
    let ids: Vec<i64> = answer.rows.iter().map(|row| row[0].as_i64().unwrap()).collect();
    assert_eq!(ids, (1..=60).rev().collect::<Vec<_>>());
    base.remove().await;
}
