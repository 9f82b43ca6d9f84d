-- $1 instance, $2 project key, $3 now, $4 P85 of lead time in days, $5 changed before that means stuck
SELECT
    count(*) AS "issues!",
    count(*) FILTER (WHERE i.status_category <> 'done') AS "open!",
    count(*) FILTER (WHERE i.status_category = 'indeterminate') AS "wip!",
    count(*) FILTER (WHERE i.status_category = 'indeterminate' AND coalesce(m.changed_at, i.created_at) < $5) AS "stuck!",
    count(*) FILTER (
        WHERE i.status_category <> 'done'
          AND (i.due_date < ($3::timestamptz AT TIME ZONE 'UTC')::date
               OR extract(epoch FROM $3::timestamptz - i.created_at)::float8 / 86400 > $4::float8)) AS "sla_risk!",
    max(i.updated_at) AS as_of
FROM issues i
LEFT JOIN LATERAL (
    SELECT max(c.created_at) AS changed_at
    FROM changelogs c
    WHERE i.status_category = 'indeterminate'
      AND c.tenant_id = i.tenant_id AND c.issue_id = i.id AND c.field = 'status'
) m ON true
WHERE i.presence = 'present'
  AND ($1::uuid IS NULL OR i.instance_id = $1)
  AND ($2::text IS NULL OR i.project_id IN (SELECT p.id FROM projects p WHERE p.key = $2))
