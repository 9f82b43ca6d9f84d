DROP VIEW jira.lead_time_view, public.lead_time_view;
ALTER VIEW forebay.lead_time_by_ticket RENAME COLUMN cycle_time_hours TO lead_time_hours;
ALTER MATERIALIZED VIEW forebay.lead_time_view RENAME COLUMN cycle_time_hours TO lead_time_hours;

GRANT CREATE ON SCHEMA public TO forebay_definer;
CREATE VIEW public.lead_time_view WITH (security_barrier) AS
    SELECT * FROM forebay.lead_time_view
    WHERE tenant_id = forebay.current_tenant()
        AND ((SELECT forebay.reach()) <> 'projects' OR project_id = ANY ((SELECT forebay.visible_projects())::uuid[]));
ALTER VIEW public.lead_time_view OWNER TO forebay_definer;
REVOKE CREATE ON SCHEMA public FROM forebay_definer;
GRANT SELECT ON public.lead_time_view TO forebay_app;

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
GRANT SELECT ON jira.lead_time_view TO forebay_read;
