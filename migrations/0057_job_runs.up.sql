-- What a job did is told of a whole site, and what the model's ledger says of a whole tenant: neither is for callers who are limited
-- to projects. Writing to the ledger is not limited, as it is not to the audit log: what such a caller costs is booked.
SELECT forebay.limit_to_whole_tenants('job_runs');
CREATE POLICY project_limit ON ai_ledger AS RESTRICTIVE FOR SELECT TO forebay_app
    USING ((SELECT forebay.reach()) <> 'projects');

-- A person who is erased is taken out of the ledger too, which the application itself cannot change. The hashes that chain its rows
-- are of every column but this one, or erasing would break the chain.
COMMENT ON COLUMN ai_ledger.actor IS 'Who it was for. Not covered by the hash, since a person who is erased is taken out of it.';
GRANT UPDATE (actor) ON ai_ledger TO forebay_definer;
GRANT CREATE ON SCHEMA forebay TO forebay_definer, forebay_queue;
CREATE FUNCTION forebay.rewrite_ledger_entry(tenant uuid, entry bigint, new_actor text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$
    UPDATE public.ai_ledger l SET actor = new_actor WHERE l.tenant_id = tenant AND l.sequence = entry
$$;
ALTER FUNCTION forebay.rewrite_ledger_entry(uuid, bigint, text) OWNER TO forebay_definer;
REVOKE ALL ON FUNCTION forebay.rewrite_ledger_entry(uuid, bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.rewrite_ledger_entry(uuid, bigint, text) TO forebay_platform;

-- A dead letter names a person in its error as well as in its payload.
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
              AND (naming IS NULL OR EXISTS (
                  SELECT FROM unnest(naming) n
                  WHERE strpos(lower((j.payload::jsonb::text || coalesce(j.last_error, '')) COLLATE "C"), n) > 0))
            LIMIT most)
        RETURNING 1)
    SELECT count(*) INTO removed FROM gone;
    RETURN removed;
END
$$;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer, forebay_queue;
