-- Without a tenant the application is told so, where it saw no rows and could take that for the truth. The refusal is the cast
-- of a text that is no id: an expression that costs each row what the silent one did (a function that raises costs twice as
-- much, and a sub-query hides the tenant from the planner).
CREATE FUNCTION forebay.require_tenant(target regclass, policy name, by_column name) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    own constant text := format(
        '(%I = coalesce(nullif(current_setting(''app.current_tenant_id'', true), ''''), '
        '''no tenant: app.current_tenant_id is not set in this transaction'')::uuid)', by_column);
    only_reading boolean;
BEGIN
    SELECT p.polwithcheck IS NULL INTO STRICT only_reading FROM pg_policy p WHERE p.polrelid = target AND p.polname = policy;
    EXECUTE format('ALTER POLICY %I ON %s USING %s', policy, target, own)
        || CASE WHEN only_reading THEN '' ELSE ' WITH CHECK ' || own END;
END
$$;
REVOKE ALL ON FUNCTION forebay.require_tenant(regclass, name, name) FROM PUBLIC;

CREATE OR REPLACE FUNCTION forebay.protect(target regclass, readable boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant_isolation ON %s TO forebay_app USING (false) WITH CHECK (false)', target);
    PERFORM forebay.require_tenant(target, 'tenant_isolation', 'tenant_id');
    EXECUTE format('CREATE POLICY definers ON %s TO forebay_definer USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO forebay_app', target);
    EXECUTE format('GRANT SELECT ON %s TO forebay_definer', target);
    IF readable THEN
        EXECUTE format('CREATE POLICY sql_door ON %s FOR SELECT TO forebay_read '
                       'USING (tenant_id = (SELECT forebay.ticket_tenant()))', target);
        EXECUTE format('GRANT SELECT ON %s TO forebay_read', target);
    END IF;
END
$$;

-- What the application's views and functions ask. Whoever else looks (the owner, who plans statements) is shown nothing.
CREATE OR REPLACE FUNCTION forebay.current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('app.current_tenant_id', true), ''),
                    CASE session_user WHEN 'forebay_app' THEN
                        'no tenant: app.current_tenant_id is not set in this transaction' END)::uuid;

SELECT forebay.require_tenant(p.polrelid, p.polname, CASE p.polname WHEN 'own_tenant' THEN 'id' ELSE 'tenant_id' END)
FROM pg_policy p WHERE p.polname IN ('tenant_isolation', 'own_tenant')
ORDER BY p.polrelid::regclass::text;
