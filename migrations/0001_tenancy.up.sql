-- Schemas, the border, tenants, instances and keys.
--
-- public   tables; only forebay_app and forebay_platform may name them
-- forebay  functions that hold the border
-- jira     secured views, the SQL door
--
-- The roles are made before the first migration (infrastructure::postgres::roles):
--   forebay_app       serves requests; one tenant per transaction, set by app.current_tenant_id
--   forebay_read      the SQL door; its tenant comes from an unguessable ticket, because a query may call set_config
--   forebay_platform  the narrow exception: tenants and keys, before or across tenants
--   forebay_definer   cannot log in; owns what must see all tenants, and names the tenant itself
--   forebay_queue     owns the job queue's schema
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO forebay_app, forebay_platform, forebay_definer;

CREATE SCHEMA forebay;
CREATE SCHEMA jira;
GRANT USAGE ON SCHEMA forebay TO forebay_app, forebay_read, forebay_platform, forebay_definer, forebay_queue;
GRANT USAGE ON SCHEMA jira TO forebay_app, forebay_read;
-- Whoever is given a function needs the right to make one, unless a superuser gives it; taken back below.
GRANT CREATE ON SCHEMA forebay TO forebay_definer;

-- The tenant of an application transaction. Unset or empty means none: no rows, never all rows.
CREATE FUNCTION forebay.current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.current_tenant_id', true), '')::uuid;

CREATE TABLE tenants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    -- What a session of the SQL door shows to prove its tenant. Never leaves the server.
    sql_ticket uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_name_key UNIQUE (name),
    CONSTRAINT tenants_sql_ticket_key UNIQUE (sql_ticket),
    CONSTRAINT tenants_name_check CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$')
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenants FOR SELECT TO forebay_app
    USING (id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);
CREATE POLICY every_tenant ON tenants TO forebay_platform USING (true) WITH CHECK (true);
CREATE POLICY every_tenant_for_definers ON tenants TO forebay_definer USING (true) WITH CHECK (true);
GRANT SELECT ON tenants TO forebay_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO forebay_platform;
GRANT SELECT ON tenants TO forebay_definer;

CREATE FUNCTION forebay.ticket_tenant() RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog
AS $$
BEGIN
    RETURN (SELECT t.id FROM public.tenants t
            WHERE t.sql_ticket = nullif(current_setting('app.sql_ticket', true), '')::uuid);
EXCEPTION WHEN invalid_text_representation THEN
    RETURN NULL;
END
$$;
ALTER FUNCTION forebay.ticket_tenant() OWNER TO forebay_definer;
REVOKE ALL ON FUNCTION forebay.ticket_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.ticket_tenant() TO forebay_read;

-- Puts a table behind the border. Every table with a tenant_id passes through here; a test walks the catalogue.
CREATE FUNCTION forebay.protect(target regclass, readable boolean DEFAULT false) RETURNS void
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
REVOKE ALL ON FUNCTION forebay.protect(regclass, boolean) FROM PUBLIC;

CREATE TABLE jira_instances (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- How the instance is named in addresses: /jira/{name}.
    name varchar(63) NOT NULL,
    display_name varchar(255) NOT NULL,
    kind varchar(50) NOT NULL,
    base_url varchar(500) NOT NULL,
    auth_method varchar(50) NOT NULL,
    -- Keyed hash: the address itself is only inside the encrypted credential.
    email_hash varchar(64),
    api_token_encrypted text,
    -- The shape the site speaks: v3 (ADF) on Cloud, v2 (wiki markup) on Server and Data Center.
    dialect varchar(2) NOT NULL DEFAULT 'v3',
    -- The account of the credential, as seen at the first successful test; a run that sees another one stops.
    account_id varchar(255),
    time_zone varchar(64),
    webhook_secret_encrypted text,
    webhook_remote_id varchar(64),
    -- The last id a sandbox has given out.
    sandbox_last_id bigint NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id),
    CONSTRAINT jira_instances_tenant_key UNIQUE (tenant_id, id),
    CONSTRAINT jira_instances_name_key UNIQUE (tenant_id, name),
    CONSTRAINT jira_instances_site_key UNIQUE NULLS NOT DISTINCT (tenant_id, base_url, email_hash, name),
    CONSTRAINT jira_instances_name_check CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    CONSTRAINT jira_instances_kind_check CHECK (kind IN ('cloud', 'server', 'datacenter', 'sandbox')),
    CONSTRAINT jira_instances_auth_check CHECK (auth_method IN ('none', 'oauth', 'api_token', 'pat')),
    CONSTRAINT jira_instances_dialect_check CHECK (dialect IN ('v2', 'v3'))
);
SELECT forebay.protect('jira_instances', true);
-- The SQL door needs an instance's name, and nothing of its credentials.
REVOKE SELECT ON jira_instances FROM forebay_read;
GRANT SELECT (tenant_id, id, name) ON jira_instances TO forebay_read;

CREATE TABLE api_keys (
    id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name varchar(255) NOT NULL,
    -- The public half, by which the key is found; the secret half is stored only as a hash.
    prefix varchar(16) NOT NULL,
    secret_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    policy jsonb NOT NULL DEFAULT '{}',
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_prefix_key UNIQUE (prefix),
    CONSTRAINT api_keys_scopes_check CHECK (scopes <@ ARRAY['read', 'write', 'sql', 'ai', 'admin'] AND cardinality(scopes) > 0)
);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id, created_at);
SELECT forebay.protect('api_keys');
CREATE POLICY every_key ON api_keys TO forebay_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON api_keys TO forebay_platform;

-- What the scheduler and the webhook door may learn across tenants: ids, nothing else.
CREATE FUNCTION forebay.active_mirrors() RETURNS TABLE (tenant_id uuid, instance_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT i.tenant_id, i.id FROM public.jira_instances i WHERE i.active AND i.kind <> 'sandbox'
$$;
CREATE FUNCTION forebay.tenant_of_instance(instance uuid) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT i.tenant_id FROM public.jira_instances i WHERE i.id = instance
$$;
ALTER FUNCTION forebay.active_mirrors() OWNER TO forebay_definer;
ALTER FUNCTION forebay.tenant_of_instance(uuid) OWNER TO forebay_definer;
REVOKE ALL ON FUNCTION forebay.active_mirrors(), forebay.tenant_of_instance(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.active_mirrors(), forebay.tenant_of_instance(uuid) TO forebay_platform;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;
