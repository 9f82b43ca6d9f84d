-- $1 instance, $2 project key, $3 from, $4 end (not part of it)
-- Of the issues that entered done within the period, the share that left it again, still within the period.
WITH crossings AS (
    SELECT c.issue_id, c.created_at, s_to.category = 'done' AS entered
    FROM changelogs c
    JOIN statuses s_from
        ON s_from.tenant_id = c.tenant_id AND s_from.instance_id = c.instance_id AND s_from.jira_id = c.from_value
    JOIN statuses s_to
        ON s_to.tenant_id = c.tenant_id AND s_to.instance_id = c.instance_id AND s_to.jira_id = c.to_value
    WHERE c.field = 'status' AND c.created_at >= $3 AND c.created_at < $4
      AND (s_from.category = 'done') <> (s_to.category = 'done')
), entered AS (
    SELECT issue_id, min(created_at) AS first_entry FROM crossings WHERE entered GROUP BY issue_id
), reopened AS (
    SELECT DISTINCT c.issue_id
    FROM crossings c
    JOIN entered e ON e.issue_id = c.issue_id
    WHERE NOT c.entered AND c.created_at > e.first_entry
)
SELECT (count(r.issue_id))::float8 / nullif(count(*), 0) AS rate
FROM entered e
JOIN issues i ON i.id = e.issue_id
LEFT JOIN issue_types t
    ON t.tenant_id = i.tenant_id AND t.instance_id = i.instance_id AND t.jira_id = i.issue_type_id
LEFT JOIN reopened r ON r.issue_id = e.issue_id
WHERE i.presence = 'present'
  AND coalesce(i.hierarchy_level, CASE WHEN t.subtask THEN -1 WHEN coalesce(t.name, i.issue_type) = 'Epic' THEN 1 ELSE 0 END) = 0
  AND ($1::uuid IS NULL OR i.instance_id = $1)
  AND ($2::text IS NULL OR i.project_id IN (SELECT p.id FROM projects p WHERE p.key = $2))
