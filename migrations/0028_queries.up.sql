-- Names that JQL looks up, lower-cased and indexed: lower() is not leakproof, so an index on an expression would not serve
-- under row-level security. Generated, so that no writer has to know of them.
ALTER TABLE users
    ADD COLUMN account_id_lower text GENERATED ALWAYS AS (lower(account_id)) STORED,
    ADD COLUMN display_name_lower text GENERATED ALWAYS AS (lower(display_name)) STORED,
    -- Users of a Server have a name to sign in with beside the key.
    ADD COLUMN login_lower text GENERATED ALWAYS AS (lower(raw_jsonb ->> 'name')) STORED;

ALTER TABLE projects
    ADD COLUMN key_lower text GENERATED ALWAYS AS (lower(key)) STORED,
    ADD COLUMN name_lower text GENERATED ALWAYS AS (lower(name)) STORED;
CREATE INDEX projects_key_lower ON projects (tenant_id, key_lower);
CREATE INDEX projects_name_lower ON projects (tenant_id, name_lower);

ALTER TABLE sprints
    ADD COLUMN name_lower text GENERATED ALWAYS AS (lower(name)) STORED;
CREATE INDEX sprints_name_lower ON sprints (tenant_id, name_lower);
CREATE INDEX sprints_state ON sprints (tenant_id, state);

-- Status, type, priority and resolution as the rosters name them now; a roster that lacks one leaves the name as served.
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

-- Replaced by one on status_id, which is built online.
DROP INDEX issues_status_updated;

-- Comparisons of numeric are not leakproof (those of text and timestamptz are), so row-level security keeps number ranges out
-- of the index. As with forebay.search_issues(), the tenant is the first condition, and what comes back are ids.
CREATE FUNCTION forebay.issues_by_number(fields text[], lowest float8, highest float8, most_rows integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT v.issue_id FROM public.issue_field_values v
    WHERE v.tenant_id = forebay.current_tenant() AND v.field_id = ANY (fields)
      AND v.value_number >= lowest::numeric AND v.value_number <= highest::numeric
      AND ((SELECT forebay.reach()) <> 'projects' OR forebay.issue_within(v.issue_id, (SELECT forebay.visible_projects())))
    LIMIT most_rows
$$;
-- As their namesakes, but no further than needed: whether there are many is all that is asked of a frequent word.
CREATE FUNCTION forebay.search_issues(query tsquery, in_comments boolean, most_rows integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT found.id FROM (
        SELECT i.id FROM public.issues i
        WHERE i.tenant_id = forebay.current_tenant() AND i.search @@ query
          AND ((SELECT forebay.reach()) <> 'projects' OR i.project_id = ANY ((SELECT forebay.visible_projects())::uuid[]))
        UNION ALL
        SELECT c.issue_id FROM public.comments c
        WHERE in_comments AND c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
          AND ((SELECT forebay.reach()) <> 'projects' OR forebay.issue_within(c.issue_id, (SELECT forebay.visible_projects())))
    ) found
    LIMIT most_rows
$$;
CREATE FUNCTION forebay.search_comments(query tsquery, most_rows integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT c.issue_id FROM public.comments c
    WHERE c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
      AND ((SELECT forebay.reach()) <> 'projects' OR forebay.issue_within(c.issue_id, (SELECT forebay.visible_projects())))
    LIMIT most_rows
$$;
GRANT CREATE ON SCHEMA forebay TO forebay_definer;
ALTER FUNCTION forebay.issues_by_number(text[], float8, float8, integer) OWNER TO forebay_definer;
ALTER FUNCTION forebay.search_issues(tsquery, boolean, integer) OWNER TO forebay_definer;
ALTER FUNCTION forebay.search_comments(tsquery, integer) OWNER TO forebay_definer;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;
REVOKE ALL ON FUNCTION forebay.issues_by_number(text[], float8, float8, integer),
    forebay.search_issues(tsquery, boolean, integer), forebay.search_comments(tsquery, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.issues_by_number(text[], float8, float8, integer),
    forebay.search_issues(tsquery, boolean, integer), forebay.search_comments(tsquery, integer) TO forebay_app;
