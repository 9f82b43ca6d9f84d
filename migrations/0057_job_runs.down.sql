GRANT CREATE ON SCHEMA forebay TO forebay_queue;
CREATE OR REPLACE FUNCTION forebay.remove_jobs(tenant uuid, naming text[], most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    removed bigint;
BEGIN
    WITH gone AS (
        DELETE FROM graphile_worker._private_jobs WHERE id IN (
            SELECT j.id FROM graphile_worker._private_jobs j
            WHERE j.payload::jsonb ->> 'tenant' = tenant::text
              AND (naming IS NULL OR EXISTS (SELECT FROM unnest(naming) n WHERE strpos(lower(j.payload::jsonb::text COLLATE "C"), n) > 0))
            LIMIT most)
        RETURNING 1)
    SELECT count(*) INTO removed FROM gone;
    RETURN removed;
END
$$;
REVOKE CREATE ON SCHEMA forebay FROM forebay_queue;
DROP FUNCTION forebay.rewrite_ledger_entry(uuid, bigint, text);
REVOKE UPDATE (actor) ON ai_ledger FROM forebay_definer;
COMMENT ON COLUMN ai_ledger.actor IS NULL;
DROP POLICY project_limit ON ai_ledger;
DROP POLICY project_limit ON job_runs;
