-- People who were erased, and what it takes to remove a tenant in steps.
--
-- No index is added for the erasure of a person: who wrote a comment or a history, and whom a text mentions, is looked for in
-- batches along the primary keys. Persons are erased some times a year; an index on comments.author_id, changelogs.author_id and
-- issues.creator_id would cost each synced row, and would still not find those who are only mentioned.

-- What keeps a person from coming back: a keyed hash of the instance and the account id, from which neither can be read, and
-- the pseudonym that stands in the person's place.
CREATE TABLE erased_users (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    account_hash varchar(64) NOT NULL,
    pseudonym varchar(64) NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, account_hash),
    CONSTRAINT erased_users_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('erased_users');

-- The audit log is never changed, with two exceptions that the application itself cannot make: a person who is erased is
-- taken out of it, and it goes when its tenant goes.
GRANT UPDATE (actor, target, payload), DELETE ON audit_log TO forebay_definer;
GRANT CREATE ON SCHEMA forebay TO forebay_definer, forebay_queue;

CREATE FUNCTION forebay.rewrite_audit_entry(tenant uuid, entry uuid, new_actor text, new_target text, new_payload jsonb) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$
    UPDATE public.audit_log l SET actor = new_actor, target = new_target, payload = new_payload
    WHERE l.tenant_id = tenant AND l.id = entry
$$;
-- In the order of the index, so that a batch does not read all that is left.
CREATE FUNCTION forebay.remove_audit_entries(tenant uuid, most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    SET enable_bitmapscan = off SET enable_seqscan = off SET enable_sort = off
AS $$
    WITH gone AS (
        DELETE FROM public.audit_log l
        WHERE l.tenant_id = tenant
          AND l.id IN (SELECT o.id FROM public.audit_log o WHERE o.tenant_id = tenant ORDER BY o.id LIMIT most)
        RETURNING 1)
    SELECT count(*) FROM gone
$$;
ALTER FUNCTION forebay.rewrite_audit_entry(uuid, uuid, text, text, jsonb) OWNER TO forebay_definer;
ALTER FUNCTION forebay.remove_audit_entries(uuid, integer) OWNER TO forebay_definer;
REVOKE ALL ON FUNCTION forebay.rewrite_audit_entry(uuid, uuid, text, text, jsonb), forebay.remove_audit_entries(uuid, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.rewrite_audit_entry(uuid, uuid, text, text, jsonb), forebay.remove_audit_entries(uuid, integer)
    TO forebay_platform;

-- Jobs of a tenant: all, or those whose payload holds one of these texts. The queue's tables are made after these migrations.
CREATE FUNCTION forebay.remove_jobs(tenant uuid, naming text[], most integer) RETURNS bigint
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
-- The lanes of a removed instance: their names hold its id.
CREATE FUNCTION forebay.remove_lanes(instance uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    DELETE FROM graphile_worker._private_job_queues q
    WHERE strpos(q.queue_name, instance::text) > 0
      AND NOT EXISTS (SELECT FROM graphile_worker._private_jobs j WHERE j.job_queue_id = q.id);
END
$$;
ALTER FUNCTION forebay.remove_jobs(uuid, text[], integer) OWNER TO forebay_queue;
ALTER FUNCTION forebay.remove_lanes(uuid) OWNER TO forebay_queue;
REVOKE ALL ON FUNCTION forebay.remove_jobs(uuid, text[], integer), forebay.remove_lanes(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.remove_jobs(uuid, text[], integer), forebay.remove_lanes(uuid) TO forebay_platform;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer, forebay_queue;
