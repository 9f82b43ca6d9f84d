-- As in 0019, but an issue that is added to a sprint twice is added once: the second time had no end.
CREATE OR REPLACE VIEW public.sprint_issues WITH (security_invoker = true) AS
WITH events AS (
    SELECT c.tenant_id, c.instance_id, c.issue_id, e.sprint_id, e.added, false AS assumed,
           c.created_at AS at, c.jira_number, c.ordinal
    FROM public.changelogs c
    CROSS JOIN LATERAL (
        SELECT string_to_array(translate(c.from_value, ' ', ''), ',') AS before,
               string_to_array(translate(c.to_value, ' ', ''), ',') AS after) l
    CROSS JOIN LATERAL (
        SELECT CASE WHEN a.id ~ '^[0-9]{1,18}$' THEN a.id::bigint END AS sprint_id, true AS added
        FROM unnest(l.after) a (id) WHERE a.id <> ALL (coalesce(l.before, '{}'))
        UNION ALL
        SELECT CASE WHEN b.id ~ '^[0-9]{1,18}$' THEN b.id::bigint END, false
        FROM unnest(l.before) b (id) WHERE b.id <> ALL (coalesce(l.after, '{}'))) e
    WHERE c.field = 'Sprint'
    UNION ALL
    SELECT v.tenant_id, f.instance_id, v.issue_id,
           CASE WHEN v.value_id ~ '^[0-9]{1,18}$' THEN v.value_id::bigint END, true, true, '-infinity', 0, 0
    FROM public.custom_fields f
    JOIN public.issue_field_values v ON v.tenant_id = f.tenant_id AND v.field_id = f.field_key AND v.value_id IS NOT NULL
    JOIN public.issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id AND i.instance_id = f.instance_id
    WHERE f.field_type LIKE '%:gh-sprint'
), steps AS (
    SELECT e.*, lag(e.added) OVER w AS was_added, lag(e.assumed) OVER w AS was_assumed
    FROM events e
    WINDOW w AS (PARTITION BY e.tenant_id, e.instance_id, e.sprint_id, e.issue_id
                 ORDER BY e.at, e.jira_number, e.ordinal)
), turns AS (
    -- Added twice, or removed twice, is once.
    SELECT s.tenant_id, s.instance_id, s.issue_id, s.sprint_id, s.added, s.assumed, s.at, s.jira_number, s.ordinal
    FROM steps s
    WHERE s.was_assumed OR s.added IS DISTINCT FROM s.was_added
), ordered AS (
    SELECT e.*, row_number() OVER w AS place, lead(e.added) OVER w AS next_added, lead(e.at) OVER w AS next_at
    FROM turns e
    WINDOW w AS (PARTITION BY e.tenant_id, e.instance_id, e.sprint_id, e.issue_id
                 ORDER BY e.at, e.jira_number, e.ordinal)
)
SELECT o.tenant_id, o.instance_id, o.sprint_id, o.issue_id,
       CASE WHEN o.added AND NOT o.assumed THEN o.at ELSE i.created_at END AS added_at,
       CASE WHEN o.added THEN CASE WHEN NOT o.next_added THEN o.next_at END ELSE o.at END AS removed_at
FROM ordered o
JOIN public.issues i ON i.tenant_id = o.tenant_id AND i.id = o.issue_id
WHERE i.presence = 'present' AND o.sprint_id IS NOT NULL
  -- The field's present value is no news where a change put it there; a departure counts where nothing was known before.
  AND CASE WHEN o.assumed THEN o.next_added IS DISTINCT FROM true WHEN o.added THEN true ELSE o.place = 1 END;
