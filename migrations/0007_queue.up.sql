-- The one way by which the application adds a job: inside its own transaction, into a queue that it cannot read.
-- The queue's tables are made by the job library as forebay_queue, after these migrations.
CREATE FUNCTION forebay.enqueue_job(
    task text, payload json, queue text, job_key text, priority integer, run_at timestamptz, max_attempts integer
) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    PERFORM graphile_worker.add_job(
        identifier => task, payload => payload, queue_name => queue, run_at => run_at,
        max_attempts => max_attempts, job_key => job_key, priority => priority,
        -- A job that waits as it was asked to (Retry-After, backoff) must not be pulled forward by the next who adds it.
        job_key_mode => 'preserve_run_at');
END
$$;
GRANT CREATE ON SCHEMA forebay TO forebay_queue;
ALTER FUNCTION forebay.enqueue_job(text, json, text, text, integer, timestamptz, integer) OWNER TO forebay_queue;
REVOKE CREATE ON SCHEMA forebay FROM forebay_queue;
REVOKE ALL ON FUNCTION forebay.enqueue_job(text, json, text, text, integer, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.enqueue_job(text, json, text, text, integer, timestamptz, integer)
    TO forebay_app, forebay_platform;
