CREATE OR REPLACE FUNCTION forebay.search_issues(query tsquery, in_comments boolean) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT i.id FROM public.issues i
    WHERE i.tenant_id = forebay.current_tenant() AND i.search @@ query
    UNION
    SELECT c.issue_id FROM public.comments c
    WHERE in_comments AND c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
$$;
CREATE OR REPLACE FUNCTION forebay.search_comments(query tsquery) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT c.issue_id FROM public.comments c
    WHERE c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
$$;

GRANT CREATE ON SCHEMA public TO forebay_definer;
DO $$
DECLARE
    name name;
BEGIN
    FOR name IN
        SELECT m.relname
        FROM pg_class m
        JOIN pg_class v ON v.relname = m.relname AND v.relnamespace = 'public'::regnamespace AND v.relkind = 'v'
        WHERE m.relkind = 'm' AND m.relnamespace = 'forebay'::regnamespace
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW public.%1$I WITH (security_barrier) AS '
                       'SELECT * FROM forebay.%1$I WHERE tenant_id = forebay.current_tenant()', name);
    END LOOP;
END
$$;
REVOKE CREATE ON SCHEMA public FROM forebay_definer;

DO $$
DECLARE
    policy record;
BEGIN
    FOR policy IN
        SELECT polname, polrelid::regclass AS target FROM pg_policy WHERE NOT polpermissive AND polname LIKE 'project\_limit%'
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy.polname, policy.target);
    END LOOP;
END
$$;
DROP FUNCTION forebay.limit_view(name), forebay.limit_to_whole_tenants(regclass), forebay.limit_to_projects(regclass, name),
    forebay.issue_within(uuid, uuid[]), forebay.visible_projects(), forebay.reach();
