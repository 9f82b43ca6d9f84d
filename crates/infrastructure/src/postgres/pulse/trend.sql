-- $1 instance, $2 project key, $3 from, $4 end (not part of it), $5 weeks
-- A week without anything is a row of zeros. Weeks have 7 days of 24 hours: UTC has no summer time.
WITH chosen AS (
    SELECT i.created_at, v.completed_at,
        forebay.hierarchy_level(i.hierarchy_level, t.subtask, coalesce(t.name, i.issue_type)) = 0 AS standard
    FROM issues i
    LEFT JOIN issue_types t
        ON t.tenant_id = i.tenant_id AND t.instance_id = i.instance_id AND t.jira_id = i.issue_type_id
    LEFT JOIN lead_time_view v ON v.tenant_id = i.tenant_id AND v.issue_id = i.id
    WHERE i.presence = 'present'
      AND (i.created_at >= $3 OR v.completed_at >= $3)
      AND ($1::uuid IS NULL OR i.instance_id = $1)
      AND ($2::text IS NULL OR i.project_id IN (SELECT p.id FROM projects p WHERE p.key = $2))
), created AS (
    SELECT floor(extract(epoch FROM created_at - $3) / 604800)::integer AS week, count(*) AS created
    FROM chosen
    WHERE created_at >= $3 AND created_at < $4
    GROUP BY 1
), completed AS (
    SELECT week, count(*) AS completed,
        percentile_cont(0.50) WITHIN GROUP (ORDER BY days) AS p50,
        percentile_cont(0.85) WITHIN GROUP (ORDER BY days) AS p85
    FROM (
        SELECT floor(extract(epoch FROM completed_at - $3) / 604800)::integer AS week,
            greatest(extract(epoch FROM completed_at - created_at)::float8 / 86400, 0) AS days
        FROM chosen
        WHERE standard AND completed_at >= $3 AND completed_at < $4
    ) c
    GROUP BY week
)
SELECT
    ($3::timestamptz AT TIME ZONE 'UTC')::date + w.week * 7 AS "first_day!",
    ($3::timestamptz AT TIME ZONE 'UTC')::date + w.week * 7 + 6 AS "last_day!",
    coalesce(a.created, 0) AS "created!",
    coalesce(b.completed, 0) AS "completed!",
    b.p50,
    b.p85
FROM generate_series(0, $5::integer - 1) AS w (week)
LEFT JOIN created a ON a.week = w.week
LEFT JOIN completed b ON b.week = w.week
ORDER BY w.week
