CREATE OR REPLACE FUNCTION forebay.require_tenant(target regclass, policy name, by_column name) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    own constant text := format(
        '(%I = CASE WHEN current_setting(''app.current_tenant_id'', true) <> '''' '
        'THEN current_setting(''app.current_tenant_id'', true) '
        'ELSE ''no tenant: app.current_tenant_id is not set in this transaction'' END::uuid)', by_column);
    only_reading boolean;
BEGIN
    SELECT p.polwithcheck IS NULL INTO STRICT only_reading FROM pg_policy p WHERE p.polrelid = target AND p.polname = policy;
    EXECUTE format('ALTER POLICY %I ON %s USING %s', policy, target, own)
        || CASE WHEN only_reading THEN '' ELSE ' WITH CHECK ' || own END;
END
$$;

SELECT forebay.require_tenant(p.polrelid, p.polname, CASE p.polname WHEN 'own_tenant' THEN 'id' ELSE 'tenant_id' END)
FROM pg_policy p WHERE p.polname IN ('tenant_isolation', 'own_tenant')
ORDER BY p.polrelid::regclass::text;
