-- Metrics by status category, never by status name: names are localised and differ per project.
-- Materialized views ignore row-level security: only their owner reads them, everyone else through a secured view.
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

-- After a first copy the planner knows nothing of the new rows until autovacuum comes by, and takes a tenant for one row.
-- Only the tables' owner may gather statistics, so the function stays with whoever migrates.
CREATE FUNCTION forebay.gather_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    ANALYZE public.issues, public.changelogs, public.comments, public.worklogs, public.issue_field_values,
        public.issue_links, public.users, public.projects, public.statuses;
END
$$;
REVOKE ALL ON FUNCTION forebay.gather_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.gather_statistics() TO forebay_platform;

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

-- The SQL door. security_invoker: the policies of the tables hold for whoever asks.
CREATE VIEW jira.issues WITH (security_invoker = true) AS
SELECT
    n.name AS instance, i.key, i.jira_id AS id, p.key AS project, p.name AS project_name,
    i.issue_type, i.status, i.status_category, i.priority, i.resolution, i.summary, i.description_text AS description,
    a.display_name AS assignee, a.account_id AS assignee_account_id,
    r.display_name AS reporter, r.account_id AS reporter_account_id,
    i.created_at AS created, i.updated_at AS updated, i.resolved_at AS resolved, i.due_date AS due,
    i.parent_key AS parent, i.epic_key AS epic, i.story_points, i.labels, i.components, i.raw_jsonb AS raw
FROM public.issues i
JOIN public.jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
LEFT JOIN public.users a ON a.tenant_id = i.tenant_id AND a.id = i.assignee_id
LEFT JOIN public.users r ON r.tenant_id = i.tenant_id AND r.id = i.reporter_id
WHERE i.presence = 'present';
COMMENT ON VIEW jira.issues IS 'Every present issue of every site of the tenant, one row each.';

CREATE VIEW jira.changelog WITH (security_invoker = true) AS
SELECT
    n.name AS instance, i.key AS issue, c.jira_id AS history_id, c.ordinal, c.created_at AS created,
    u.display_name AS author, u.account_id AS author_account_id,
    c.field, c.field_id, c.from_value, c.to_value, c.from_string, c.to_string
FROM public.changelogs c
JOIN public.issues i ON i.tenant_id = c.tenant_id AND i.id = c.issue_id
JOIN public.jira_instances n ON n.tenant_id = c.tenant_id AND n.id = c.instance_id
LEFT JOIN public.users u ON u.tenant_id = c.tenant_id AND u.id = c.author_id
WHERE i.presence = 'present' AND c.raw_jsonb IS NOT NULL;
COMMENT ON VIEW jira.changelog IS 'Every change of every field, one row per changed field.';

CREATE VIEW jira.comments WITH (security_invoker = true) AS
SELECT
    n.name AS instance, i.key AS issue, c.jira_id AS id, u.display_name AS author, u.account_id AS author_account_id,
    c.body_text AS body, c.created_at AS created, c.updated_at AS updated
FROM public.comments c
JOIN public.issues i ON i.tenant_id = c.tenant_id AND i.id = c.issue_id
JOIN public.jira_instances n ON n.tenant_id = c.tenant_id AND n.id = c.instance_id
LEFT JOIN public.users u ON u.tenant_id = c.tenant_id AND u.id = c.author_id
WHERE c.presence = 'present' AND i.presence = 'present';
COMMENT ON VIEW jira.comments IS 'Every present comment, its body as plain text.';

GRANT SELECT ON jira.issues, jira.changelog, jira.comments TO forebay_read;
