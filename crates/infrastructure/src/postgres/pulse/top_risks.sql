-- $1 instance, $2 project key, $3 now, $4 P85 of lead time in days, $5 how many
SELECT
    n.name AS instance,
    i.key,
    i.summary,
    i.status,
    a.display_name AS "assignee?",
    extract(epoch FROM $3::timestamptz - i.created_at)::float8 / 86400 AS "age_days!",
    i.due_date AS due,
    CASE WHEN i.due_date < ($3::timestamptz AT TIME ZONE 'UTC')::date THEN 'overdue' ELSE 'older than P85' END AS "reason!"
FROM issues i
JOIN jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
JOIN projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
LEFT JOIN users a ON a.tenant_id = i.tenant_id AND a.id = i.assignee_id
WHERE i.presence = 'present'
  AND i.status_category <> 'done'
  AND (i.due_date < ($3::timestamptz AT TIME ZONE 'UTC')::date
       OR extract(epoch FROM $3::timestamptz - i.created_at)::float8 / 86400 > $4::float8)
  AND ($1::uuid IS NULL OR i.instance_id = $1)
  AND ($2::text IS NULL OR p.key = $2)
ORDER BY coalesce(i.due_date < ($3::timestamptz AT TIME ZONE 'UTC')::date, false) DESC, i.created_at, i.id
LIMIT $5
