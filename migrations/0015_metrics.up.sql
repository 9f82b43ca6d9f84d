-- Metrics by status category, with the same rules as domain::metrics, and the workload of people.
--
-- What a refresh costs is borne by a job; readers never wait for it (CONCURRENTLY), and only the owner reads the materialized
-- views themselves: they know no row-level security. Everyone else goes through views that name the tenant.
DROP VIEW public.lead_time_view, public.issue_metrics;
DROP FUNCTION forebay.refresh_metrics();
DROP MATERIALIZED VIEW forebay.lead_time_view, forebay.issue_metrics;
GRANT CREATE ON SCHEMA forebay, public TO forebay_definer;

-- started_at:      first entry into a status of category `indeterminate`; the creation, where it was created in one.
-- completed_at:    while the issue is done now: last entry into a status of category `done` from outside it, so steps from one
--                  done status to another do not move it, a reopened issue is not completed, and one reopened and done again
--                  counts from its last completion. Where no entry is known (created done, or a copy without changelog) the
--                  resolution date, else the creation where it was created done. A resolution without `done` completes nothing.
-- lead_time_hours: from started_at to completed_at, as the plan has it (cycle time, elsewhere); null for an issue that was never
--                  in progress. From the creation it is completed_at minus issues.created_at.
-- reopened:        how often it left `done`.
-- A status whose category cannot be told (forebay.status_spans) counts as none of them. A move to another project changes
-- project_id and nothing else.
CREATE MATERIALIZED VIEW forebay.lead_time_view AS
SELECT
    i.tenant_id,
    i.id AS issue_id,
    i.key AS issue_key,
    i.instance_id,
    i.project_id,
    t.started_at,
    t.completed_at,
    extract(epoch FROM t.completed_at - t.started_at)::float8 / 3600 AS lead_time_hours,
    t.reopened
FROM public.issues i
JOIN (
    SELECT tenant_id, issue_id,
        min(started_at) FILTER (WHERE category = 'indeterminate') AS started_at,
        max(started_at) FILTER (WHERE category = 'done' AND previous_category <> 'done') AS done_at,
        bool_or(category = 'done' AND previous_category IS NULL) AS created_done,
        count(*) FILTER (WHERE previous_category = 'done' AND category <> 'done') AS reopened
    FROM forebay.status_spans
    GROUP BY tenant_id, issue_id
) s ON s.tenant_id = i.tenant_id AND s.issue_id = i.id
CROSS JOIN LATERAL (
    SELECT s.started_at, s.reopened,
        CASE WHEN i.status_category = 'done' THEN
            greatest(coalesce(s.done_at, i.resolved_at, CASE WHEN s.created_done THEN i.created_at END),
                     CASE WHEN coalesce(s.done_at, i.resolved_at) IS NOT NULL THEN i.created_at END)
        END AS completed_at
) t
WHERE i.presence = 'present'
WITH NO DATA;
CREATE UNIQUE INDEX lead_time_view_key ON forebay.lead_time_view (tenant_id, issue_id);
CREATE INDEX lead_time_view_completed ON forebay.lead_time_view (tenant_id, completed_at);

-- avg_lead_time_days: from creation to completed_at (see above), over the issues that are done.
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
    avg(extract(epoch FROM l.completed_at - i.created_at) / 86400)::float8 AS avg_lead_time_days
FROM public.issues i
JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
LEFT JOIN forebay.lead_time_view l ON l.tenant_id = i.tenant_id AND l.issue_id = i.id
WHERE i.presence = 'present'
GROUP BY i.tenant_id, i.instance_id, i.project_id, p.key
WITH NO DATA;
CREATE UNIQUE INDEX issue_metrics_key ON forebay.issue_metrics (tenant_id, instance_id, project_id);

-- By present assignee; who has no issue has no row. Days are UTC, as of the refresh.
-- oldest_in_progress_since: the earliest started_at (else creation) of the issues that are in progress.
CREATE MATERIALIZED VIEW forebay.user_workload AS
SELECT
    i.tenant_id,
    i.instance_id,
    i.assignee_id AS user_id,
    count(*) FILTER (WHERE i.status_category IN ('new', 'undefined')) AS open_issues,
    count(*) FILTER (WHERE i.status_category = 'indeterminate') AS in_progress_issues,
    count(*) FILTER (WHERE l.completed_at >= now() - interval '30 days') AS done_last_30_days,
    coalesce(sum(i.story_points) FILTER (WHERE i.status_category <> 'done'), 0) AS open_story_points,
    count(*) FILTER (WHERE i.status_category <> 'done' AND i.due_date < (now() AT TIME ZONE 'UTC')::date) AS overdue_issues,
    min(coalesce(l.started_at, i.created_at)) FILTER (WHERE i.status_category = 'indeterminate') AS oldest_in_progress_since
FROM public.issues i
LEFT JOIN forebay.lead_time_view l ON l.tenant_id = i.tenant_id AND l.issue_id = i.id
WHERE i.presence = 'present' AND i.assignee_id IS NOT NULL
GROUP BY i.tenant_id, i.instance_id, i.assignee_id
WITH NO DATA;
CREATE UNIQUE INDEX user_workload_key ON forebay.user_workload (tenant_id, instance_id, user_id);

ALTER MATERIALIZED VIEW forebay.lead_time_view OWNER TO forebay_definer;
ALTER MATERIALIZED VIEW forebay.issue_metrics OWNER TO forebay_definer;
ALTER MATERIALIZED VIEW forebay.user_workload OWNER TO forebay_definer;
REFRESH MATERIALIZED VIEW forebay.lead_time_view;
REFRESH MATERIALIZED VIEW forebay.issue_metrics;
REFRESH MATERIALIZED VIEW forebay.user_workload;

-- Answers false, and does nothing, while another refresh is under way: two of them would do the same work one after the other.
-- Compiling the query takes longer than running it, up to some 100,000 issues; and it gains little beyond.
CREATE FUNCTION forebay.refresh_metrics() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off
AS $$
BEGIN
    -- "fbay" and a number.
    IF NOT pg_try_advisory_xact_lock(x'666261790002'::bigint) THEN
        RETURN false;
    END IF;
    -- The others are computed from it.
    REFRESH MATERIALIZED VIEW CONCURRENTLY forebay.lead_time_view;
    REFRESH MATERIALIZED VIEW CONCURRENTLY forebay.issue_metrics;
    REFRESH MATERIALIZED VIEW CONCURRENTLY forebay.user_workload;
    ANALYZE forebay.lead_time_view, forebay.issue_metrics, forebay.user_workload;
    RETURN true;
END
$$;
ALTER FUNCTION forebay.refresh_metrics() OWNER TO forebay_definer;
REVOKE ALL ON FUNCTION forebay.refresh_metrics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.refresh_metrics() TO forebay_platform;

-- For the application: owner's rights, the tenant as the view's own condition.
CREATE VIEW public.issue_metrics WITH (security_barrier) AS
    SELECT * FROM forebay.issue_metrics WHERE tenant_id = forebay.current_tenant();
CREATE VIEW public.lead_time_view WITH (security_barrier) AS
    SELECT * FROM forebay.lead_time_view WHERE tenant_id = forebay.current_tenant();
CREATE VIEW public.user_workload WITH (security_barrier) AS
    SELECT * FROM forebay.user_workload WHERE tenant_id = forebay.current_tenant();
ALTER VIEW public.issue_metrics OWNER TO forebay_definer;
ALTER VIEW public.lead_time_view OWNER TO forebay_definer;
ALTER VIEW public.user_workload OWNER TO forebay_definer;
GRANT SELECT ON public.issue_metrics, public.lead_time_view, public.user_workload TO forebay_app;

-- For the SQL door, whose tenant is a ticket. The views of schema jira ask these with the asker's rights.
CREATE VIEW forebay.issue_metrics_by_ticket WITH (security_barrier) AS
    SELECT * FROM forebay.issue_metrics WHERE tenant_id = (SELECT forebay.ticket_tenant());
CREATE VIEW forebay.lead_time_by_ticket WITH (security_barrier) AS
    SELECT * FROM forebay.lead_time_view WHERE tenant_id = (SELECT forebay.ticket_tenant());
CREATE VIEW forebay.user_workload_by_ticket WITH (security_barrier) AS
    SELECT * FROM forebay.user_workload WHERE tenant_id = (SELECT forebay.ticket_tenant());
ALTER VIEW forebay.issue_metrics_by_ticket OWNER TO forebay_definer;
ALTER VIEW forebay.lead_time_by_ticket OWNER TO forebay_definer;
ALTER VIEW forebay.user_workload_by_ticket OWNER TO forebay_definer;
GRANT SELECT ON forebay.issue_metrics_by_ticket, forebay.lead_time_by_ticket, forebay.user_workload_by_ticket TO forebay_read;
REVOKE CREATE ON SCHEMA forebay, public FROM forebay_definer;

CREATE VIEW jira.issue_metrics WITH (security_invoker = true) AS
SELECT n.name AS instance, m.project_key AS project, m.total_issues, m.open_issues, m.in_progress_issues, m.closed_issues,
    m.unassigned_issues, m.avg_lead_time_days
FROM forebay.issue_metrics_by_ticket m
JOIN public.jira_instances n ON n.tenant_id = m.tenant_id AND n.id = m.instance_id;
COMMENT ON VIEW jira.issue_metrics IS 'Counts of each project, as of the last refresh.';
COMMENT ON COLUMN jira.issue_metrics.instance IS 'The site''s name in Forebay.';
COMMENT ON COLUMN jira.issue_metrics.project IS 'The project''s key.';
COMMENT ON COLUMN jira.issue_metrics.total_issues IS 'Present issues.';
COMMENT ON COLUMN jira.issue_metrics.open_issues IS 'Those not begun: status category new or undefined.';
COMMENT ON COLUMN jira.issue_metrics.in_progress_issues IS 'Those in progress: status category indeterminate.';
COMMENT ON COLUMN jira.issue_metrics.closed_issues IS 'Those done: status category done.';
COMMENT ON COLUMN jira.issue_metrics.unassigned_issues IS 'Those without an assignee, done ones included.';
COMMENT ON COLUMN jira.issue_metrics.avg_lead_time_days IS 'Mean days from creation to completion, of those done.';

CREATE VIEW jira.lead_time_view WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, l.issue_key AS issue, l.started_at AS started, l.completed_at AS completed,
    l.lead_time_hours, l.reopened
FROM forebay.lead_time_by_ticket l
JOIN public.jira_instances n ON n.tenant_id = l.tenant_id AND n.id = l.instance_id
JOIN public.projects p ON p.tenant_id = l.tenant_id AND p.id = l.project_id;
COMMENT ON VIEW jira.lead_time_view IS 'When work on each issue began and when it was done, as of the last refresh.';
COMMENT ON COLUMN jira.lead_time_view.instance IS 'The site''s name in Forebay.';
COMMENT ON COLUMN jira.lead_time_view.project IS 'The key of the project that the issue is in.';
COMMENT ON COLUMN jira.lead_time_view.issue IS 'The issue''s key: jira.issues.key, within one instance.';
COMMENT ON COLUMN jira.lead_time_view.started IS 'First entry into a status of category indeterminate; null if it never was in progress.';
COMMENT ON COLUMN jira.lead_time_view.completed IS 'Last entry into category done, for an issue that is done now; null while it is not.';
COMMENT ON COLUMN jira.lead_time_view.lead_time_hours IS 'Hours from started to completed.';
COMMENT ON COLUMN jira.lead_time_view.reopened IS 'How often it left category done.';

CREATE VIEW jira.user_workload WITH (security_invoker = true) AS
SELECT n.name AS instance, u.display_name AS assignee, u.account_id AS assignee_account_id, w.open_issues, w.in_progress_issues,
    w.done_last_30_days, w.open_story_points, w.overdue_issues, w.oldest_in_progress_since
FROM forebay.user_workload_by_ticket w
JOIN public.jira_instances n ON n.tenant_id = w.tenant_id AND n.id = w.instance_id
LEFT JOIN public.users u ON u.tenant_id = w.tenant_id AND u.id = w.user_id;
COMMENT ON VIEW jira.user_workload IS 'What each assignee has to do and has done, as of the last refresh.';
COMMENT ON COLUMN jira.user_workload.instance IS 'The site''s name in Forebay.';
COMMENT ON COLUMN jira.user_workload.assignee IS 'The assignee''s name.';
COMMENT ON COLUMN jira.user_workload.assignee_account_id IS 'Jira''s accountId of the assignee; the user key on Server and Data Center.';
COMMENT ON COLUMN jira.user_workload.open_issues IS 'Assigned issues not begun: status category new or undefined.';
COMMENT ON COLUMN jira.user_workload.in_progress_issues IS 'Assigned issues in progress: status category indeterminate.';
COMMENT ON COLUMN jira.user_workload.done_last_30_days IS 'Assigned issues completed in the 30 days before the refresh.';
COMMENT ON COLUMN jira.user_workload.open_story_points IS 'Story points of the assigned issues that are not done.';
COMMENT ON COLUMN jira.user_workload.overdue_issues IS 'Assigned issues that are not done and whose due date has passed.';
COMMENT ON COLUMN jira.user_workload.oldest_in_progress_since IS 'Since when the oldest of those in progress has been in work.';
GRANT SELECT ON jira.issue_metrics, jira.lead_time_view, jira.user_workload TO forebay_read;
