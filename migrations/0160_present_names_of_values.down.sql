CREATE OR REPLACE VIEW jira.field_values WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, i.key AS issue, v.field_id, coalesce(f.name, v.field_id) AS field,
    f.field_type AS type, v.ordinal, v.value_id, v.value_text AS text, v.value_number AS number, v.value_time AS time
FROM public.issue_field_values v
JOIN public.issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
JOIN public.jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
LEFT JOIN public.custom_fields f
    ON f.tenant_id = i.tenant_id AND f.instance_id = i.instance_id AND f.field_key = v.field_id
WHERE i.presence = 'present';
COMMENT ON COLUMN jira.field_values.text IS 'The value as text.';
COMMENT ON COLUMN jira.issues.raw IS 'The issue as Jira serves it, whole, without addresses.';
