CREATE OR REPLACE FUNCTION forebay.search_issues(query tsquery, in_comments boolean, most_rows integer) RETURNS SETOF uuid
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
CREATE OR REPLACE FUNCTION forebay.search_comments(query tsquery, most_rows integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT c.issue_id FROM public.comments c
    WHERE c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
      AND ((SELECT forebay.reach()) <> 'projects' OR forebay.issue_within(c.issue_id, (SELECT forebay.visible_projects())))
    LIMIT most_rows
$$;
CREATE OR REPLACE FUNCTION forebay.search_texts(query tsquery, fields text[], most_rows integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT found.id FROM (
        SELECT i.id FROM public.issues i
        WHERE i.tenant_id = forebay.current_tenant() AND i.search @@ query
          AND ((SELECT forebay.reach()) <> 'projects' OR i.project_id = ANY ((SELECT forebay.visible_projects())::uuid[]))
        UNION ALL
        SELECT c.issue_id FROM public.comments c
        WHERE c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
          AND ((SELECT forebay.reach()) <> 'projects' OR forebay.issue_within(c.issue_id, (SELECT forebay.visible_projects())))
        UNION ALL
        SELECT v.issue_id FROM public.issue_field_values v
        WHERE v.tenant_id = forebay.current_tenant() AND v.field_id = ANY (fields)
          AND v.value_id IS NULL AND v.value_number IS NULL AND v.value_time IS NULL AND v.field_id <> 'labels'
          AND v.value_text !~ '^[0-9]\|[0-9a-z]*:' AND to_tsvector('english', left(coalesce(v.value_text, ''), 100000)) @@ query
          AND ((SELECT forebay.reach()) <> 'projects' OR forebay.issue_within(v.issue_id, (SELECT forebay.visible_projects())))
    ) found
    LIMIT most_rows
$$;
