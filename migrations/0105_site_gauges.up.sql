-- What was waited for at a site's limits, by the day; and what the metrics of every server tell of every mirror, whichever process
-- did the work.

-- Milliseconds that requests waited because the site, or our own ceiling, asked them to.
ALTER TABLE site_usage ADD COLUMN throttled_ms bigint NOT NULL DEFAULT 0;

CREATE FUNCTION forebay.site_gauges() RETURNS TABLE (
    tenant_id uuid, instance_id uuid, requests bigint, points bigint, refused bigint, failed bigint, throttled_ms bigint,
    pace double precision, paused_until timestamptz, run_done bigint, run_total bigint, run_worked_ms bigint,
    webhooks_waiting bigint, webhooks_since timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT n.tenant_id, n.id, coalesce(u.requests, 0), coalesce(u.points, 0), coalesce(u.refused, 0), coalesce(u.failed, 0),
        coalesce(u.throttled_ms, 0), l.per_minute,
        (SELECT max((p ->> 'until')::timestamptz) FROM jsonb_array_elements(l.pauses) p
         WHERE p ->> 'scope' = 'site' AND (p ->> 'until')::timestamptz > now()),
        coalesce(r.done, 0), coalesce(r.total, 0), coalesce(r.worked_ms, 0), w.waiting, w.since
    FROM public.jira_instances n
    LEFT JOIN public.site_usage u
        ON u.tenant_id = n.tenant_id AND u.instance_id = n.id AND u.day = (now() AT TIME ZONE 'UTC')::date
    LEFT JOIN public.site_limits l ON l.tenant_id = n.tenant_id AND l.instance_id = n.id
    LEFT JOIN public.sync_runs r
        ON r.tenant_id = n.tenant_id AND r.instance_id = n.id AND r.state = 'running' AND r.kind IN ('backfill', 'poll')
    CROSS JOIN LATERAL (
        SELECT count(*) AS waiting, min(i.received_at) AS since FROM public.webhook_inbox i
        WHERE i.tenant_id = n.tenant_id AND i.instance_id = n.id AND i.state = 'received') w
    WHERE n.active AND n.kind <> 'sandbox'
$$;
GRANT CREATE ON SCHEMA forebay TO forebay_definer;
ALTER FUNCTION forebay.site_gauges() OWNER TO forebay_definer;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;
REVOKE ALL ON FUNCTION forebay.site_gauges() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.site_gauges() TO forebay_platform;
