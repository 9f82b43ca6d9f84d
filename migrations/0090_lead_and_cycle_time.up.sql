-- Lead time is what the customer waits, from the creation to the completion; cycle time is what the work takes, from the first
-- status in progress to the completion. Work Pulse and domain::metrics have always said so; the view called the second by the name
-- of the first. From here on each has its name at every door. Nothing is computed anew: names change, and lead time comes from
-- issues.created_at.
ALTER MATERIALIZED VIEW forebay.lead_time_view RENAME COLUMN lead_time_hours TO cycle_time_hours;
ALTER VIEW forebay.lead_time_by_ticket RENAME COLUMN lead_time_hours TO cycle_time_hours;

-- A left join, which is left out by the planner where nobody asks for lead_time_hours.
CREATE OR REPLACE VIEW public.lead_time_view WITH (security_barrier) AS
    SELECT l.tenant_id, l.issue_id, l.issue_key, l.instance_id, l.project_id, l.started_at, l.completed_at,
        extract(epoch FROM l.completed_at - i.created_at)::float8 / 3600 AS lead_time_hours, l.reopened, l.cycle_time_hours
    FROM forebay.lead_time_view l
    LEFT JOIN public.issues i ON i.tenant_id = l.tenant_id AND i.id = l.issue_id
    WHERE l.tenant_id = forebay.current_tenant()
        AND ((SELECT forebay.reach()) <> 'projects' OR l.project_id = ANY ((SELECT forebay.visible_projects())::uuid[]));

CREATE OR REPLACE VIEW jira.lead_time_view WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, l.issue_key AS issue, l.started_at AS started, l.completed_at AS completed,
    extract(epoch FROM l.completed_at - i.created_at)::float8 / 3600 AS lead_time_hours, l.reopened,
    l.cycle_time_hours, i.created_at AS created
FROM forebay.lead_time_by_ticket l
JOIN public.jira_instances n ON n.tenant_id = l.tenant_id AND n.id = l.instance_id
JOIN public.projects p ON p.tenant_id = l.tenant_id AND p.id = l.project_id
JOIN public.issues i ON i.tenant_id = l.tenant_id AND i.id = l.issue_id;
COMMENT ON VIEW jira.lead_time_view IS
    'When each issue was created, begun and done, and how long that took, as of the last refresh.';
COMMENT ON COLUMN jira.lead_time_view.lead_time_hours IS
    'Hours from created to completed: lead time, as in Work Pulse; null while the issue is not done.';
COMMENT ON COLUMN jira.lead_time_view.cycle_time_hours IS
    'Hours from started to completed: cycle time; null if it never was in progress or is not done.';
COMMENT ON COLUMN jira.lead_time_view.created IS 'When the issue was created.';
