DROP VIEW jira.user_workload, jira.lead_time_view, jira.issue_metrics;
DROP VIEW forebay.user_workload_by_ticket, forebay.lead_time_by_ticket, forebay.issue_metrics_by_ticket;
DROP VIEW public.user_workload, public.lead_time_view, public.issue_metrics;
DROP FUNCTION forebay.refresh_metrics();
DROP MATERIALIZED VIEW forebay.user_workload, forebay.issue_metrics, forebay.lead_time_view;

-- As migration 0006 made them.
GRANT CREATE ON SCHEMA forebay TO forebay_definer;

CREATE MATERIALIZED VIEW forebay.issue_metrics AS
SELECT
    i.tenant_id,
    i.instance_id,
    i.project_id,
    p.key AS project_key,
    count(*) AS total_issues,
    count(*) FILTER (WHERE i.status_category IN ('new', 'undefined')) AS open_issues,
    count(*) FILTER (WHERE i.status_category = 'indeterminate') AS in_progress_issues,
    count(*) FILTER (WHERE i.status_category = 'done') AS closed_issues,
    count(*) FILTER (WHERE i.assignee_id IS NULL) AS unassigned_issues,
    avg(extract(epoch FROM (i.resolved_at - i.created_at)) / 86400)::float8 AS avg_lead_time_days
FROM public.issues i
JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
WHERE i.presence = 'present'
GROUP BY i.tenant_id, i.instance_id, i.project_id, p.key
WITH NO DATA;
CREATE UNIQUE INDEX issue_metrics_key ON forebay.issue_metrics (tenant_id, instance_id, project_id);

-- started_at:   first entry into a status of category `indeterminate`.
-- completed_at: last entry into a status of category `done` from outside it, while the issue is done now;
--               a reopened issue is not completed, and one reopened and done again counts from its last completion.
-- Statuses are joined by id (the item's to/from value), so that renamed and localised statuses count.
CREATE MATERIALIZED VIEW forebay.lead_time_view AS
WITH moves AS (
    SELECT c.tenant_id, c.issue_id, c.created_at, s_to.category AS to_category, s_from.category AS from_category
    FROM public.changelogs c
    JOIN public.statuses s_to
        ON s_to.tenant_id = c.tenant_id AND s_to.instance_id = c.instance_id AND s_to.jira_id = c.to_value
    LEFT JOIN public.statuses s_from
        ON s_from.tenant_id = c.tenant_id AND s_from.instance_id = c.instance_id AND s_from.jira_id = c.from_value
    WHERE c.field = 'status'
), spans AS (
    SELECT tenant_id, issue_id,
        min(created_at) FILTER (WHERE to_category = 'indeterminate') AS started_at,
        max(created_at) FILTER (WHERE to_category = 'done' AND from_category IS DISTINCT FROM 'done') AS completed_at,
        count(*) FILTER (WHERE from_category = 'done' AND to_category <> 'done') AS reopened
    FROM moves
    GROUP BY tenant_id, issue_id
)
SELECT
    i.tenant_id,
    i.id AS issue_id,
    i.key AS issue_key,
    i.instance_id,
    i.project_id,
    s.started_at,
    CASE WHEN i.status_category = 'done' THEN coalesce(s.completed_at, i.resolved_at) END AS completed_at,
    CASE WHEN i.status_category = 'done'
        THEN extract(epoch FROM (coalesce(s.completed_at, i.resolved_at) - s.started_at))::float8 / 3600 END AS lead_time_hours,
    coalesce(s.reopened, 0) AS reopened
FROM public.issues i
LEFT JOIN spans s ON s.tenant_id = i.tenant_id AND s.issue_id = i.id
WHERE i.presence = 'present'
WITH NO DATA;
CREATE UNIQUE INDEX lead_time_view_key ON forebay.lead_time_view (tenant_id, issue_id);
CREATE INDEX lead_time_view_completed ON forebay.lead_time_view (tenant_id, completed_at);

ALTER MATERIALIZED VIEW forebay.issue_metrics OWNER TO forebay_definer;
ALTER MATERIALIZED VIEW forebay.lead_time_view OWNER TO forebay_definer;
REFRESH MATERIALIZED VIEW forebay.issue_metrics;
REFRESH MATERIALIZED VIEW forebay.lead_time_view;

CREATE FUNCTION forebay.refresh_metrics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY forebay.issue_metrics;
    REFRESH MATERIALIZED VIEW CONCURRENTLY forebay.lead_time_view;
    ANALYZE forebay.issue_metrics, forebay.lead_time_view;
END
$$;
ALTER FUNCTION forebay.refresh_metrics() OWNER TO forebay_definer;
REVOKE ALL ON FUNCTION forebay.refresh_metrics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.refresh_metrics() TO forebay_platform;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;

-- The plan's names, for the application: owner's rights, the tenant as the view's own condition.
CREATE VIEW public.issue_metrics WITH (security_barrier) AS
    SELECT * FROM forebay.issue_metrics WHERE tenant_id = forebay.current_tenant();
CREATE VIEW public.lead_time_view WITH (security_barrier) AS
    SELECT * FROM forebay.lead_time_view WHERE tenant_id = forebay.current_tenant();
GRANT CREATE ON SCHEMA public TO forebay_definer;
ALTER VIEW public.issue_metrics OWNER TO forebay_definer;
ALTER VIEW public.lead_time_view OWNER TO forebay_definer;
REVOKE CREATE ON SCHEMA public FROM forebay_definer;
GRANT SELECT ON public.issue_metrics, public.lead_time_view TO forebay_app;
