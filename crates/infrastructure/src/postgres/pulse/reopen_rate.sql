-- $1 instance, $2 project key, $3 from, $4 end (not part of it), $5 how many of the reopened are named
-- Of the issues that entered done within the period, the share that left it again, still within the period. Categories are those
-- of forebay.status_spans: by the status's id, else by its name where all statuses of that name have one category.
WITH names AS (
    SELECT s.instance_id, lower(s.name) AS name, min(s.category) AS category
    FROM statuses s GROUP BY 1, 2 HAVING min(s.category) = max(s.category)
), changes AS (
    SELECT c.issue_id,
        row_number() OVER (PARTITION BY c.issue_id ORDER BY c.created_at, c.jira_number, c.ordinal) AS place,
        coalesce(s_from.category, n_from.category, '') = 'done' AS was_done,
        coalesce(s_to.category, n_to.category, '') = 'done' AS is_done
    FROM changelogs c
    LEFT JOIN statuses s_from
        ON s_from.tenant_id = c.tenant_id AND s_from.instance_id = c.instance_id AND s_from.jira_id = c.from_value
    LEFT JOIN statuses s_to
        ON s_to.tenant_id = c.tenant_id AND s_to.instance_id = c.instance_id AND s_to.jira_id = c.to_value
    LEFT JOIN names n_from
        ON s_from.jira_id IS NULL AND n_from.instance_id = c.instance_id AND n_from.name = lower(c.from_string)
    LEFT JOIN names n_to
        ON s_to.jira_id IS NULL AND n_to.instance_id = c.instance_id AND n_to.name = lower(c.to_string)
    WHERE c.field = 'status' AND c.created_at >= $3 AND c.created_at < $4
), entered AS (
    SELECT issue_id, min(place) AS place FROM changes WHERE is_done AND NOT was_done GROUP BY issue_id
), reopened AS (
    SELECT DISTINCT c.issue_id
    FROM changes c
    JOIN entered e ON e.issue_id = c.issue_id
    WHERE c.was_done AND NOT c.is_done AND c.place > e.place
)
SELECT (count(r.issue_id))::float8 / nullif(count(*), 0) AS rate,
    (array_agg(i.key::text ORDER BY i.key, i.id) FILTER (WHERE r.issue_id IS NOT NULL))[1:$5] AS keys,
    (array_agg(n.name::text ORDER BY i.key, i.id) FILTER (WHERE r.issue_id IS NOT NULL))[1:$5] AS instances
FROM entered e
JOIN issues i ON i.id = e.issue_id
JOIN jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
LEFT JOIN issue_types t
    ON t.tenant_id = i.tenant_id AND t.instance_id = i.instance_id AND t.jira_id = i.issue_type_id
LEFT JOIN reopened r ON r.issue_id = e.issue_id
WHERE i.presence = 'present'
  AND forebay.hierarchy_level(i.hierarchy_level, t.subtask, coalesce(t.name, i.issue_type)) = 0
  AND ($1::uuid IS NULL OR i.instance_id = $1)
  AND ($2::text IS NULL OR i.project_id IN (SELECT p.id FROM projects p WHERE p.key = $2))
