CREATE OR REPLACE VIEW jira.issues WITH (security_invoker = true) AS
SELECT
    n.name AS instance, i.key, i.jira_id AS id, p.key AS project, p.name AS project_name,
    coalesce(ty.name, i.issue_type) AS issue_type, coalesce(st.name, i.status) AS status, i.status_category,
    coalesce(pr.name, i.priority) AS priority, coalesce(rs.name, i.resolution) AS resolution,
    i.summary, i.description_text AS description,
    a.display_name AS assignee, a.account_id AS assignee_account_id,
    r.display_name AS reporter, r.account_id AS reporter_account_id,
    i.created_at AS created, i.updated_at AS updated, i.resolved_at AS resolved, i.due_date AS due,
    i.parent_key AS parent, i.epic_key AS epic, i.story_points, i.labels, i.components, i.raw_jsonb AS raw
FROM public.issues i
JOIN public.jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
LEFT JOIN public.statuses st
    ON st.tenant_id = i.tenant_id AND st.instance_id = i.instance_id AND st.jira_id = i.status_id
LEFT JOIN public.issue_types ty
    ON ty.tenant_id = i.tenant_id AND ty.instance_id = i.instance_id AND ty.jira_id = i.issue_type_id
LEFT JOIN public.priorities pr
    ON pr.tenant_id = i.tenant_id AND pr.instance_id = i.instance_id AND pr.jira_id = i.priority_id
LEFT JOIN public.resolutions rs
    ON rs.tenant_id = i.tenant_id AND rs.instance_id = i.instance_id AND rs.jira_id = i.resolution_id
LEFT JOIN public.users a ON a.tenant_id = i.tenant_id AND a.id = i.assignee_id
LEFT JOIN public.users r ON r.tenant_id = i.tenant_id AND r.id = i.reporter_id
WHERE i.presence = 'present';
