-- $1 instance, $2 project key, $3 from, $4 end (not part of it)
SELECT
    count(*) AS "throughput!",
    percentile_cont(0.50) WITHIN GROUP (ORDER BY c.days) AS p50,
    percentile_cont(0.85) WITHIN GROUP (ORDER BY c.days) AS p85,
    percentile_cont(0.90) WITHIN GROUP (ORDER BY c.days) AS p90,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY c.cycle_days) AS cycle_p50,
    percentile_cont(0.85) WITHIN GROUP (ORDER BY c.cycle_days) AS cycle_p85,
    percentile_cont(0.90) WITHIN GROUP (ORDER BY c.cycle_days) AS cycle_p90
FROM (
    SELECT v.cycle_time_hours / 24 AS cycle_days, greatest(extract(epoch FROM v.completed_at - i.created_at)::float8 / 86400, 0) AS days
    FROM lead_time_view v
    JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
    LEFT JOIN issue_types t
        ON t.tenant_id = i.tenant_id AND t.instance_id = i.instance_id AND t.jira_id = i.issue_type_id
    WHERE v.completed_at >= $3 AND v.completed_at < $4
      AND i.presence = 'present'
      AND forebay.hierarchy_level(i.hierarchy_level, t.subtask, coalesce(t.name, i.issue_type)) = 0
      AND ($1::uuid IS NULL OR i.instance_id = $1)
      AND ($2::text IS NULL OR i.project_id IN (SELECT p.id FROM projects p WHERE p.key = $2))
) c
