-- Whoever adds a job under a key while one waits for its time replaces it, and whoever comes next waits for that transaction to end: all
-- webhooks of all tenants ask for the same refresh of the metrics. Where the job that waits is the same as the one that would take its
-- place, and its time has not come, many transactions lean on it at once instead. None of them can miss it: while one of them is open, no
-- worker takes the job.
CREATE OR REPLACE FUNCTION forebay.enqueue_job(
    task text, payload json, queue text, job_key text, priority integer, run_at timestamptz, max_attempts integer
) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    named text := CASE json_typeof(payload) WHEN 'object' THEN payload->>'tenant' END;
BEGIN
    IF session_user = 'forebay_app' THEN
        -- A list would be read as the fields of a job in their order.
        IF json_typeof(payload) IS DISTINCT FROM 'object' THEN
            RAISE EXCEPTION 'the payload of a job must be an object' USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF named IS NOT NULL
            AND named::uuid IS DISTINCT FROM nullif(current_setting('app.current_tenant_id', true), '')::uuid THEN
            RAISE EXCEPTION 'the job is of another tenant than the transaction' USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF job_key IS NOT NULL AND EXISTS (
            SELECT FROM graphile_worker._private_jobs j
            WHERE j.key = job_key AND j.payload->>'tenant' IS DISTINCT FROM named
        ) THEN
            RAISE EXCEPTION 'a job of another tenant waits under that key' USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    IF job_key IS NOT NULL AND run_at > now() THEN
        PERFORM FROM graphile_worker._private_jobs j
        JOIN graphile_worker._private_tasks t ON t.id = j.task_id
        WHERE j.key = job_key AND t.identifier = task AND j.payload::jsonb = enqueue_job.payload::jsonb
          AND j.attempts = 0 AND j.locked_at IS NULL AND j.run_at > clock_timestamp()
        FOR SHARE OF j;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    PERFORM graphile_worker.add_job(
        identifier => task, payload => payload, queue_name => queue, run_at => run_at,
        max_attempts => max_attempts, job_key => job_key, priority => priority,
        -- A job that waits as it was asked to (Retry-After, backoff) must not be pulled forward by the next who adds it.
        job_key_mode => 'preserve_run_at');
END
$$;
