-- Every gap in the border of this database, and the statement that closes it. Reads the catalogue only, so any role may ask.
-- ours:   the roles of Forebay.
-- front:  those that requests and questions run as. A superuser among them has every right there is, which is said once.
-- spaces: the schemas that are not PostgreSQL's own.
WITH wanted (name, login) AS (
    VALUES ('forebay_app', true), ('forebay_read', true), ('forebay_platform', true), ('forebay_queue', true),
        ('forebay_definer', false)
), ours AS (
    SELECT r.*, w.login AS may_login FROM wanted w JOIN pg_roles r ON r.rolname = w.name
), front AS (
    SELECT oid, rolname FROM ours
    WHERE rolname IN ('forebay_app', 'forebay_read', 'forebay_platform') AND NOT rolsuper
), reader AS (
    SELECT oid, rolname FROM front WHERE rolname = 'forebay_read'
), spaces AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), relations AS (
    SELECT c.oid, c.relkind, c.relowner, c.relacl, c.relname, format('%I.%I', n.nspname, c.relname) AS name,
        c.relrowsecurity AND c.relforcerowsecurity AS forced,
        coalesce((SELECT o.option_value::boolean FROM pg_options_to_table(c.reloptions) o
                  WHERE o.option_name = 'security_invoker'), false) AS invoker,
        coalesce((SELECT o.option_value::boolean FROM pg_options_to_table(c.reloptions) o
                  WHERE o.option_name = 'security_barrier'), false) AS barrier
    FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
), tables AS (
    SELECT r.*,
        r.name = 'public.tenants' OR EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        ) AS of_tenants,
        EXISTS (
            SELECT FROM front f WHERE has_any_column_privilege(f.oid, r.oid, 'SELECT, INSERT, UPDATE')
                OR has_table_privilege(f.oid, r.oid, 'DELETE')
        ) AS in_reach
    FROM relations r WHERE r.relkind IN ('r', 'p', 'f')
), functions AS (
    SELECT p.oid, p.oid::regprocedure::text AS name, p.proowner, p.proconfig, p.proacl, pg_get_functiondef(p.oid) AS body
    FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace
    WHERE p.prosecdef AND p.prokind IN ('f', 'p')
), open_to_limited (name) AS (
    -- Tables that callers who are limited to projects may read whole: what a site has and how it behaves, not what is in its
    -- projects. A table that is neither here nor behind a limit is a gap.
    VALUES ('tenants'), ('jira_instances'), ('users'), ('statuses'), ('issue_types'), ('priorities'), ('resolutions'),
        ('issue_link_types'), ('custom_fields'), ('field_contexts'), ('field_options'), ('filters'), ('dashboards'), ('sprints'), ('board_sprints'),
        -- How far the copy of a site is; why a run failed is kept from them by the statements.
        ('sync_runs'), ('sync_schedules'), ('sync_watermarks'),
        -- Of the keys, the use cases show those within the caller's own limit.
        ('api_keys'), ('idempotency_keys'), ('used_sign_in_links'),
        -- Hashes, by which whatever is written knows whom not to bring back.
        ('erased_users'),
        -- Found by numbers that nobody can guess.
        ('bulk_tasks'),
        ('groups'), ('group_members'),
        ('sandbox_seeds'), ('sandbox_faults'), ('sandbox_fault_counts'), ('sandbox_workflows'), ('site_limits'), ('site_usage')
)
-- The roles themselves.
SELECT format('role %I does not exist', w.name) AS "gap!", 'run `forebay migrate up`' AS "remedy!"
FROM wanted w WHERE NOT EXISTS (SELECT FROM ours WHERE ours.rolname = w.name)
UNION ALL
SELECT format('role %I has the attribute %s', o.rolname, a.name), format('ALTER ROLE %I NO%s', o.rolname, a.name)
FROM ours o CROSS JOIN LATERAL (
    VALUES ('SUPERUSER', o.rolsuper), ('BYPASSRLS', o.rolbypassrls), ('CREATEROLE', o.rolcreaterole),
        ('CREATEDB', o.rolcreatedb), ('REPLICATION', o.rolreplication), ('LOGIN', o.rolcanlogin AND NOT o.may_login)
) a (name, has) WHERE a.has
UNION ALL
SELECT format('role %I is a member of %I', o.rolname, g.rolname), format('REVOKE %I FROM %I', g.rolname, o.rolname)
FROM ours o JOIN pg_auth_members m ON m.member = o.oid JOIN pg_roles g ON g.oid = m.roleid
UNION ALL
SELECT format('role %s begins its sessions with a tenant: %s', coalesce(quote_ident(f.rolname), 'PUBLIC'), split_part(c.setting, '=', 1)),
    format('ALTER ROLE %s%s RESET %s', coalesce(quote_ident(f.rolname), 'ALL'),
        CASE WHEN s.setdatabase <> 0 THEN format(' IN DATABASE %I', current_database()) ELSE '' END,
        split_part(c.setting, '=', 1))
FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c (setting) LEFT JOIN front f ON f.oid = s.setrole
WHERE (s.setrole = 0 OR f.oid IS NOT NULL)
    AND (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND c.setting ~ '^app\.(current_tenant_id|sql_ticket)='
UNION ALL
-- What they own and may make. A large object holds no rows of a tenant.
SELECT format('role %I owns %s', f.rolname, coalesce(pg_describe_object(d.classid, d.objid, d.objsubid), 'something')),
    format('REASSIGN OWNED BY %I TO %I', f.rolname, (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()))
FROM front f JOIN pg_shdepend d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = f.oid AND d.deptype = 'o'
WHERE d.classid <> 'pg_largeobject'::regclass AND (
    d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    OR (d.classid = 'pg_database'::regclass AND d.objid = (SELECT oid FROM pg_database WHERE datname = current_database())))
UNION ALL
SELECT format('role %I may make things in schema %I', f.rolname, n.nspname),
    format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', n.nspname, f.rolname)
FROM front f CROSS JOIN spaces n WHERE has_schema_privilege(f.oid, n.oid, 'CREATE')
UNION ALL
SELECT format('role %I may make %s in the database', f.rolname, r.what),
    format('REVOKE %s ON DATABASE %I FROM PUBLIC, %I', r.name, current_database(), f.rolname)
FROM front f CROSS JOIN (VALUES ('CREATE', 'schemas'), ('TEMPORARY', 'temporary tables')) r (name, what)
WHERE has_database_privilege(f.oid, current_database(), r.name)
UNION ALL
-- Tables.
SELECT format('table %s does not force row-level security', t.name),
    CASE WHEN t.of_tenants AND t.relkind <> 'f' THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.name)
        ELSE format('REVOKE ALL ON %s FROM PUBLIC, forebay_app, forebay_read, forebay_platform', t.name) END
FROM tables t WHERE (t.of_tenants OR t.in_reach) AND NOT t.forced
UNION ALL
SELECT format('table %s has no policy for its tenants', t.name),
    format('CREATE POLICY %s ON %s TO forebay_app USING (false); SELECT forebay.require_tenant(%2$L, %1$L, %3$L)',
        CASE t.name WHEN 'public.tenants' THEN 'own_tenant' ELSE 'tenant_isolation' END, t.name,
        CASE t.name WHEN 'public.tenants' THEN 'id' ELSE 'tenant_id' END)
FROM tables t
WHERE t.of_tenants AND NOT EXISTS (
    SELECT FROM pg_policy p JOIN ours o ON o.oid = ANY (p.polroles) WHERE p.polrelid = t.oid AND p.polpermissive AND o.rolname = 'forebay_app')
UNION ALL
SELECT format('policy %I of table %s is for everyone', p.polname, t.name),
    format('DROP POLICY %I ON %s', p.polname, t.name)
FROM tables t JOIN pg_policy p ON p.polrelid = t.oid WHERE p.polpermissive AND 0 = ANY (p.polroles)
UNION ALL
-- A policy must begin with the tenant and allow nothing beside it. What the SQL door may set, proves nothing to it.
SELECT format('policy %I of table %s shows %I more than its tenant', p.polname, t.name, f.rolname),
    format('DROP POLICY %I ON %s', p.polname, t.name)
FROM tables t JOIN pg_policy p ON p.polrelid = t.oid JOIN front f ON f.oid = ANY (p.polroles)
CROSS JOIN LATERAL (
    VALUES (pg_get_expr(p.polqual, p.polrelid)), (pg_get_expr(p.polwithcheck, p.polrelid))
) e (expression)
WHERE p.polpermissive AND f.rolname <> 'forebay_platform' AND e.expression IS NOT NULL
    AND (e.expression ~ '\mOR\M' OR e.expression !~ CASE f.rolname
        WHEN 'forebay_read' THEN '^\((tenant_id|id) = \( SELECT forebay\.ticket_tenant\(\)'
        ELSE '^\((tenant_id|id) = (\(NULLIF\(current_setting\(''app\.current_tenant_id''::text, true\)|\(\s*CASE\s+WHEN \(current_setting\(''app\.current_tenant_id''::text, true\) <> ''''::text\) THEN current_setting\(''app\.current_tenant_id''::text, true\)\s+ELSE ''no tenant: |forebay\.current_tenant\(\)|\( SELECT forebay\.current_tenant\(\))'
    END)
UNION ALL
-- Callers who are limited to projects. What is of an issue or a project follows it; what tells of a whole site or tenant is for whole
-- tenants. A table with both columns follows its issue.
SELECT format('callers who are limited to projects see all of table %s', l.name),
    format('DROP POLICY IF EXISTS %I ON %s; %s', l.policy, l.name, l.remedy)
FROM (
    SELECT t.oid, t.name, 'project_limit_' || c.name AS policy, false AS only_reading,
        format('SELECT forebay.limit_to_projects(%L, %L)', t.name, c.name) AS remedy,
        format('^\(\(\( SELECT forebay\.reach\(\)( AS reach)?\) <> ''projects''::text\) OR (\(%1$s = ANY \(\( '
               'SELECT forebay\.visible_projects\(\)( AS visible_projects)?\)::uuid\[\]\)\)|forebay\.issue_within\(%1$s, \( '
               'SELECT forebay\.visible_projects\(\)( AS visible_projects)?\)\))\)$', c.name) AS expression
    FROM tables t
    CROSS JOIN LATERAL (
        SELECT a.attname::text AS name FROM pg_attribute a
        WHERE a.attrelid = t.oid AND NOT a.attisdropped
            AND (a.attname IN ('issue_id', 'inward_issue_id', 'outward_issue_id')
                OR a.attname = 'id' AND t.name = 'public.projects'
                OR a.attname = 'project_id' AND NOT EXISTS (
                    SELECT FROM pg_attribute o WHERE o.attrelid = t.oid AND o.attname = 'issue_id' AND NOT o.attisdropped))
    ) c
    WHERE t.of_tenants AND t.in_reach
    UNION ALL
    -- Every other table of tenants, unless it is known to say nothing of what is in the projects of a site.
    SELECT t.oid, t.name, 'project_limit', w.name IS NOT NULL,
        CASE WHEN w.name IS NOT NULL
            THEN format('CREATE POLICY project_limit ON %s AS RESTRICTIVE FOR SELECT TO forebay_app USING '
                        '((SELECT forebay.reach()) <> ''projects''%s)', t.name, w.unless)
            ELSE format('SELECT forebay.limit_to_whole_tenants(%L)', t.name) END,
        '^\(+ SELECT forebay\.reach\(\)( AS reach)?\) <> ''projects''::text\)'
            || CASE WHEN coalesce(w.unless, '') = '' THEN '$' ELSE ' OR \(EXISTS ' END
    FROM tables t
    -- What is written for everyone, and read by whole tenants.
    LEFT JOIN (VALUES ('ai_ledger', ''),
        ('audit_log', ' OR EXISTS (SELECT FROM public.issues i WHERE i.tenant_id = audit_log.tenant_id '
                      'AND i.instance_id = audit_log.instance_id AND i.key = audit_log.target)')) w (name, unless)
        ON t.name = 'public.' || w.name
    WHERE t.of_tenants AND t.in_reach AND t.name NOT IN (SELECT 'public.' || o.name FROM open_to_limited o)
        AND NOT EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND NOT a.attisdropped
                AND (a.attname IN ('issue_id', 'project_id', 'inward_issue_id', 'outward_issue_id')
                    OR a.attname = 'id' AND t.name = 'public.projects'))
) l
WHERE NOT EXISTS (
    SELECT FROM pg_policy p JOIN ours o ON o.oid = ANY (p.polroles)
    WHERE p.polrelid = l.oid AND NOT p.polpermissive AND o.rolname = 'forebay_app' AND p.polname = l.policy
        AND p.polcmd = CASE WHEN l.only_reading THEN 'r' ELSE '*' END::"char"
        AND p.polwithcheck IS NULL AND pg_get_expr(p.polqual, p.polrelid) ~ l.expression)
UNION ALL
-- TRUNCATE asks no policy; a trigger and a foreign key see every row.
SELECT format('role %I may %s %s', f.rolname, r.name, t.name),
    format('REVOKE %s ON %s FROM PUBLIC, %I', r.name, t.name, f.rolname)
FROM tables t CROSS JOIN front f CROSS JOIN (VALUES ('TRUNCATE'), ('TRIGGER'), ('REFERENCES')) r (name)
WHERE has_table_privilege(f.oid, t.oid, r.name)
UNION ALL
-- What the SQL door's role may do: read, by name, the views alone.
SELECT 'role forebay_read may name the tables in schema public', 'REVOKE USAGE ON SCHEMA public FROM PUBLIC, forebay_read'
FROM reader f CROSS JOIN spaces n WHERE n.nspname = 'public' AND has_schema_privilege(f.oid, n.oid, 'USAGE')
UNION ALL
SELECT format('role forebay_read may write to %s', r.name),
    format('REVOKE INSERT, UPDATE, DELETE ON %s FROM PUBLIC, forebay_read', r.name)
FROM relations r CROSS JOIN reader f
WHERE has_any_column_privilege(f.oid, r.oid, 'INSERT, UPDATE') OR has_table_privilege(f.oid, r.oid, 'DELETE')
UNION ALL
SELECT format('role forebay_read may read %I of %s', a.attname, r.name),
    format('REVOKE SELECT ON %s FROM PUBLIC, forebay_read, and grant the columns that it may see', r.name)
FROM relations r CROSS JOIN reader f JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE a.attname ~ '(_encrypted|^secret_hash|^sql_ticket|^email_hash)$' AND has_column_privilege(f.oid, r.oid, a.attnum, 'SELECT')
UNION ALL
-- Views run with their owner's rights unless they say otherwise; then they must name the tenant themselves.
SELECT format('view %s shows %I what its owner may see', r.name, f.rolname),
    format('ALTER VIEW %s SET (security_invoker = true)', r.name)
FROM relations r CROSS JOIN front f
WHERE r.relkind = 'v' AND NOT r.invoker AND has_any_column_privilege(f.oid, r.oid, 'SELECT')
    AND NOT (r.barrier AND pg_get_viewdef(r.oid) ~ CASE f.rolname
        WHEN 'forebay_read' THEN 'forebay\.ticket_tenant\(\)' ELSE 'forebay\.current_tenant\(\)' END)
UNION ALL
SELECT format('materialized view %s, which has no row-level security, may be read by %s', r.name,
        CASE a.grantee WHEN 0 THEN 'everyone' ELSE a.grantee::regrole::text END),
    format('REVOKE ALL ON %s FROM %s', r.name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
FROM relations r CROSS JOIN LATERAL (
    SELECT e.grantee FROM aclexplode(r.relacl) e WHERE e.privilege_type = 'SELECT'
    UNION
    SELECT e.grantee FROM pg_attribute c CROSS JOIN LATERAL aclexplode(c.attacl) e
    WHERE c.attrelid = r.oid AND NOT c.attisdropped AND e.privilege_type = 'SELECT'
) a
WHERE r.relkind = 'm' AND a.grantee <> r.relowner
UNION ALL
-- Functions that run as their owner.
SELECT format('function %s runs as its owner without the search_path pg_catalog', p.name),
    format('ALTER FUNCTION %s SET search_path = pg_catalog', p.name)
FROM functions p
WHERE NOT EXISTS (SELECT FROM unnest(p.proconfig) c (setting) WHERE c.setting IN ('search_path=pg_catalog', 'search_path="pg_catalog"'))
UNION ALL
SELECT format('function %s runs as its owner for everyone', p.name), format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', p.name)
FROM functions p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0
UNION ALL
SELECT format('function %s runs as its owner for %I and does not ask for the tenant', p.name, f.rolname),
    format('REVOKE ALL ON FUNCTION %s FROM %I', p.name, f.rolname)
FROM functions p CROSS JOIN front f
WHERE f.rolname <> 'forebay_platform' AND pg_get_userbyid(p.proowner) <> 'forebay_queue'
    AND has_function_privilege(f.oid, p.oid, 'EXECUTE')
    AND p.body !~ CASE f.rolname WHEN 'forebay_read' THEN '\m(ticket_tenant|app\.sql_ticket)\M'
        ELSE '\m(current_tenant|app\.current_tenant_id)\M' END
UNION ALL
SELECT 'there is no table tenants: the database is not migrated', 'run `forebay migrate up`'
WHERE to_regclass('public.tenants') IS NULL
