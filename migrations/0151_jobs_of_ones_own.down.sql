CREATE OR REPLACE FUNCTION forebay.enqueue_job(
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
