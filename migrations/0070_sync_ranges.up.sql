-- Backfills in ranges that several tasks share, and when each mirror is looked at next.

-- One running sync per instance and collection: a census does not wait for a poll.
ALTER TABLE sync_runs
    ADD COLUMN collection varchar(20) NOT NULL DEFAULT 'issues',
    -- Milliseconds that a worker was at it: a run that waits for its next turn, or for a site that wants to be left alone, does not work.
    ADD COLUMN worked_ms bigint NOT NULL DEFAULT 0,
    -- Milliseconds that requests waited because the site, or our own ceiling, asked them to.
    ADD COLUMN throttled_ms bigint NOT NULL DEFAULT 0;
DROP INDEX sync_runs_one_running;
CREATE UNIQUE INDEX sync_runs_one_running ON sync_runs (tenant_id, instance_id, collection) WHERE state = 'running';

-- What is left of a backfill: windows of creation time, newest first. Each has its own place to go on, committed with its page.
CREATE TABLE sync_ranges (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- From (inclusive) and to (exclusive); without one, the range is open at that end.
    created_from timestamptz,
    created_to timestamptz,
    -- Issue ids, where a single minute holds too many.
    id_from bigint,
    id_to bigint,
    -- About how many issues it holds; unknown until the site was asked.
    estimate bigint,
    position jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT sync_ranges_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sync_ranges_instance ON sync_ranges (tenant_id, instance_id, created_to DESC);
SELECT forebay.protect('sync_ranges');
SELECT forebay.limit_to_whole_tenants('sync_ranges');

-- When a mirror is looked at next, and why not sooner.
CREATE TABLE sync_schedules (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- By a person: nothing is read until they resume.
    paused_at timestamptz,
    next_at timestamptz,
    -- The present distance of polls: shorter while the site is busy.
    interval_seconds integer,
    -- Runs that failed since the last one that succeeded, and why the last of them did.
    failures integer NOT NULL DEFAULT 0,
    error text,
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT sync_schedules_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('sync_schedules');

-- The mirrors whose time has come and that nobody is at.
GRANT CREATE ON SCHEMA forebay TO forebay_definer;
CREATE FUNCTION forebay.due_mirrors(at timestamptz) RETURNS TABLE (tenant_id uuid, instance_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT i.tenant_id, i.id
    FROM public.jira_instances i
    LEFT JOIN public.sync_schedules s ON s.tenant_id = i.tenant_id AND s.instance_id = i.id
    WHERE i.active AND i.kind <> 'sandbox' AND s.paused_at IS NULL AND coalesce(s.next_at <= at, true)
      AND NOT EXISTS (
          SELECT FROM public.sync_runs r
          WHERE r.tenant_id = i.tenant_id AND r.instance_id = i.id AND r.collection = 'issues' AND r.state = 'running'
            AND r.lease_until > at)
    ORDER BY s.next_at NULLS FIRST
$$;
ALTER FUNCTION forebay.due_mirrors(timestamptz) OWNER TO forebay_definer;
REVOKE ALL ON FUNCTION forebay.due_mirrors(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.due_mirrors(timestamptz) TO forebay_platform;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;
