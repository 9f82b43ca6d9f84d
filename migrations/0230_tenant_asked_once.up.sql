-- Who the tenant is was asked wherever a policy stood: for every row of a scan without an index, and each time that a scan was begun
-- anew, some two thousand times for a page of 50 issues. As a sub-query it is asked once for each table of a statement (a list of 50
-- whole issues took 15 to 40 % longer than without row-level security, and takes as long now: docs/benchmarks.md).
--
-- The planner then knows of the tenant only that there is one, and takes each for as large as the others: 0152 kept the sub-query out
-- for that. But a plan that is kept for all tenants is made for the first one that asks, and one for a new tenant believed the
-- statistics that it has no rows; where the size matters, searches name the tenant themselves.
CREATE OR REPLACE FUNCTION forebay.require_tenant(target regclass, policy name, by_column name) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    own constant text := format('(%I = (SELECT forebay.current_tenant()))', by_column);
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
