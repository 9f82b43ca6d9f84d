-- $1 instance, $2 project key, $3 from, $4 end (not part of it)
-- Reopened: a status change from category done to another one within the period.
WITH reopened AS (
    SELECT DISTINCT c.issue_id
    FROM changelogs c
    JOIN statuses s_from
        ON s_from.tenant_id = c.tenant_id AND s_from.instance_id = c.instance_id AND s_from.jira_id = c.from_value
    JOIN statuses s_to
        ON s_to.tenant_id = c.tenant_id AND s_to.instance_id = c.instance_id AND s_to.jira_id = c.to_value
    WHERE c.field = 'status' AND c.created_at >= $3 AND c.created_at < $4
      AND s_from.category = 'done' AND s_to.category <> 'done'
)
SELECT (count(*) FILTER (WHERE r.issue_id IS NOT NULL))::float8 / nullif(count(*), 0) AS rate
FROM issues i
LEFT JOIN issue_types t
    ON t.tenant_id = i.tenant_id AND t.instance_id = i.instance_id AND t.jira_id = i.issue_type_id
LEFT JOIN lead_time_view v ON v.tenant_id = i.tenant_id AND v.issue_id = i.id
LEFT JOIN reopened r ON r.issue_id = i.id
WHERE i.presence = 'present'
  AND (r.issue_id IS NOT NULL OR (v.completed_at >= $3 AND v.completed_at < $4))
  AND coalesce(i.hierarchy_level, CASE WHEN t.subtask THEN -1 WHEN i.issue_type = 'Epic' THEN 1 ELSE 0 END) = 0
  AND ($1::uuid IS NULL OR i.instance_id = $1)
  AND ($2::text IS NULL OR i.project_id IN (SELECT p.id FROM projects p WHERE p.key = $2))
