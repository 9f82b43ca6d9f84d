-- $1 instance, $2 the scope of a pause of a whole site, $3 now
-- The latest run that ended decides: a run that goes on tells nothing yet. A run that met a pause knows less than the one that
-- caused it, so its reason is only taken where there is no other.
SELECT
    n.name,
    n.id,
    n.active AND s.paused_at IS NULL AS "tried_again!",
    f.failing_since AS "failing_since!",
    CASE WHEN forebay.reach() <> 'projects' THEN f.error END AS error,
    w.last_sync_at AS "last_proof?",
    greatest(p.until, s.next_at) AS not_before
FROM jira_instances n
JOIN LATERAL (
    SELECT state FROM sync_runs r
    WHERE r.tenant_id = n.tenant_id AND r.instance_id = n.id AND r.collection = 'issues' AND r.state IN ('succeeded', 'failed')
    ORDER BY r.started_at DESC, r.id DESC LIMIT 1
) last ON last.state = 'failed'
LEFT JOIN LATERAL (
    SELECT started_at FROM sync_runs r
    WHERE r.tenant_id = n.tenant_id AND r.instance_id = n.id AND r.collection = 'issues' AND r.state = 'succeeded'
    ORDER BY r.started_at DESC, r.id DESC LIMIT 1
) good ON true
CROSS JOIN LATERAL (
    SELECT min(coalesce(r.finished_at, r.updated_at)) AS failing_since,
        (array_agg(r.error ORDER BY r.error LIKE 'the Jira site is left alone until %', r.started_at DESC, r.id DESC))[1] AS error
    FROM sync_runs r
    WHERE r.tenant_id = n.tenant_id AND r.instance_id = n.id AND r.collection = 'issues' AND r.state = 'failed'
        AND (good.started_at IS NULL OR r.started_at > good.started_at)
) f
LEFT JOIN sync_schedules s ON s.tenant_id = n.tenant_id AND s.instance_id = n.id
LEFT JOIN sync_watermarks w ON w.tenant_id = n.tenant_id AND w.instance_id = n.id AND w.entity = 'issues'
LEFT JOIN LATERAL (
    SELECT max((e.pause ->> 'until')::timestamptz) AS until
    FROM site_limits l CROSS JOIN LATERAL jsonb_array_elements(l.pauses) e (pause)
    WHERE l.tenant_id = n.tenant_id AND l.instance_id = n.id AND e.pause ->> 'scope' = $2
        AND (e.pause ->> 'until')::timestamptz > $3
) p ON true
WHERE n.kind <> 'sandbox' AND ($1::uuid IS NULL OR n.id = $1)
ORDER BY n.name
