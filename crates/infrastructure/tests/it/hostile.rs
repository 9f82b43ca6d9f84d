//! A session of `forebay_read` that tries what it must not: with the power of psql, so past the guard of the SQL door; and
//! through the door.

use application::{
    Error, TenantContext,
    instances::InstanceKind,
    ports::{Database, SqlLimits},
};
use domain::ids::TenantId;
use infrastructure::postgres::roles;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};
use uuid::Uuid;

use crate::{
    bundles::{changed, comment, issue, status_change},
    database::TestDatabase,
};

/// What the other tenant has, and nobody else may see.
const SECRET: &str = "takeover of globex";

async fn fill(base: &TestDatabase, tenant: TenantId, site: &str, summary: &str) {
    let instance = base.instance(tenant, site, InstanceKind::Cloud).await;
    let page = [changed(&issue(1, "PAY-1"), 0, |bundle| {
        bundle.issue.summary = summary.into();
        bundle.comments = vec![comment(1, summary, 1)];
        bundle.histories = vec![status_change(1, 1, ("1", "To Do"), ("3", "Done"))];
    })];
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.commit().await.unwrap();
}

/// Two tenants, and a session of the SQL door's role that holds the ticket of the first.
async fn hostile(base: &TestDatabase) -> (TenantId, TenantId, PgConnection) {
    let (acme, other) = (base.tenant("acme").await, base.tenant("other").await);
    fill(base, acme, "acme-site", "ours").await;
    fill(base, other, "other-site", SECRET).await;
    base.refresh_metrics().await;
    let mut session = base.connect(roles::READ).await;
    let ticket = ticket_of(base, acme).await;
    session.execute(AssertSqlSafe(format!("SET app.sql_ticket = '{ticket}'"))).await.unwrap();
    (acme, other, session)
}

async fn ticket_of(base: &TestDatabase, tenant: TenantId) -> Uuid {
    sqlx::query_scalar("SELECT sql_ticket FROM tenants WHERE id = $1")
        .bind(tenant.0)
        .fetch_one(&mut base.superuser().await)
        .await
        .unwrap()
}

/// What PostgreSQL itself must refuse, with its code: 42501 insufficient privilege, 25006 read-only, 42P01 unknown, 42883 no
/// such function, 0A000 not there.
const REFUSED: &[&str] = &[
    // Becoming somebody else.
    "SET ROLE forebay_app",
    "SET ROLE forebay_definer",
    "SET SESSION AUTHORIZATION forebay_app",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE forebay_read SUPERUSER",
    "ALTER ROLE forebay_app PASSWORD 'x'",
    "CREATE ROLE mine",
    "GRANT forebay_app TO forebay_read",
    "SET session_replication_role = replica",
    "SET track_activities = off",
    "SET log_statement = 'none'",
    "ALTER SYSTEM SET row_security = off",
    "ALTER DATABASE postgres SET row_security = off",
    // Reading past the views.
    "SELECT * FROM public.issues",
    "SELECT * FROM public.tenants",
    "SELECT * FROM public.api_keys",
    "SELECT * FROM public.jira_instances",
    "SELECT * FROM public.lead_time_view",
    "SELECT * FROM forebay.lead_time_view",
    "SELECT * FROM forebay.issue_metrics",
    "SELECT * FROM graphile_worker.jobs",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_user_mapping",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('base')",
    "SELECT current_setting('data_directory')",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "COPY public.issues TO STDOUT",
    "SELECT dblink('dbname=postgres', 'SELECT 1')",
    "LOAD 'auto_explain'",
    "CREATE EXTENSION dblink",
    // What other sessions ask and do.
    "SELECT * FROM pg_stat_activity",
    "SELECT pg_stat_get_backend_activity(1)",
    "SELECT * FROM pg_locks",
    "SELECT * FROM pg_stat_progress_create_index",
    "SELECT pg_cancel_backend(pg_backend_pid())",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    // Standing in the way of others.
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_xact_lock(1, 2)",
    "SELECT pg_sleep(1)",
    "SELECT pg_notify('x', 'y')",
    "BEGIN; LOCK TABLE jira.issues IN ACCESS EXCLUSIVE MODE",
    "SELECT * FROM jira.issues FOR UPDATE",
    "CHECKPOINT",
    // Writing.
    "INSERT INTO jira.comments (body) VALUES ('x')",
    "UPDATE jira.issues SET summary = 'x'",
    "DELETE FROM jira.issues",
    "TRUNCATE public.issues",
    "DROP VIEW jira.issues",
    "ALTER VIEW jira.issues SET (security_invoker = false)",
    "CREATE OR REPLACE VIEW jira.issues AS SELECT 1 AS one",
    "COMMENT ON VIEW jira.issues IS 'x'",
    "ALTER TABLE public.issues DISABLE ROW LEVEL SECURITY",
    "CREATE POLICY mine ON public.issues USING (true)",
    "SELECT lo_create(4711)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_get(4711)",
    "SELECT pg_logical_emit_message(false, 'x', 'y')",
    "SELECT pg_create_logical_replication_slot('x', 'test_decoding')",
    // Making what would run as, or beside, others.
    "CREATE TEMP TABLE t (a int)",
    "CREATE TEMP VIEW v AS SELECT 1",
    "SELECT 1 AS a INTO TEMP t",
    "CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END'",
    "CREATE FUNCTION jira.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION forebay.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OPERATOR jira.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = textne)",
    "CREATE SCHEMA mine",
    "CREATE TYPE jira.t AS (a int)",
    "CREATE TABLE jira.t (a int)",
    "CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION f()",
    "CREATE PUBLICATION p FOR ALL TABLES",
    "CREATE SERVER s FOREIGN DATA WRAPPER w",
    // Forebay's own functions.
    "SELECT forebay.protect('public.issues')",
    "SELECT forebay.active_mirrors()",
    "SELECT forebay.tenant_of_instance(gen_random_uuid())",
    "SELECT forebay.search_issues('takeover', true)",
    "SELECT forebay.search_comments('takeover')",
    "SELECT forebay.refresh_metrics()",
    "SELECT forebay.freshness_gauges()",
    "SELECT forebay.site_gauges()",
    "SELECT forebay.due_mirrors(now())",
    "SELECT forebay.queued_jobs(NULL, NULL, NULL, NULL, 1)",
    "SELECT forebay.retry_job(NULL, 1, 1)",
    "SELECT forebay.drop_job(NULL, 1)",
    "SELECT forebay.gather_statistics()",
    "SELECT forebay.enqueue_job('poll', '{}', null, 'key', 0, null, 3)",
];

#[tokio::test]
async fn postgresql_refuses_a_session_that_is_past_the_guard() {
    let base = TestDatabase::create().await;
    let (.., mut session) = hostile(&base).await;
    // What is merely the default of the role is taken off first.
    session.execute("SET default_transaction_read_only = off").await.unwrap();
    for sql in REFUSED {
        let error = match session.execute(*sql).await {
            Ok(_) => panic!("{sql} was not refused"),
            Err(sqlx::Error::Database(error)) => error,
            Err(error) => panic!("{sql}: {error}"),
        };
        let code = error.code().unwrap().into_owned();
        let refusals = ["42501", "25006", "42P01", "42883", "0A000", "42704", "25001", "55000", "3F000"];
        assert!(refusals.contains(&code.as_str()), "{sql}: {code} {error}");
        session.execute("ROLLBACK").await.unwrap();
    }
    base.remove().await;
}

/// Whatever the session sets, it sees its own rows, or none.
#[tokio::test]
async fn no_setting_shows_the_rows_of_another_tenant() {
    let base = TestDatabase::create().await;
    let (acme, other, mut session) = hostile(&base).await;
    let own = ticket_of(&base, acme).await;
    let mut guessed = *own.as_bytes();
    guessed[15] ^= 1;
    let settings = [
        "SET row_security = off".to_owned(),
        format!("SELECT set_config('app.current_tenant_id', '{other}', false)"),
        format!("SET app.current_tenant_id = '{other}'"),
        "SET search_path = public, forebay, jira".into(),
        "SET search_path = pg_temp".into(),
        "SET check_function_bodies = off".into(),
        "SET enable_seqscan = off".into(),
        "SET plan_cache_mode = force_generic_plan".into(),
        "SET transform_null_equals = on".into(),
        "SET statement_timeout = 0".into(),
        "SET app.sql_ticket = ''".into(),
        "SET app.sql_ticket = '%'".into(),
        format!("SET app.sql_ticket = '{other}'"),
        format!("SET app.sql_ticket = '{}'", Uuid::nil()),
        format!("SET app.sql_ticket = '{}'", Uuid::from_bytes(guessed)),
        format!("SET app.sql_ticket = '{own}'"),
        "RESET ALL".into(),
    ];
    for setting in settings {
        session.execute(AssertSqlSafe(setting.clone())).await.unwrap();
        for view in ["jira.issues", "jira.comments", "jira.changelog"] {
            let rows = session
                .fetch_all(AssertSqlSafe(format!(
                    "SELECT {}::text FROM {view}",
                    view.trim_start_matches("jira.")
                )))
                .await;
            // With row_security off PostgreSQL refuses to filter, rather than not to.
            let Ok(rows) = rows else { continue };
            for row in rows {
                let text: String = row.get(0);
                assert!(
                    !text.contains("other-site") && !text.contains(SECRET),
                    "{view} after {setting}: {text}"
                );
            }
        }
    }
    base.remove().await;
}

/// Conditions that fail, or cost, or estimate, on rows of others.
#[tokio::test]
async fn conditions_are_not_asked_of_the_rows_of_others() {
    let base = TestDatabase::create().await;
    let (.., mut session) = hostile(&base).await;
    for sql in [
        format!("SELECT count(*) FROM jira.issues WHERE 1 / (CASE WHEN summary = '{SECRET}' THEN 0 ELSE 1 END) = 1"),
        format!("SELECT count(*) FROM jira.issues WHERE (CASE WHEN summary = '{SECRET}' THEN summary ELSE '1' END)::int = 1"),
        "SELECT count(*) FROM jira.comments WHERE (CASE WHEN body ~ 'globex' THEN body ELSE '1' END)::int = 1".into(),
        "SELECT count(*) FROM jira.issues WHERE substr('x', 1, CASE WHEN instance = 'other-site' THEN -1 ELSE 1 END) = 'x'".into(),
    ] {
        // An error would tell that there is such a row.
        session.execute(AssertSqlSafe(sql.clone())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    // The rows that a plan says were thrown away are this tenant's, and those before the policy are not counted by it.
    let seen = session
        .fetch_all("SELECT tablename, most_common_vals::text FROM pg_stats WHERE schemaname = 'public'")
        .await;
    assert_eq!(seen.unwrap().len(), 0, "statistics hold values of every tenant");
    session.execute("PREPARE mine AS SELECT count(*) FROM jira.issues WHERE summary = $1").await.unwrap();
    let prepared = session.fetch_one(AssertSqlSafe(format!("EXECUTE mine('{SECRET}')"))).await.unwrap();
    assert_eq!(prepared.get::<i64, _>(0), 0);
    session.execute("SET app.sql_ticket = ''").await.unwrap();
    let after = session.fetch_one("EXECUTE mine('ours')").await.unwrap();
    assert_eq!(after.get::<i64, _>(0), 0, "a prepared plan keeps no tenant");
    base.remove().await;
}

/// The same, as questions: the guard refuses each before PostgreSQL hears of it, or it finds nothing.
#[tokio::test]
async fn the_door_refuses_the_same() {
    let base = TestDatabase::create().await;
    let (acme, other, _) = hostile(&base).await;
    let more = [
        format!("SELECT set_config('app.current_tenant_id', '{other}', false)"),
        "SELECT current_setting('app.sql_ticket')".into(),
        "SELECT forebay.ticket_tenant()".into(),
        "SELECT * FROM (SELECT 1) AS x) AS y; SELECT 1; --".into(),
        "SELECT 1) AS asked OFFSET 0) AS forebay_row; DELETE FROM jira.issues; --".into(),
        "EXPLAIN SELECT * FROM issues".into(),
        "LISTEN jobs".into(),
        "PREPARE p AS SELECT 1".into(),
    ];
    for sql in REFUSED.iter().map(ToString::to_string).chain(more) {
        let error = base.db.ask(&TenantContext::whole(acme), &sql, SqlLimits::default()).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "sql"), "{sql}: {error}");
    }
    let answer = base
        .db
        .ask(&TenantContext::whole(acme), "SELECT summary FROM issues", SqlLimits::default())
        .await
        .unwrap();
    assert_eq!(answer.rows, [[serde_json::json!("ours")]]);
    base.remove().await;
}

/// What a question leaves in its session, if it gets past the guard, is gone when the next tenant comes.
#[tokio::test]
async fn a_session_of_the_door_is_made_new_between_questions() {
    let base = TestDatabase::create().await;
    let (acme, other, _) = hostile(&base).await;
    for round in 0..20 {
        let (tenant, summary) = if round % 2 == 0 { (acme, "ours") } else { (other, SECRET) };
        let answer = base
            .db
            .ask(&TenantContext::whole(tenant), "SELECT summary FROM issues", SqlLimits::default())
            .await
            .unwrap();
        assert_eq!(answer.rows, [[serde_json::json!(summary)]]);
        // An error in the middle, and an answer that is left half-read.
        base.db.ask(&TenantContext::whole(tenant), "SELECT 1 / 0", SqlLimits::default()).await.unwrap_err();
        let few = SqlLimits { max_rows: 1, ..SqlLimits::default() };
        base.db
            .ask(&TenantContext::whole(tenant), "SELECT g FROM generate_series(1, 1000) g", few)
            .await
            .unwrap();
    }
    let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'forebay_read'
         AND state LIKE 'idle in transaction%'";
    let mut admin = base.superuser().await;
    while sqlx::query_scalar::<_, i64>(left).fetch_one(&mut admin).await.unwrap() > 0 {}
    base.remove().await;
}
