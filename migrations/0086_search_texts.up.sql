-- Issues of which any text meets a query: summary and description together, a comment, or a text of one of these fields. No
-- further than needed, as forebay.search_issues().
CREATE FUNCTION forebay.search_texts(query tsquery, fields text[], most_rows integer) RETURNS SETOF uuid
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
GRANT CREATE ON SCHEMA forebay TO forebay_definer;
ALTER FUNCTION forebay.search_texts(tsquery, text[], integer) OWNER TO forebay_definer;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;
REVOKE ALL ON FUNCTION forebay.search_texts(tsquery, text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.search_texts(tsquery, text[], integer) TO forebay_app;

-- The environment of issues that are here already, as they are read from now on.
INSERT INTO issue_field_values (tenant_id, issue_id, field_id, ordinal, value_text, value_key)
SELECT e.tenant_id, e.id, 'environment', 0, e.words, left(lower(e.words), 255)
FROM (
    SELECT i.tenant_id, i.id, CASE jsonb_typeof(i.raw_jsonb #> '{fields,environment}')
        WHEN 'string' THEN i.raw_jsonb #>> '{fields,environment}'
        WHEN 'object' THEN (
            SELECT string_agg(t #>> '{}', ' ')
            FROM jsonb_path_query(i.raw_jsonb #> '{fields,environment}', 'strict $.** ? (@.type == "text").text') AS t)
        END AS words
    FROM issues i
) e
WHERE e.words IS NOT NULL
ON CONFLICT DO NOTHING;
