CREATE OR REPLACE FUNCTION forebay.require_tenant(target regclass, policy name, by_column name) RETURNS void
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
CREATE OR REPLACE FUNCTION forebay.current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('app.current_tenant_id', true), ''),
                    CASE session_user WHEN 'forebay_app' THEN
                        'no tenant: app.current_tenant_id is not set in this transaction' END)::uuid;

SELECT forebay.require_tenant(p.polrelid, p.polname, CASE p.polname WHEN 'own_tenant' THEN 'id' ELSE 'tenant_id' END)
FROM pg_policy p WHERE p.polname IN ('tenant_isolation', 'own_tenant')
ORDER BY p.polrelid::regclass::text;
