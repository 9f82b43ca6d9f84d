DROP FUNCTION forebay.search_comments(tsquery, integer);
DROP FUNCTION forebay.search_issues(tsquery, boolean, integer);
DROP FUNCTION forebay.issues_by_number(text[], float8, float8, integer);
CREATE INDEX issues_status_updated ON issues (tenant_id, status, updated_at DESC, jira_number DESC);

CREATE OR REPLACE VIEW jira.issues WITH (security_invoker = true) AS
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

DROP INDEX sprints_state, sprints_name_lower;
ALTER TABLE sprints DROP COLUMN name_lower;
DROP INDEX projects_name_lower, projects_key_lower;
ALTER TABLE projects DROP COLUMN name_lower, DROP COLUMN key_lower;
ALTER TABLE users DROP COLUMN login_lower, DROP COLUMN display_name_lower, DROP COLUMN account_id_lower;
