use super::*;

fn refusal(sql: &str) -> String {
    inspect(sql).expect_err(sql)
}

#[test]
fn ordinary_questions_pass() {
    for sql in [
        "SELECT 1",
        "select key, summary from issues where status_category <> 'done' order by created desc limit 10",
        "SELECT i.project, count(*) FILTER (WHERE i.resolved IS NOT NULL) AS done FROM jira.issues i GROUP BY 1",
        "SELECT * FROM Issues JOIN comments ON comments.issue = issues.key;",
        "WITH moves AS (SELECT issue, min(created) AS first FROM changelog WHERE field = 'status' GROUP BY issue)
         SELECT i.key, m.first - i.created AS waited FROM issues i JOIN moves m ON m.issue = i.key",
        "SELECT percentile_cont(0.85) WITHIN GROUP (ORDER BY extract(epoch FROM resolved - created)) FROM issues",
        "SELECT key, row_number() OVER (PARTITION BY project ORDER BY updated DESC) FROM issues",
        "SELECT raw -> 'fields' ->> 'duedate', raw #>> '{fields,summary}', raw @> '{\"id\": \"1\"}' FROM issues",
        "SELECT label, count(*) FROM issues, unnest(labels) AS label GROUP BY label",
        "SELECT l.name FROM issues i CROSS JOIN LATERAL unnest(i.labels) WITH ORDINALITY AS l(name, place)",
        "SELECT d::date FROM generate_series(date '2026-01-01', now(), interval '1 week') d",
        "SELECT e.value ->> 'name' FROM issues, jsonb_array_elements(raw -> 'fields' -> 'components') e",
        "SELECT ARRAY(SELECT key FROM issues), '{1,2}'::int[], CAST('1' AS numeric), 'x'::text, created::date FROM issues",
        "VALUES (1, 'a'), (2, 'b')",
        "(SELECT key FROM issues) UNION ALL (SELECT issue FROM comments) EXCEPT SELECT issue FROM changelog",
        "SELECT key FROM issues WHERE key IN (SELECT issue FROM comments) AND EXISTS (SELECT 1 FROM changelog)",
        "SELECT * FROM issues WHERE to_tsvector('english', description) @@ plainto_tsquery('payment')",
        "WITH RECURSIVE tree AS (SELECT key, parent FROM issues WHERE key = 'PAY-1'
           UNION ALL SELECT i.key, i.parent FROM issues i JOIN tree t ON i.parent = t.key) SELECT * FROM tree",
        "SELECT count(*) FROM issues -- ; DROP TABLE issues",
        "SELECT 'pg_sleep(10); DELETE FROM issues', $$set_config$$",
        "SELECT current_date, now() - interval '7 days', created AT TIME ZONE 'Europe/Berlin' FROM issues",
        "SELECT CASE WHEN story_points > 3 THEN 'big' ELSE 'small' END, coalesce(labels[1], '-') FROM issues",
    ] {
        assert_eq!(inspect(sql).map(drop), Ok(()), "{sql}");
    }
}

#[test]
fn only_one_query_is_answered() {
    for sql in [
        "",
        "  -- nothing",
        "SELECT 1; SELECT 2",
        "SELECT 1; SET app.sql_ticket = 'x'",
        "DELETE FROM issues",
        "UPDATE issues SET key = 'X-1'",
        "INSERT INTO issues SELECT * FROM issues",
        "DROP VIEW issues",
        "SET app.sql_ticket = 'x'",
        "SET LOCAL ROLE postgres",
        "RESET ALL",
        "BEGIN",
        "COMMIT",
        "COPY issues TO '/tmp/x'",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "DO $$ BEGIN PERFORM 1; END $$",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "CALL something()",
        "PREPARE a AS SELECT 1",
        "EXECUTE a",
        "DECLARE c CURSOR FOR SELECT 1",
        "LISTEN x",
        "NOTIFY x",
        "SHOW app.sql_ticket",
        "TABLE issues",
        "TABLE pg_authid",
        "SELECT * FROM issues UNION TABLE pg_authid",
        "SELECT * INTO stolen FROM issues",
        "WITH gone AS (DELETE FROM issues RETURNING *) SELECT * FROM gone",
        "WITH x AS (INSERT INTO issues VALUES (1) RETURNING *) SELECT * FROM x",
        "SELECT * FROM issues FOR UPDATE",
        "SELECT * FROM (SELECT * FROM issues FOR SHARE) x",
        "SELECT key FROM issues WHERE key = $1",
    ] {
        refusal(sql);
    }
}

#[test]
fn only_the_views_can_be_read() {
    for sql in [
        "SELECT * FROM tenants",
        "SELECT * FROM public.issues",
        "SELECT * FROM forebay.lead_time_view",
        "SELECT * FROM other.jira.issues",
        "SELECT * FROM pg_stat_activity",
        "SELECT * FROM pg_catalog.pg_roles",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM \"Issues\"",
        "SELECT (SELECT count(*) FROM api_keys)",
        "SELECT * FROM issues WHERE key IN (SELECT usename FROM pg_user)",
        "SELECT * FROM issues, LATERAL (SELECT * FROM pg_settings) s",
        "SELECT * FROM (issues CROSS JOIN pg_class)",
        "WITH a AS (SELECT * FROM pg_authid) SELECT * FROM a",
        // A WITH query must not lend its name to a table of the catalogue outside its scope.
        "SELECT * FROM (WITH pg_authid AS (SELECT 1) SELECT 1) x, pg_authid",
        "SELECT * FROM (WITH \"pg_authid\" AS (SELECT 1) SELECT 1) x, pg_authid",
        "SELECT * FROM ROWS FROM (pg_ls_dir('/'))",
        "SELECT * FROM xmltable('/' PASSING '<a/>' COLUMNS b text)",
        "SELECT * FROM issues ORDER BY (SELECT 1 FROM pg_class)",
        "SELECT * FROM issues LIMIT (SELECT count(*) FROM pg_class)",
        "SELECT sum(1) OVER (ORDER BY (SELECT 1 FROM pg_class)) FROM issues",
        "SELECT 1 FROM issues GROUP BY (SELECT 1 FROM pg_class) HAVING (SELECT true FROM pg_class)",
        "VALUES ((SELECT rolname FROM pg_roles))",
    ] {
        refusal(sql);
    }
    assert!(refusal("SELECT * FROM tenants").contains("issues, changelog, comments"));
}

#[test]
fn only_functions_that_compute_from_their_arguments_can_be_called() {
    for sql in [
        "SELECT set_config('app.sql_ticket', '00000000-0000-0000-0000-000000000000', true)",
        "SELECT SET_CONFIG('app.sql_ticket', 'x', true)",
        "SELECT pg_catalog.set_config('app.sql_ticket', 'x', true)",
        "SELECT \"set_config\"('app.sql_ticket', 'x', true)",
        "SELECT * FROM set_config('app.sql_ticket', 'x', true)",
        "SELECT * FROM issues, LATERAL set_config('app.sql_ticket', key, true)",
        "SELECT current_setting('app.sql_ticket')",
        "SELECT key FROM issues WHERE current_setting('app.sql_ticket') = key",
        "SELECT count(*) FILTER (WHERE pg_sleep(1) IS NULL) FROM issues",
        "SELECT sum(1) OVER (PARTITION BY pg_sleep(1)) FROM issues",
        "SELECT key FROM issues ORDER BY pg_sleep(1)",
        "SELECT key FROM issues LIMIT length(pg_read_file('/etc/passwd'))",
        "SELECT CASE WHEN pg_terminate_backend(1) THEN 1 END",
        "SELECT ARRAY(SELECT pg_ls_dir('/'))",
        "SELECT forebay.ticket_tenant()",
        "SELECT public.f()",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT ts_stat('SELECT 1')",
        "SELECT dblink('', 'SELECT 1')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT * FROM pg_ls_dir('/')",
        "SELECT current_user",
        "SELECT session_user",
        "SELECT version()",
        "SELECT repeat('x', 1000000000)",
        "SELECT lpad('x', 1000000000)",
        "SELECT nextval('s')",
        "SELECT 'pg_authid'::regclass",
        "SELECT CAST('pg_sleep' AS regproc)",
        "SELECT regclass 'pg_authid'",
        "SELECT '{pg_authid}'::regclass[]",
    ] {
        refusal(sql);
    }
    assert!(refusal("SELECT pg_sleep(1)").contains("pg_sleep"));
}

#[test]
fn the_functions_of_schema_jira_stand_in_from_under_that_name() {
    for sql in [
        "SELECT * FROM jira.issue_at('PAY-1', now())",
        "SELECT s.value FROM jira.issue_at('PAY-1', TIMESTAMPTZ '2026-01-31 12:00Z') AS s WHERE s.field_id = 'status'",
        "SELECT i.key, h.string FROM issues i CROSS JOIN LATERAL jira.field_history(i.key, i.instance) h",
        "SELECT t.seconds FROM jira.time_in_status_at('PAY-1', now()) t, jira.time_in_category_at('PAY-1', now()) c",
        "SELECT a, s.b FROM jira.issue_at(key => 'PAY-1', moment => now()) AS s (a, b)",
    ] {
        assert_eq!(inspect(sql).map(drop), Ok(()), "{sql}");
    }
    for sql in [
        "SELECT * FROM issue_at('PAY-1', now())",
        "SELECT jira.issue_at('PAY-1', now())",
        "SELECT * FROM forebay.issue_at('00000000-0000-0000-0000-000000000000', now())",
        "SELECT * FROM public.issue_at('PAY-1', now())",
        "SELECT * FROM other.jira.issue_at('PAY-1', now())",
        "SELECT * FROM jira.pg_sleep(1)",
        "SELECT * FROM jira.unnest(ARRAY[1])",
        "SELECT * FROM jira.issue_at((SELECT rolname FROM pg_roles), now())",
        "SELECT * FROM jira.issue_at(current_setting('app.sql_ticket'), now())",
        "SELECT s.pg_column_size FROM jira.issue_at('PAY-1', now()) AS s",
    ] {
        refusal(sql);
    }
    assert!(refusal("SELECT * FROM issue_at('PAY-1', now())").contains("jira.issue_at(…)"));
}

/// PostgreSQL reads `x.f` and `(x).f` as f(x), where x has no column f.
#[test]
fn functions_cannot_be_called_as_if_they_were_columns() {
    for sql in [
        "SELECT (10::float8).pg_sleep",
        "SELECT ('app.sql_ticket'::text).current_setting",
        "SELECT (i).pg_column_size FROM issues i",
        "SELECT g.pg_terminate_backend FROM unnest(ARRAY[4711]) AS g",
        "SELECT unnest.pg_sleep FROM unnest(ARRAY[10])",
        "SELECT g.pg_sleep FROM generate_series(1, 10) g",
        "SELECT \"g\".pg_sleep FROM generate_series(1, 10) AS G",
        "SELECT pg_sleep.pg_sleep FROM unnest(ARRAY[10]) AS pg_sleep(x)",
        // The column of one must not excuse the call on the other.
        "SELECT g.pg_sleep FROM unnest(ARRAY[10]) AS g(x) WHERE EXISTS (SELECT FROM unnest(ARRAY[1]) AS g(pg_sleep))",
    ] {
        refusal(sql);
    }
}

#[test]
fn what_would_exhaust_the_stack_is_refused_without_exhausting_it() {
    for sql in [
        format!("SELECT {}1", "1+".repeat(20_000)),
        format!("SELECT {}1", "- ".repeat(20_000)),
        format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(3_000)),
        format!("SELECT 1 WHERE {}true", "true AND ".repeat(5_000)),
        format!("SELECT 1 -- {}", "x".repeat(MAX_BYTES)),
        "SELECT '".to_owned(),
        "SELECT /* /* */".to_owned(),
    ] {
        refusal(&sql);
    }
    let deepest = format!("SELECT {}1", "1+".repeat(MAX_OPERATORS));
    assert_eq!(inspect(&deepest).map(drop), Ok(()));
    let keys = (1..3_000).map(|n| format!("'PAY-{n}'")).collect::<Vec<_>>().join(", ");
    assert_eq!(inspect(&format!("SELECT * FROM issues WHERE key IN ({keys})")).map(drop), Ok(()));
}

/// Three ways in which PostgreSQL reads a name differently than others do, each of them a call of a function once.
#[test]
fn names_are_read_as_postgresql_reads_them() {
    let (long, cut) = ("a".repeat(64), "a".repeat(63));
    for sql in [
        // A name with escapes, which PostgreSQL reads as g: it is given an operator between two names instead.
        r#"SELECT U&"\0067".pg_cancel_backend FROM generate_series(1, 9) g"#.to_owned(),
        // PostgreSQL cuts both to the same name.
        format!("SELECT {cut}.pg_cancel_backend FROM generate_series(1, 9) {long}"),
        format!("SELECT \"{cut}\".pg_cancel_backend FROM generate_series(1, 9) \"{long}\""),
        // KELVIN SIGN is a k in lower case, but not to PostgreSQL.
        "SELECT g.pg_advisory_lock FROM generate_series(1, 9) g(pg_advisory_loc\u{212a})".to_owned(),
        "SELECT g.pg_advisory_lock FROM generate_series(1, 9) g(\"pg_advisory_loc\u{212a}\")".to_owned(),
    ] {
        match inspect(&sql) {
            Err(_) => {}
            Ok(question) => assert_eq!(
                question.text(),
                r#"select u & "\0067" . pg_cancel_backend from generate_series ( 1 , 9 ) g"#,
                "{sql}"
            ),
        }
    }
    let past_63 = format!("SELECT {cut}.{cut} FROM generate_series(1, 9) {long}");
    assert_eq!(inspect(&past_63).map(drop), Ok(()));
}

#[test]
fn a_question_is_run_without_its_semicolon_and_its_comments() {
    for (asked, run) in [
        ("SELECT 1", "select 1"),
        ("SELECT 1 ;", "select 1"),
        ("SELECT 1; -- done;", "select 1"),
        ("SELECT ';' -- ; \n, 'ä;ö'\n  ; /* ; */", "select ';' , 'ä;ö'"),
        ("SELECT 'ä'\r\n;;\n", "select 'ä'"),
    ] {
        assert_eq!(inspect(asked).map(|question| question.text().to_owned()).as_deref(), Ok(run));
    }
}
