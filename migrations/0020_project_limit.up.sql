-- A key that is limited to projects sees nothing of the others: held by the database, for every statement.
--
-- The limit stands in `app.project_limit`, set with the tenant when a transaction begins: names joined by commas, each KEY,
-- INSTANCE/KEY or INSTANCE/*. Unset or empty means the whole tenant.

-- `tenant` or `projects`.
CREATE FUNCTION forebay.reach() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN coalesce(current_setting('app.project_limit', true), '') = '' THEN 'tenant' ELSE 'projects' END;

-- The ids of the projects that the limit names. By name, so that the limit follows a project's present key.
CREATE FUNCTION forebay.visible_projects() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT coalesce(array_agg(p.id), '{}')
    FROM (SELECT string_to_array(current_setting('app.project_limit', true), ',') AS names) l
    CROSS JOIN public.projects p
    JOIN public.jira_instances n ON n.tenant_id = p.tenant_id AND n.id = p.instance_id
    WHERE p.tenant_id = forebay.current_tenant()
      AND (upper(p.key) = ANY (l.names) OR n.name || '/' || upper(p.key) = ANY (l.names) OR n.name || '/*' = ANY (l.names))
$$;

-- Whether an issue is in one of these projects. A function, because a subquery in the policies of eight tables would be planned
-- with every statement: that doubled the planning of a point read for callers who have no limit.
CREATE FUNCTION forebay.issue_within(issue uuid, projects uuid[]) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM public.issues i
                   WHERE i.tenant_id = forebay.current_tenant() AND i.id = issue AND i.project_id = ANY (projects));
END
$$;

GRANT CREATE ON SCHEMA forebay TO forebay_definer;
ALTER FUNCTION forebay.visible_projects() OWNER TO forebay_definer;
ALTER FUNCTION forebay.issue_within(uuid, uuid[]) OWNER TO forebay_definer;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;
REVOKE ALL ON FUNCTION forebay.visible_projects(), forebay.issue_within(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.visible_projects(), forebay.issue_within(uuid, uuid[]) TO forebay_app;

-- Puts a table behind the limit, by a column that holds an issue's id (the row follows its issue) or, named `project_id`, a
-- project's. Every table with such a column passes through here; a test walks the catalogue.
--
-- `<> 'projects'`, and not `= 'tenant'`: of an inequality the planner thinks that nearly all rows pass, so that its estimates
-- stay what they were for callers without a limit. Both are asked once per statement; what follows the OR only if it must be.
CREATE FUNCTION forebay.limit_to_projects(target regclass, by_column name DEFAULT 'issue_id') RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        'CREATE POLICY %I ON %s AS RESTRICTIVE TO forebay_app USING ((SELECT forebay.reach()) <> ''projects'' OR '
        || CASE WHEN by_column = 'project_id' OR target = 'public.projects'::regclass
            THEN '%I = ANY ((SELECT forebay.visible_projects())::uuid[]))'
            ELSE 'forebay.issue_within(%I, (SELECT forebay.visible_projects())))' END,
        'project_limit_' || by_column, target, by_column);
END
$$;

-- Hides a table from callers with a limit altogether: its rows tell of a whole site.
CREATE FUNCTION forebay.limit_to_whole_tenants(target regclass) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('CREATE POLICY project_limit ON %s AS RESTRICTIVE TO forebay_app USING ((SELECT forebay.reach()) <> ''projects'')',
                   target);
END
$$;

-- The application's view of a materialized view, which has no policies: the tenant, and the limit by its project. One that does
-- not say of which project a row is shows nothing to callers with a limit.
CREATE FUNCTION forebay.limit_view(name name) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE VIEW public.%1$I WITH (security_barrier) AS SELECT * FROM forebay.%1$I '
        'WHERE tenant_id = forebay.current_tenant() AND ((SELECT forebay.reach()) <> ''projects'' %2$s)',
        name,
        CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = format('forebay.%I', name)::regclass
                                                        AND a.attname = 'project_id')
            THEN 'OR project_id = ANY ((SELECT forebay.visible_projects())::uuid[])' END);
END
$$;
REVOKE ALL ON FUNCTION forebay.limit_to_projects(regclass, name), forebay.limit_to_whole_tenants(regclass),
    forebay.limit_view(name) FROM PUBLIC;

SELECT forebay.limit_to_projects('projects', 'id');
SELECT forebay.limit_to_projects('issue_links', 'inward_issue_id');
SELECT forebay.limit_to_projects('issue_links', 'outward_issue_id');
SELECT forebay.limit_to_projects(a.attrelid, a.attname)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attname IN ('issue_id', 'project_id')
  -- A table with both follows its issue; the issue follows its project.
  AND (a.attname = 'issue_id' OR NOT EXISTS (
      SELECT FROM pg_attribute o WHERE o.attrelid = a.attrelid AND o.attname = 'issue_id' AND NOT o.attisdropped));

SELECT forebay.limit_to_whole_tenants('webhook_inbox');
SELECT forebay.limit_to_whole_tenants('webhooks');
SELECT forebay.limit_to_whole_tenants('sync_rejects');

-- Of the log, what happened to issues that can be seen. Writing to it is never limited.
CREATE POLICY project_limit ON audit_log AS RESTRICTIVE FOR SELECT TO forebay_app
    USING ((SELECT forebay.reach()) <> 'projects'
           OR EXISTS (SELECT FROM public.issues i
                      WHERE i.tenant_id = audit_log.tenant_id AND i.instance_id = audit_log.instance_id
                        AND i.key = audit_log.target));

GRANT CREATE ON SCHEMA public TO forebay_definer;
SELECT forebay.limit_view(m.relname)
FROM pg_class m
JOIN pg_class v ON v.relname = m.relname AND v.relnamespace = 'public'::regnamespace AND v.relkind = 'v'
WHERE m.relkind = 'm' AND m.relnamespace = 'forebay'::regnamespace;
REVOKE CREATE ON SCHEMA public FROM forebay_definer;

-- Full text runs past the policies, so it names the limit itself.
CREATE OR REPLACE FUNCTION forebay.search_issues(query tsquery, in_comments boolean) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT i.id FROM public.issues i
    WHERE i.tenant_id = forebay.current_tenant() AND i.search @@ query
      AND ((SELECT forebay.reach()) <> 'projects' OR i.project_id = ANY ((SELECT forebay.visible_projects())::uuid[]))
    UNION
    SELECT c.issue_id FROM public.comments c
    WHERE in_comments AND c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
      AND ((SELECT forebay.reach()) <> 'projects' OR forebay.issue_within(c.issue_id, (SELECT forebay.visible_projects())))
$$;
CREATE OR REPLACE FUNCTION forebay.search_comments(query tsquery) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT c.issue_id FROM public.comments c
    WHERE c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
      AND ((SELECT forebay.reach()) <> 'projects' OR forebay.issue_within(c.issue_id, (SELECT forebay.visible_projects())))
$$;
