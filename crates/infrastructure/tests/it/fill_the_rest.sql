-- Puts a row into every table of tenants that has none of this one, made of the catalogue's types: a table that is empty shows
-- nothing to anybody. Keys are not looked at; where a column allows some words only, they are named here. The tenant, its
-- instance and an issue of it stand in the settings `fill.tenant`, `fill.instance` and `fill.issue`.
SET session_replication_role = replica;
DO $$
DECLARE
    empty record;
    has_one boolean;
BEGIN
    FOR empty IN
        SELECT format('%I.%I', n.nspname, c.relname) AS name,
               string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
               string_agg(quote_literal(CASE
                   WHEN a.attname = 'tenant_id' THEN current_setting('fill.tenant')
                   WHEN a.attname = 'instance_id' THEN current_setting('fill.instance')
                   WHEN a.attname LIKE '%issue_id' THEN current_setting('fill.issue')
                   WHEN a.attname = 'error' THEN 'hidden treasure'
                   WHEN a.attname = 'outcome' THEN 'succeeded'
                   WHEN a.attname = 'state' THEN CASE c.relname WHEN 'census_projects' THEN 'listed' WHEN 'site_webhooks' THEN 'missing'
                                                              ELSE 'running' END
                   WHEN a.attname = 'standing' THEN 'live'
                   WHEN a.attname = 'collection' THEN 'issues'
                   WHEN a.attname = 'list' THEN 'project_parts'
                   WHEN a.attname = 'kind' THEN CASE c.relname WHEN 'ai_ledger' THEN 'call' WHEN 'site_webhooks' THEN 'admin' ELSE 'backfill' END
                   WHEN a.attname = 'scopes' THEN '{read}'
                   ELSE CASE t.typname
                       WHEN 'uuid' THEN gen_random_uuid()::text WHEN 'timestamptz' THEN now()::text
                       WHEN 'bytea' THEN sha256('x')::text WHEN 'jsonb' THEN '{}' WHEN '_text' THEN '{x}' WHEN '_int8' THEN '{1}'
                       WHEN 'bool' THEN 'true' WHEN 'date' THEN current_date::text WHEN 'text' THEN 'x' WHEN 'varchar' THEN 'x'
                       ELSE '1' END
               END), ', ' ORDER BY a.attnum) AS given
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             AND (a.attnotnull AND NOT a.atthasdef OR a.attname IN ('tenant_id', 'instance_id', 'issue_id', 'error'))
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND EXISTS (
            SELECT FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'tenant_id' AND NOT o.attisdropped)
        GROUP BY n.nspname, c.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE tenant_id = %L)', empty.name, current_setting('fill.tenant')) INTO has_one;
        IF NOT has_one THEN
            EXECUTE format('INSERT INTO %s (%s) VALUES (%s)', empty.name, empty.columns, empty.given);
        END IF;
    END LOOP;
END
$$;
RESET session_replication_role;
