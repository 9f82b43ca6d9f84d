-- Jobs that wait, run or have died, for those who administer them. A tenant's administrators see the tenant's jobs: the caller
-- names the tenant, and only forebay_platform may call.
GRANT CREATE ON SCHEMA forebay TO forebay_queue;

CREATE FUNCTION forebay.queued_jobs(tenant uuid, job bigint, wanted text, before bigint, most integer)
    RETURNS TABLE (id bigint, task text, payload jsonb, state text, priority integer, attempts integer, max_attempts integer,
                   run_at timestamptz, created_at timestamptz, locked_at timestamptz, last_error text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    RETURN QUERY
    SELECT * FROM (
        SELECT j.id, t.identifier, j.payload::jsonb,
               CASE WHEN j.locked_at IS NOT NULL THEN 'running'
                    WHEN j.attempts >= j.max_attempts THEN 'dead'
                    WHEN j.attempts > 0 THEN 'failing'
                    ELSE 'waiting' END AS state,
               j.priority::integer, j.attempts::integer, j.max_attempts::integer, j.run_at, j.created_at, j.locked_at,
               j.last_error
        FROM graphile_worker._private_jobs j
        JOIN graphile_worker._private_tasks t ON t.id = j.task_id
        WHERE ($1 IS NULL OR j.payload::jsonb ->> 'tenant' = $1::text)
          AND ($2 IS NULL OR j.id = $2) AND ($4 IS NULL OR j.id < $4)) s
    WHERE $3 IS NULL OR s.state = $3
    ORDER BY s.id DESC LIMIT $5;
END
$$;

-- Lets a job that waits, or has died, run now, with so many attempts; false where there is none, or it is running.
CREATE FUNCTION forebay.retry_job(tenant uuid, job bigint, tries integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    UPDATE graphile_worker._private_jobs j
    SET attempts = 0, max_attempts = greatest(j.max_attempts, $3), run_at = now(), last_error = NULL, updated_at = now()
    WHERE j.id = $2 AND j.locked_at IS NULL AND ($1 IS NULL OR j.payload::jsonb ->> 'tenant' = $1::text);
    RETURN FOUND;
END
$$;

CREATE FUNCTION forebay.drop_job(tenant uuid, job bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    DELETE FROM graphile_worker._private_jobs j
    WHERE j.id = $2 AND j.locked_at IS NULL AND ($1 IS NULL OR j.payload::jsonb ->> 'tenant' = $1::text);
    RETURN FOUND;
END
$$;

ALTER FUNCTION forebay.queued_jobs(uuid, bigint, text, bigint, integer) OWNER TO forebay_queue;
ALTER FUNCTION forebay.retry_job(uuid, bigint, integer) OWNER TO forebay_queue;
ALTER FUNCTION forebay.drop_job(uuid, bigint) OWNER TO forebay_queue;
REVOKE ALL ON FUNCTION forebay.queued_jobs(uuid, bigint, text, bigint, integer), forebay.retry_job(uuid, bigint, integer),
    forebay.drop_job(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.queued_jobs(uuid, bigint, text, bigint, integer), forebay.retry_job(uuid, bigint, integer),
    forebay.drop_job(uuid, bigint) TO forebay_platform;
REVOKE CREATE ON SCHEMA forebay FROM forebay_queue;
