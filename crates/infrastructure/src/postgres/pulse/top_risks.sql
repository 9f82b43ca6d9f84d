-- $1 instance, $2 project key, $3 now, $4 P85 of lead time in days, $5 how many
WITH worst AS MATERIALIZED (
    SELECT i.tenant_id, i.instance_id, i.id, i.key, i.summary, i.status, i.status_id, i.status_category, i.assignee_id, i.created_at, i.due_date,
        coalesce(i.due_date < ($3::timestamptz AT TIME ZONE 'UTC')::date, false) AS overdue
    FROM issues i
    WHERE i.presence = 'present'
      AND i.status_category <> 'done'
      AND (i.due_date < ($3::timestamptz AT TIME ZONE 'UTC')::date
           OR extract(epoch FROM $3::timestamptz - i.created_at)::float8 / 86400 > $4::float8)
      AND ($1::uuid IS NULL OR i.instance_id = $1)
      AND ($2::text IS NULL OR i.project_id IN (SELECT p.id FROM projects p WHERE p.key = $2))
    ORDER BY overdue DESC, i.created_at, i.id
    LIMIT $5
)
SELECT
    n.name AS instance,
    w.key,
    w.summary,
    coalesce(s.name, w.status) AS "status!",
    w.status_category AS "status_category!",
    a.display_name AS "assignee?",
    extract(epoch FROM $3::timestamptz - w.created_at)::float8 / 86400 AS "age_days!",
    w.due_date AS due,
    CASE WHEN w.overdue THEN 'overdue' ELSE 'older than P85' END AS "reason!"
FROM worst w
JOIN jira_instances n ON n.tenant_id = w.tenant_id AND n.id = w.instance_id
LEFT JOIN statuses s ON s.tenant_id = w.tenant_id AND s.instance_id = w.instance_id AND s.jira_id = w.status_id
LEFT JOIN users a ON a.tenant_id = w.tenant_id AND a.id = w.assignee_id
ORDER BY w.overdue DESC, w.created_at, w.id
