//! Each kind of gap: opened, named, and closed by the very remedy that is told.

use super::*;

/// What opens a gap, how it is named, and what clears the rest away.
type Case = (&'static str, &'static str, &'static str);

const ROLES_GAPS: &[Case] = &[
    ("ALTER ROLE forebay_app SUPERUSER", "role forebay_app has the attribute SUPERUSER", ""),
    ("ALTER ROLE forebay_read BYPASSRLS", "role forebay_read has the attribute BYPASSRLS", ""),
    ("ALTER ROLE forebay_platform CREATEROLE", "role forebay_platform has the attribute CREATEROLE", ""),
    ("ALTER ROLE forebay_queue CREATEDB", "role forebay_queue has the attribute CREATEDB", ""),
    ("ALTER ROLE forebay_app REPLICATION", "role forebay_app has the attribute REPLICATION", ""),
    ("ALTER ROLE forebay_definer LOGIN", "role forebay_definer has the attribute LOGIN", ""),
    ("GRANT pg_read_all_data TO forebay_read", "forebay_read is a member of pg_read_all_data", ""),
    ("GRANT pg_read_server_files TO forebay_app", "forebay_app is a member of pg_read_server_files", ""),
    ("GRANT forebay_app TO forebay_read", "forebay_read is a member of forebay_app", ""),
    ("GRANT forebay_definer TO forebay_queue", "forebay_queue is a member of forebay_definer", ""),
    (
        "ALTER ROLE forebay_app SET app.current_tenant_id = 'x'",
        "role forebay_app begins its sessions with a tenant: app.current_tenant_id",
        "",
    ),
    (
        "ALTER DATABASE forebay SET app.sql_ticket = 'x'",
        "role PUBLIC begins its sessions with a tenant: app.sql_ticket",
        "",
    ),
    (
        "CREATE TABLE own (id int); ALTER TABLE own OWNER TO forebay_app",
        "role forebay_app owns table own",
        "DROP TABLE own",
    ),
    (
        "CREATE FUNCTION forebay.own() RETURNS int LANGUAGE sql RETURN 1; ALTER FUNCTION forebay.own() OWNER TO forebay_read",
        "role forebay_read owns function forebay.own()",
        "DROP FUNCTION forebay.own()",
    ),
    ("GRANT CREATE ON SCHEMA jira TO forebay_read", "forebay_read may make things in schema jira", ""),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "forebay_app may make things in schema public", ""),
    ("GRANT CREATE ON DATABASE forebay TO forebay_app", "forebay_app may make schemas in the database", ""),
    (
        "GRANT TEMPORARY ON DATABASE forebay TO PUBLIC",
        "forebay_read may make temporary tables in the database",
        "",
    ),
    (
        "ALTER ROLE forebay_queue RENAME TO elsewhere",
        "role forebay_queue does not exist",
        "ALTER ROLE elsewhere RENAME TO forebay_queue",
    ),
];

const TABLE_GAPS: &[Case] = &[
    ("ALTER TABLE issues NO FORCE ROW LEVEL SECURITY", "public.issues does not force row-level security", ""),
    (
        "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY",
        "public.tenants does not force row-level security",
        "",
    ),
    (
        "CREATE TABLE open (tenant_id uuid)",
        "public.open does not force row-level security",
        "DROP TABLE open",
    ),
    (
        "CREATE TABLE open (tenant_id uuid); ALTER TABLE open ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "public.open has no policy for its tenants",
        "DROP TABLE open",
    ),
    (
        "CREATE SCHEMA side; CREATE TABLE side.list (name text); GRANT SELECT (name) ON side.list TO forebay_app",
        "side.list does not force row-level security",
        "DROP SCHEMA side CASCADE",
    ),
    ("DROP POLICY tenant_isolation ON comments", "public.comments has no policy for its tenants", ""),
    ("DROP POLICY own_tenant ON tenants", "public.tenants has no policy for its tenants", ""),
    (
        "CREATE POLICY lax ON issues TO PUBLIC USING (true)",
        "policy lax of table public.issues is for everyone",
        "",
    ),
    (
        "CREATE POLICY lax ON issues TO forebay_app USING (true)",
        "policy lax of table public.issues shows forebay_app more than its tenant",
        "",
    ),
    (
        "CREATE POLICY lax ON issues TO forebay_app USING (tenant_id = forebay.current_tenant() OR key = 'A-1')",
        "policy lax of table public.issues shows forebay_app more than its tenant",
        "",
    ),
    (
        "CREATE POLICY lax ON issues TO forebay_app USING (tenant_id = forebay.current_tenant()) WITH CHECK (true)",
        "policy lax of table public.issues shows forebay_app more than its tenant",
        "",
    ),
    // The SQL door may set what this asks for.
    (
        "CREATE POLICY lax ON issues TO forebay_read USING (tenant_id = forebay.current_tenant())",
        "policy lax of table public.issues shows forebay_read more than its tenant",
        "",
    ),
    // Callers who are limited to projects.
    (
        "DROP POLICY project_limit_issue_id ON comments",
        "limited to projects see all of table public.comments",
        "",
    ),
    (
        "DROP POLICY project_limit_inward_issue_id ON issue_links",
        "limited to projects see all of table public.issue_links",
        "",
    ),
    (
        "ALTER POLICY project_limit_id ON projects USING ((SELECT forebay.reach()) <> 'projects' OR true)",
        "limited to projects see all of table public.projects",
        "",
    ),
    (
        "ALTER POLICY project_limit_project_id ON issues WITH CHECK (true)",
        "limited to projects see all of table public.issues",
        "",
    ),
    ("DROP POLICY project_limit ON webhooks", "limited to projects see all of table public.webhooks", ""),
    ("DROP POLICY project_limit ON job_runs", "limited to projects see all of table public.job_runs", ""),
    ("DROP POLICY project_limit ON ai_ledger", "limited to projects see all of table public.ai_ledger", ""),
    (
        "ALTER POLICY project_limit ON audit_log USING (true)",
        "limited to projects see all of table public.audit_log",
        "",
    ),
    (
        "DROP POLICY project_limit ON oauth_grants",
        "limited to projects see all of table public.oauth_grants",
        "",
    ),
    ("DROP POLICY project_limit ON sync_ranges", "limited to projects see all of table public.sync_ranges", ""),
    (
        "DROP POLICY project_limit ON missing_issues",
        "limited to projects see all of table public.missing_issues",
        "",
    ),
    (
        "DROP POLICY project_limit ON census_settings",
        "limited to projects see all of table public.census_settings",
        "",
    ),
    ("DROP POLICY project_limit ON censuses", "limited to projects see all of table public.censuses", ""),
    (
        "DROP POLICY project_limit ON drift_rounds",
        "limited to projects see all of table public.drift_rounds",
        "",
    ),
    (
        "DROP POLICY project_limit ON reference_reads",
        "limited to projects see all of table public.reference_reads",
        "",
    ),
    // One that nobody has thought of.
    (
        "CREATE TABLE new (tenant_id uuid); SELECT forebay.protect('new')",
        "limited to projects see all of table public.new",
        "DROP TABLE new",
    ),
    // A tenant where none is set.
    (
        "CREATE POLICY lax ON issues TO forebay_app USING (tenant_id = coalesce(nullif(
             current_setting('app.current_tenant_id', true), ''), '0198c8e0-0000-7000-8000-000000000000')::uuid)",
        "policy lax of table public.issues shows forebay_app more than its tenant",
        "",
    ),
    ("GRANT TRUNCATE ON issues TO forebay_app", "forebay_app may TRUNCATE public.issues", ""),
    ("GRANT TRIGGER ON issues TO forebay_app", "forebay_app may TRIGGER public.issues", ""),
    ("GRANT REFERENCES ON tenants TO forebay_platform", "forebay_platform may REFERENCES public.tenants", ""),
];

const DOOR_GAPS: &[Case] = &[
    ("GRANT USAGE ON SCHEMA public TO forebay_read", "forebay_read may name the tables in schema public", ""),
    ("GRANT UPDATE (summary) ON issues TO forebay_read", "forebay_read may write to public.issues", ""),
    (
        "GRANT SELECT ON jira_instances TO forebay_read",
        "forebay_read may read api_token_encrypted of public.jira_instances",
        "GRANT SELECT (tenant_id, id, name) ON jira_instances TO forebay_read",
    ),
    (
        "GRANT SELECT (email_hash) ON users TO forebay_read",
        "forebay_read may read email_hash of public.users",
        "GRANT SELECT (tenant_id, id, account_id, display_name) ON users TO forebay_read",
    ),
    (
        "CREATE VIEW jira.loose AS SELECT * FROM issues; GRANT SELECT ON jira.loose TO forebay_read",
        "view jira.loose shows forebay_read what its owner may see",
        "DROP VIEW jira.loose",
    ),
    (
        "CREATE VIEW jira.loose WITH (security_barrier) AS SELECT * FROM issues WHERE tenant_id = forebay.current_tenant();
         GRANT SELECT ON jira.loose TO forebay_read",
        "view jira.loose shows forebay_read what its owner may see",
        "DROP VIEW jira.loose",
    ),
    (
        "GRANT SELECT ON forebay.lead_time_view TO forebay_app",
        "materialized view forebay.lead_time_view, which has no row-level security, may be read by forebay_app",
        "",
    ),
    (
        "GRANT SELECT ON forebay.issue_metrics TO PUBLIC",
        "materialized view forebay.issue_metrics, which has no row-level security, may be read by everyone",
        "",
    ),
    (
        "GRANT SELECT (avg_lead_time_days) ON forebay.issue_metrics TO forebay_app",
        "materialized view forebay.issue_metrics, which has no row-level security, may be read by forebay_app",
        "",
    ),
    (
        "CREATE FUNCTION forebay.f() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint';
         REVOKE ALL ON FUNCTION forebay.f() FROM PUBLIC",
        "function forebay.f() runs as its owner without the search_path pg_catalog",
        "DROP FUNCTION forebay.f()",
    ),
    (
        "ALTER FUNCTION forebay.tenant_of_instance(uuid) SET search_path = public, pg_catalog",
        "function forebay.tenant_of_instance(uuid) runs as its owner without the search_path pg_catalog",
        "",
    ),
    (
        "CREATE FUNCTION forebay.f() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
         AS 'SELECT count(*) FROM public.issues'",
        "function forebay.f() runs as its owner for everyone",
        "DROP FUNCTION forebay.f()",
    ),
    (
        "CREATE FUNCTION forebay.f() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
         AS 'SELECT count(*) FROM public.issues WHERE tenant_id = forebay.current_tenant()';
         REVOKE ALL ON FUNCTION forebay.f() FROM PUBLIC; GRANT EXECUTE ON FUNCTION forebay.f() TO forebay_app, forebay_read",
        "function forebay.f() runs as its owner for forebay_read and does not ask for the tenant",
        "DROP FUNCTION forebay.f()",
    ),
];

/// On a server of its own: roles belong to a server, not to a database.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_gap_is_named_and_its_remedy_closes_it() {
    let folder = TestFolder::new("gaps");
    let server = LocalServer::open(folder.path()).await.unwrap();
    let mut owner = connect(&server.connect_options(SUPERUSER, DATABASE)).await;
    ensure_roles(&mut owner, &passwords()).await.unwrap();
    ensure_database(&mut owner).await.unwrap();
    let unmigrated = border_gaps(&mut owner).await.unwrap();
    assert!(unmigrated.iter().any(|gap| gap.what.contains("not migrated")), "{unmigrated:?}");
    migrate::up(&mut owner, &passwords(), &server.connect_options(QUEUE, DATABASE)).await.unwrap();
    assert_eq!(border_gaps(&mut owner).await.unwrap(), []);

    for (open, named, clear) in [ROLES_GAPS, TABLE_GAPS, DOOR_GAPS].concat() {
        run_sql(&mut owner, open).await;
        let gaps = border_gaps(&mut owner).await.unwrap();
        assert!(gaps.iter().any(|gap| gap.what.contains(named)), "{open}: {gaps:?}");
        for gap in &gaps {
            let sql = gap.remedy.split(", and ").next().unwrap();
            if !sql.starts_with("run `") {
                run_sql(&mut owner, sql).await;
            }
        }
        // Before it is cleared away: the remedy alone must do.
        let gaps = border_gaps(&mut owner).await.unwrap();
        let is_missing_role = named.contains("does not exist");
        assert!(gaps.is_empty() || is_missing_role, "after {open} and its remedies: {gaps:?}");
        run_sql(&mut owner, clear).await;
        assert_eq!(border_gaps(&mut owner).await.unwrap(), [], "after {open} and {clear}");
    }
    drop(owner);
    server.close().await.unwrap();
}

/// What `migrate` can mend, it mends; what it cannot, it refuses.
#[tokio::test(flavor = "multi_thread")]
async fn migrating_mends_the_roles_and_refuses_what_others_have_opened() {
    let folder = TestFolder::new("mended");
    let server = LocalServer::open(folder.path()).await.unwrap();
    let queue = server.connect_options(QUEUE, DATABASE);
    let mut owner = connect(&server.connect_options(SUPERUSER, DATABASE)).await;
    migrate::up(&mut owner, &passwords(), &queue).await.unwrap();
    run_sql(
        &mut owner,
        "ALTER ROLE forebay_app BYPASSRLS; GRANT pg_read_all_data TO forebay_read;
         GRANT TEMPORARY, CONNECT ON DATABASE forebay TO PUBLIC; ALTER ROLE forebay_app IN DATABASE forebay RESET ALL;
         GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC",
    )
    .await;
    migrate::up(&mut owner, &passwords(), &queue).await.unwrap();
    assert_eq!(border_gaps(&mut owner).await.unwrap(), []);
    assert_eq!(open_functions(&mut owner).await.unwrap(), Vec::<String>::new());

    run_sql(&mut owner, "GRANT SELECT ON forebay.lead_time_view TO forebay_app").await;
    let refusal = migrate::up(&mut owner, &passwords(), &queue).await.unwrap_err();
    assert!(matches!(refusal, Error::Conflict(_)));
    let told = refusal.to_string();
    assert!(told.contains("REVOKE ALL ON forebay.lead_time_view FROM forebay_app"), "{told}");
    drop(owner);
    server.close().await.unwrap();
}
