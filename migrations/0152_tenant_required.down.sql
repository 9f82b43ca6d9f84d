DO $$
DECLARE
    own record;
    silent text;
BEGIN
    FOR own IN
        SELECT p.polrelid::regclass AS target, p.polname, p.polwithcheck IS NULL AS only_reading
        FROM pg_policy p WHERE p.polname IN ('tenant_isolation', 'own_tenant')
        ORDER BY p.polrelid::regclass::text
    LOOP
        silent := format('(%I = nullif(current_setting(''app.current_tenant_id'', true), '''')::uuid)',
                         CASE own.polname WHEN 'own_tenant' THEN 'id' ELSE 'tenant_id' END);
        EXECUTE format('ALTER POLICY %I ON %s USING %s', own.polname, own.target, silent)
            || CASE WHEN own.only_reading THEN '' ELSE ' WITH CHECK ' || silent END;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION forebay.current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.current_tenant_id', true), '')::uuid;

CREATE OR REPLACE FUNCTION forebay.protect(target regclass, readable boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY tenant_isolation ON %s TO forebay_app '
        'USING (tenant_id = nullif(current_setting(''app.current_tenant_id'', true), '''')::uuid) '
        'WITH CHECK (tenant_id = nullif(current_setting(''app.current_tenant_id'', true), '''')::uuid)', target);
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

DROP FUNCTION forebay.require_tenant(regclass, name, name);
