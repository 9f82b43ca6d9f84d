-- The text of a value is the present name of what has its id: of a component, version, sprint, option or person. What has no row of its
-- own keeps the text that was served. As in jira.issues, a text that is not selected costs nothing; joins would cost what is selected less
-- where all of a site is, and were planned as nested loops without an index wherever the field is named (4.3 s instead of 0.5 over
-- 20,000 issues).
CREATE OR REPLACE VIEW jira.field_values WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, i.key AS issue, v.field_id, coalesce(f.name, v.field_id) AS field,
    f.field_type AS type, v.ordinal, v.value_id,
    coalesce(
        CASE
            WHEN v.value_id IS NULL THEN NULL
            WHEN v.field_id = 'components' THEN
                (SELECT x.name FROM public.components x
                 WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id AND x.jira_id = v.value_id)
            WHEN v.field_id IN ('fixVersions', 'versions') OR f.field_type LIKE '%version' THEN
                (SELECT x.name FROM public.versions x
                 WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id AND x.jira_id = v.value_id)
            WHEN f.field_type LIKE '%:gh-sprint' THEN
                (SELECT x.name FROM public.sprints x
                 WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id
                   AND x.jira_id = CASE WHEN v.value_id ~ '^[0-9]{1,18}$' THEN v.value_id::bigint END)
            WHEN f.field_type LIKE '%userpicker' OR f.field_type LIKE '%:people' THEN
                (SELECT x.display_name FROM public.users x
                 WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id AND x.account_id = v.value_id)
            ELSE
                (SELECT x.value FROM public.field_options x
                 WHERE x.tenant_id = v.tenant_id AND x.instance_id = i.instance_id AND x.field_key = v.field_id
                   AND x.jira_id = v.value_id)
        END::text,
        v.value_text) AS text,
    v.value_number AS number, v.value_time AS time
FROM public.issue_field_values v
JOIN public.issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
JOIN public.jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
LEFT JOIN public.custom_fields f
    ON f.tenant_id = i.tenant_id AND f.instance_id = i.instance_id AND f.field_key = v.field_id
WHERE i.presence = 'present';
COMMENT ON COLUMN jira.field_values.text IS
    'The value as text; of what has an id and a name, the present name.';
COMMENT ON COLUMN jira.issues.raw IS
    'The issue as Jira served it when it was last changed, whole, without addresses; names inside are of then.';
