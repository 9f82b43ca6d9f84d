-- Issues that are to be read again because somebody spoke of them: a webhook, a feed of worklogs, a page that shows what was found missing.
-- One row an issue, however often it is spoken of; one job an instance reads all that are due, a hundred at a time.
CREATE TABLE issue_hints (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    -- Whether an event said that the issue was deleted.
    deleted boolean NOT NULL DEFAULT false,
    -- When the latest event said that the issue was updated: what is read and older comes from a replica that lags.
    told_updated timestamptz,
    -- It is read no sooner.
    due_at timestamptz NOT NULL,
    -- When it was last spoken of: whoever reads it closes what he took, and nothing that was said since.
    noted_at timestamptz NOT NULL,
    -- How often it was read since and was older than the event.
    older integer NOT NULL DEFAULT 0,
    -- How often the site had no answer for it.
    unread integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT issue_hints_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX issue_hints_due ON issue_hints (tenant_id, instance_id, due_at);
SELECT forebay.protect('issue_hints');
SELECT forebay.limit_to_whole_tenants('issue_hints');

-- Issues that were taken out of a copy because a hint did not find them, within the last hour: what the brake counts.
CREATE TABLE hint_losses (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    project_id uuid NOT NULL,
    lost_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT hint_losses_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX hint_losses_project ON hint_losses (tenant_id, project_id, lost_at);
SELECT forebay.protect('hint_losses');
SELECT forebay.limit_to_projects('hint_losses', 'project_id');

GRANT CREATE ON SCHEMA forebay TO forebay_queue;

-- Adds a job unless one of that key waits or runs, and nobody waits for anybody: whoever rings leans on the key until the end of the
-- transaction, and a job that is about to end (forebay.release_job) waits for all who do, and then looks once more. So it has seen what
-- they wrote, or they see that it is gone. One whose worker is not heard of any more (a heartbeat comes every ten seconds) counts as dead,
-- long before the queue gives it to another worker.
CREATE FUNCTION forebay.ring_job(task text, payload json, job_key text, priority integer, max_attempts integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('job ' || job_key, 0));
    IF EXISTS (
        SELECT FROM graphile_worker._private_jobs j
        WHERE j.key = job_key AND j.payload->>'tenant' = ring_job.payload->>'tenant' AND CASE
            WHEN j.locked_at IS NULL THEN j.attempts < j.max_attempts
            ELSE coalesce(
                (SELECT w.last_heartbeat_at > clock_timestamp() - interval '25 seconds'
                 FROM graphile_worker._private_workers w WHERE w.id = j.locked_by),
                j.locked_at > clock_timestamp() - interval '20 seconds') END
    ) THEN
        RETURN false;
    END IF;
    PERFORM forebay.enqueue_job(task, payload, NULL, job_key, priority, NULL, max_attempts);
    RETURN true;
END
$$;

-- Takes the key from a job that runs: the next who rings adds another. Only for whoever holds the lock of the key.
CREATE FUNCTION forebay.release_job(job_key text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    UPDATE graphile_worker._private_jobs j SET key = NULL
    WHERE j.key = job_key AND j.locked_at IS NOT NULL
      AND j.payload->>'tenant' = nullif(current_setting('app.current_tenant_id', true), '');
END
$$;
ALTER FUNCTION forebay.ring_job(text, json, text, integer, integer) OWNER TO forebay_queue;
ALTER FUNCTION forebay.release_job(text) OWNER TO forebay_queue;
REVOKE CREATE ON SCHEMA forebay FROM forebay_queue;
REVOKE ALL ON FUNCTION forebay.ring_job(text, json, text, integer, integer), forebay.release_job(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.ring_job(text, json, text, integer, integer), forebay.release_job(text) TO forebay_app;

-- Ends a look at the hints of an instance: those with a time in `due_then` wait until then, the others are closed with the deliveries that
-- spoke of them, unless they were spoken of since they were taken. Then, where nothing else is due, the job of that key is let go:
-- answers whether it was. `patiently` waits for whoever is about to add something; otherwise the answer is that the job goes on.
CREATE FUNCTION forebay.settle_hints(
    instance uuid, issues text[], noted_then timestamptz[], due_then timestamptz[], older_looks integer[], unread_looks integer[],
    job_key text, patiently boolean
) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
    key_lock bigint := hashtextextended('job ' || job_key, 0);
BEGIN
    IF cardinality(issues) > 0 THEN
        -- In the order in which whoever speaks of several takes them.
        PERFORM FROM public.issue_hints h WHERE h.instance_id = instance AND h.jira_id = ANY (issues) ORDER BY h.jira_id FOR UPDATE;
        UPDATE public.issue_hints h SET due_at = l.due, older = l.older, unread = l.unread
        FROM unnest(issues, noted_then, due_then, older_looks, unread_looks) AS l (jira_id, noted, due, older, unread)
        WHERE h.instance_id = instance AND h.jira_id = l.jira_id AND h.noted_at = l.noted AND l.due IS NOT NULL;
        WITH closed AS (
            DELETE FROM public.issue_hints h USING unnest(issues, noted_then, due_then) AS l (jira_id, noted, due)
            WHERE h.instance_id = instance AND h.jira_id = l.jira_id AND h.noted_at = l.noted AND l.due IS NULL
            RETURNING h.jira_id)
        UPDATE public.webhook_inbox i SET state = 'processed', processed_at = clock_timestamp()
        FROM closed WHERE i.instance_id = instance AND i.state = 'received' AND i.issue_jira_id = closed.jira_id;
    END IF;
    IF patiently THEN
        PERFORM pg_advisory_xact_lock(key_lock);
    ELSIF NOT pg_try_advisory_xact_lock(key_lock) THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM public.issue_hints h WHERE h.instance_id = instance AND h.due_at <= clock_timestamp()) THEN
        RETURN false;
    END IF;
    PERFORM forebay.release_job(job_key);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION forebay.settle_hints(uuid, text[], timestamptz[], timestamptz[], integer[], integer[], text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.settle_hints(uuid, text[], timestamptz[], timestamptz[], integer[], integer[], text, boolean)
    TO forebay_app;

-- What was open, and what waited for ever because its job had died: the hourly upkeep rings for it. Whoever migrates owns the tables, and
-- sees all rows while the border does not hold for owners.
ALTER TABLE webhook_inbox NO FORCE ROW LEVEL SECURITY;
ALTER TABLE issue_hints NO FORCE ROW LEVEL SECURITY;
INSERT INTO issue_hints (tenant_id, instance_id, jira_id, deleted, due_at, noted_at)
SELECT i.tenant_id, i.instance_id, i.issue_jira_id, bool_or(i.event = 'jira:issue_deleted'), now(), now()
FROM webhook_inbox i WHERE i.state = 'received' AND i.issue_jira_id IS NOT NULL
GROUP BY i.tenant_id, i.instance_id, i.issue_jira_id;
ALTER TABLE issue_hints FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_inbox FORCE ROW LEVEL SECURITY;
