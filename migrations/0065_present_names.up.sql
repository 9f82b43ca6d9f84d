-- The keys of parent and epic, and the names of components, as they are now too. What is not selected of these costs nothing.
CREATE OR REPLACE VIEW jira.issues WITH (security_invoker = true) AS
SELECT
    n.name AS instance, i.key, i.jira_id AS id, p.key AS project, p.name AS project_name,
    coalesce(ty.name, i.issue_type) AS issue_type, coalesce(st.name, i.status) AS status, i.status_category,
    coalesce(pr.name, i.priority) AS priority, coalesce(rs.name, i.resolution) AS resolution,
    i.summary, i.description_text AS description,
    a.display_name AS assignee, a.account_id AS assignee_account_id,
    r.display_name AS reporter, r.account_id AS reporter_account_id,
    i.created_at AS created, i.updated_at AS updated, i.resolved_at AS resolved, i.due_date AS due,
    coalesce((SELECT x.key FROM public.issues x WHERE x.tenant_id = i.tenant_id AND x.id = i.parent_issue_id),
             i.parent_key)::varchar(50) AS parent,
    coalesce((SELECT x.key FROM public.issue_key_aliases k
              JOIN public.issues x ON x.tenant_id = k.tenant_id AND x.id = k.issue_id
              WHERE k.tenant_id = i.tenant_id AND k.instance_id = i.instance_id AND k.key = i.epic_key
                AND NOT EXISTS (SELECT FROM public.issues o
                                WHERE o.tenant_id = k.tenant_id AND o.instance_id = k.instance_id AND o.key = k.key
                                  AND o.presence = 'present')),
             i.epic_key)::varchar(50) AS epic,
    i.story_points, i.labels,
    CASE WHEN i.components IS NOT NULL THEN
        ARRAY(SELECT coalesce(c.name, v.value_text, '') FROM public.issue_field_values v
              LEFT JOIN public.components c
                  ON c.tenant_id = v.tenant_id AND c.instance_id = i.instance_id AND c.jira_id = v.value_id
              WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id AND v.field_id = 'components'
              ORDER BY v.ordinal)::text[] END AS components,
    i.raw_jsonb AS raw
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
