-- What proves a mirror: when each project's set of issues was compared, when its content was, what differed, and what is kept aside.

CREATE TABLE project_proofs (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    project_id uuid NOT NULL,
    -- issues, comments, worklogs, changelog
    collection varchar(20) NOT NULL,
    -- The roll call after which both sides had the same issues, what the site listed, and what the copy had then.
    census_at timestamptz,
    source_rows bigint,
    copy_rows bigint,
    -- The last comparison of content, and how many issues the present round has compared.
    checked_at timestamptz,
    checked_rows bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, project_id, collection),
    CONSTRAINT project_proofs_instance_fkey FOREIGN KEY (tenant_id, instance_id)
        REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT project_proofs_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT project_proofs_collection_check CHECK (collection IN ('issues', 'comments', 'worklogs', 'changelog'))
);
CREATE INDEX project_proofs_instance ON project_proofs (tenant_id, instance_id);
SELECT forebay.protect('project_proofs', true);
SELECT forebay.limit_to_projects('project_proofs', 'project_id');

-- How far the comparison of an instance's content is.
CREATE TABLE drift_rounds (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    after bigint NOT NULL DEFAULT 0,
    began_at timestamptz,
    checked bigint NOT NULL DEFAULT 0,
    differing bigint NOT NULL DEFAULT 0,
    day timestamptz,
    requests_today bigint NOT NULL DEFAULT 0,
    last_round_at timestamptz,
    -- Each issue at least every so many days, within so many requests a day.
    every_days integer NOT NULL DEFAULT 7,
    requests_per_day integer NOT NULL DEFAULT 5000,
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT drift_rounds_instance_fkey FOREIGN KEY (tenant_id, instance_id)
        REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT drift_rounds_days_check CHECK (every_days BETWEEN 1 AND 365),
    CONSTRAINT drift_rounds_requests_check CHECK (requests_per_day >= 1)
);
SELECT forebay.protect('drift_rounds');
SELECT forebay.limit_to_whole_tenants('drift_rounds');

CREATE TABLE drift_findings (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    project_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    issue_key varchar(50) NOT NULL,
    collection varchar(20) NOT NULL,
    -- Fields of the issue, or ids of rows, that differed.
    what text[] NOT NULL,
    origin varchar(30) NOT NULL,
    copy_updated timestamptz NOT NULL,
    source_updated timestamptz NOT NULL,
    mended boolean NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT drift_findings_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX drift_findings_issue ON drift_findings (tenant_id, issue_id);
CREATE INDEX drift_findings_instance ON drift_findings (tenant_id, instance_id, found_at DESC);
CREATE INDEX drift_findings_project ON drift_findings (tenant_id, project_id, collection, found_at);
SELECT forebay.protect('drift_findings', true);
SELECT forebay.limit_to_projects('drift_findings');

-- Rows kept aside are looked for again.
ALTER TABLE sync_rejects
    ADD COLUMN attempts integer NOT NULL DEFAULT 1,
    ADD COLUMN tried_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN retry_at timestamptz NOT NULL DEFAULT now();

-- The SQL door reads when polls proved what, and how many requests were sent.
CREATE POLICY sql_door ON sync_watermarks FOR SELECT TO forebay_read USING (tenant_id = (SELECT forebay.ticket_tenant()));
GRANT SELECT (tenant_id, instance_id, entity, last_updated_at, last_sync_at) ON sync_watermarks TO forebay_read;
CREATE POLICY sql_door ON sync_runs FOR SELECT TO forebay_read USING (tenant_id = (SELECT forebay.ticket_tenant()));
GRANT SELECT (tenant_id, instance_id, requests, started_at) ON sync_runs TO forebay_read;
CREATE POLICY sql_door ON censuses FOR SELECT TO forebay_read USING (tenant_id = (SELECT forebay.ticket_tenant()));
GRANT SELECT (tenant_id, instance_id, requests, started_at) ON censuses TO forebay_read;

CREATE VIEW jira.freshness WITH (security_invoker = true) AS
SELECT
    n.name AS instance, p.key AS project, c.name AS collection,
    coalesce(own.last_updated_at, w.last_updated_at) AS watermark,
    coalesce(own.last_sync_at, w.last_sync_at) AS polled_at,
    extract(epoch FROM now() - coalesce(own.last_sync_at, w.last_sync_at))::float8 AS lag_seconds,
    issues.census_at, q.checked_at, coalesce(q.checked_rows, 0) AS rows_checked,
    (SELECT count(DISTINCT f.issue_id) FROM public.drift_findings f
     WHERE f.tenant_id = p.tenant_id AND f.project_id = p.id AND f.collection = c.name
       AND f.found_at > now() - interval '7 days') AS rows_differing,
    issues.source_rows, issues.copy_rows,
    (SELECT coalesce(sum(r.requests), 0)::bigint FROM public.sync_runs r
     WHERE r.tenant_id = p.tenant_id AND r.instance_id = p.instance_id AND r.started_at > now() - interval '24 hours')
    + (SELECT coalesce(sum(k.requests), 0)::bigint FROM public.censuses k
       WHERE k.tenant_id = p.tenant_id AND k.instance_id = p.instance_id AND k.started_at > now() - interval '24 hours')
        AS instance_requests_24h
FROM public.projects p
JOIN public.jira_instances n ON n.tenant_id = p.tenant_id AND n.id = p.instance_id
CROSS JOIN (VALUES ('issues'), ('comments'), ('worklogs'), ('changelog')) AS c (name)
LEFT JOIN public.sync_watermarks w ON w.tenant_id = p.tenant_id AND w.instance_id = p.instance_id AND w.entity = 'issues'
LEFT JOIN public.sync_watermarks own ON own.tenant_id = p.tenant_id AND own.instance_id = p.instance_id AND own.entity = c.name
LEFT JOIN public.project_proofs issues
    ON issues.tenant_id = p.tenant_id AND issues.project_id = p.id AND issues.collection = 'issues'
LEFT JOIN public.project_proofs q ON q.tenant_id = p.tenant_id AND q.project_id = p.id AND q.collection = c.name
WHERE p.presence = 'present';
COMMENT ON VIEW jira.freshness IS
    'How fresh the copy is, one row per project and collection: what proves its changes, its set of issues, and its content.';
COMMENT ON COLUMN jira.freshness.instance IS 'The site.';
COMMENT ON COLUMN jira.freshness.project IS 'The key of the project.';
COMMENT ON COLUMN jira.freshness.collection IS 'issues, comments, worklogs or changelog.';
COMMENT ON COLUMN jira.freshness.watermark IS 'The newest change that is stored.';
COMMENT ON COLUMN jira.freshness.polled_at IS 'Every change that the site showed up to then is stored. Null for a sandbox.';
COMMENT ON COLUMN jira.freshness.lag_seconds IS 'Seconds since polled_at.';
COMMENT ON COLUMN jira.freshness.census_at IS 'The roll call after which the copy had the issues of the site, and no others.';
COMMENT ON COLUMN jira.freshness.checked_at IS 'When rows were last compared with the site''s, hash by hash.';
COMMENT ON COLUMN jira.freshness.rows_checked IS 'Issues whose rows the present round of comparisons has compared.';
COMMENT ON COLUMN jira.freshness.rows_differing IS 'Issues whose rows differed without a reason in the last seven days; they are mended.';
COMMENT ON COLUMN jira.freshness.source_rows IS 'Issues of the project at the site, as the last census listed them.';
COMMENT ON COLUMN jira.freshness.copy_rows IS 'Present issues of the project in the copy after the last census.';
COMMENT ON COLUMN jira.freshness.instance_requests_24h IS 'Requests that syncs and censuses of the whole site have sent in the last 24 hours.';
GRANT SELECT ON jira.freshness TO forebay_read;

-- What the metrics may learn across tenants: ids, times and counts.
CREATE FUNCTION forebay.freshness_gauges() RETURNS TABLE (
    tenant_id uuid, instance_id uuid, polled_at timestamptz, census_at timestamptz, checked_at timestamptz,
    held_projects bigint, differing bigint, rejected bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT n.tenant_id, n.id,
        (SELECT w.last_sync_at FROM public.sync_watermarks w
         WHERE w.tenant_id = n.tenant_id AND w.instance_id = n.id AND w.entity = 'issues'),
        (SELECT min(q.census_at) FROM public.project_proofs q
         WHERE q.tenant_id = n.tenant_id AND q.instance_id = n.id AND q.collection = 'issues'),
        (SELECT min(q.checked_at) FROM public.project_proofs q
         WHERE q.tenant_id = n.tenant_id AND q.instance_id = n.id AND q.collection = 'issues'),
        (SELECT count(*) FROM public.censuses c
         JOIN public.census_projects h ON h.tenant_id = c.tenant_id AND h.census_id = c.id AND h.state = 'held'
         WHERE c.tenant_id = n.tenant_id AND c.instance_id = n.id AND c.state = 'held'),
        (SELECT count(*) FROM public.drift_findings f
         WHERE f.tenant_id = n.tenant_id AND f.instance_id = n.id AND f.found_at > now() - interval '7 days'),
        (SELECT count(*) FROM public.sync_rejects r WHERE r.tenant_id = n.tenant_id AND r.instance_id = n.id)
    FROM public.jira_instances n WHERE n.active AND n.kind <> 'sandbox'
$$;
GRANT CREATE ON SCHEMA forebay TO forebay_definer;
ALTER FUNCTION forebay.freshness_gauges() OWNER TO forebay_definer;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;
REVOKE ALL ON FUNCTION forebay.freshness_gauges() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.freshness_gauges() TO forebay_platform;
