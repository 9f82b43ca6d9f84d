-- $1 instance, $2 behind this issue, $3 so many of them, $4 tenant. OFFSET 0 holds the planner to one look-up for each.
WITH portion AS MATERIALIZED (
    SELECT id, observed_at FROM issues
    WHERE tenant_id = (SELECT $4::uuid) AND id > $2 AND instance_id = $1 AND presence = 'present'
    ORDER BY id LIMIT $3
), read AS MATERIALIZED (
    SELECT i.id, i.jira_id, i.parent_issue_id,
           i.raw_jsonb #> '{fields,issuelinks}' AS links, i.raw_jsonb #> '{fields,subtasks}' AS subtasks,
           coalesce((i.raw_jsonb #> '{fields,issuetype,subtask}')::boolean, false) AS is_subtask
    FROM portion p
    CROSS JOIN LATERAL (SELECT x.* FROM issues x WHERE x.tenant_id = (SELECT $4::uuid) AND x.id = p.id LIMIT 1) i
    WHERE p.observed_at >= coalesce(
        (SELECT max(c.started_at) FROM censuses c WHERE c.instance_id = $1 AND c.state = 'succeeded'), '-infinity')
), shown AS MATERIALIZED (
    SELECT r.id, r.jira_id, true AS is_link, e ->> 'id' AS entry,
           coalesce(e #>> '{inwardIssue,id}', e #>> '{outwardIssue,id}') AS other
    FROM read r CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(r.links) WHEN 'array' THEN r.links ELSE '[]' END) e
    UNION ALL
    SELECT r.id, r.jira_id, false, e ->> 'id', e ->> 'id'
    FROM read r CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(r.subtasks) WHEN 'array' THEN r.subtasks ELSE '[]' END) e
), met AS MATERIALIZED (
    SELECT s.id, s.jira_id, s.is_link, s.entry, s.other, o.id AS other_id, o.presence, o.parent_issue_id,
           CASE WHEN s.is_link AND o.presence = 'present' THEN o.raw_jsonb #> '{fields,issuelinks}' END AS links
    FROM shown s
    LEFT JOIN LATERAL (
        SELECT x.id, x.presence, x.parent_issue_id, x.raw_jsonb FROM issues x
        WHERE x.tenant_id = (SELECT $4::uuid) AND x.instance_id = $1 AND x.jira_number = s.other::bigint LIMIT 1
    ) o ON true
    WHERE s.other ~ '^\d{1,18}$'
), disagreeing AS (
    -- Named, and not in the copy: gone before it was read, or not listed by the site.
    SELECT unnest(ARRAY[m.jira_id, m.other]) AS issue FROM met m
    WHERE m.other_id IS NULL
      AND NOT EXISTS (SELECT FROM sync_rejects r WHERE r.instance_id = $1 AND r.jira_id = m.other)
    UNION
    -- A link that the other issue does not show.
    SELECT unnest(ARRAY[m.jira_id, m.other]) FROM met m
    WHERE jsonb_typeof(m.links) = 'array' AND NOT m.links @> jsonb_build_array(jsonb_build_object('id', m.entry))
    UNION
    -- A sub-task that has another parent.
    SELECT m.jira_id FROM met m
    WHERE NOT m.is_link AND m.presence = 'present' AND m.parent_issue_id IS DISTINCT FROM m.id
    UNION
    -- A sub-task whose parent does not show it.
    SELECT p.jira_id FROM read r
    CROSS JOIN LATERAL (
        SELECT x.jira_id, x.presence, x.raw_jsonb #> '{fields,subtasks}' AS subtasks FROM issues x
        WHERE x.tenant_id = (SELECT $4::uuid) AND x.id = r.parent_issue_id LIMIT 1) p
    WHERE r.is_subtask AND p.presence = 'present' AND jsonb_typeof(p.subtasks) = 'array'
      AND NOT p.subtasks @> jsonb_build_array(jsonb_build_object('id', r.jira_id))
    UNION
    SELECT r.jira_id FROM read r
    CROSS JOIN LATERAL (
        SELECT x.jira_id, x.raw_jsonb #> '{fields,issuetype,subtask}' AS is_subtask FROM issues x
        WHERE x.tenant_id = (SELECT $4::uuid) AND x.parent_issue_id = r.id AND x.presence = 'present' OFFSET 0) c
    WHERE c.is_subtask = 'true' AND jsonb_typeof(r.subtasks) = 'array'
      AND NOT r.subtasks @> jsonb_build_array(jsonb_build_object('id', c.jira_id))
    UNION
    -- A link that the other issue shows alone: the copy has it as deleted since this one was read.
    SELECT unnest(ARRAY[r.jira_id, o.jira_id]) FROM read r
    CROSS JOIN LATERAL (
        SELECT l.jira_id, l.outward_issue_id AS other FROM issue_links l
        WHERE l.tenant_id = (SELECT $4::uuid) AND l.inward_issue_id = r.id
        UNION ALL
        SELECT l.jira_id, l.inward_issue_id FROM issue_links l
        WHERE l.tenant_id = (SELECT $4::uuid) AND l.outward_issue_id = r.id) l
    CROSS JOIN LATERAL (
        SELECT x.jira_id, x.presence, x.raw_jsonb #> '{fields,issuelinks}' AS links FROM issues x
        WHERE x.tenant_id = (SELECT $4::uuid) AND x.id = l.other LIMIT 1) o
    WHERE jsonb_typeof(r.links) = 'array' AND o.presence = 'present'
      AND NOT r.links @> jsonb_build_array(jsonb_build_object('id', l.jira_id))
      AND o.links @> jsonb_build_array(jsonb_build_object('id', l.jira_id))
)
SELECT (SELECT max(id::text)::uuid FROM portion) AS last,
       coalesce((SELECT array_agg(issue) FROM disagreeing), '{}') AS "disagreeing!"
