CREATE OR REPLACE FUNCTION forebay.field_history(of_issue uuid) RETURNS TABLE (
    field_id text, field text, value text, string text, started_at timestamptz, ended_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH issue AS MATERIALIZED (
        SELECT i.tenant_id, i.instance_id, i.id, i.project_id, i.created_at, i.assignee_id, i.reporter_id, i.key, i.summary,
            i.description_text, i.issue_type, i.issue_type_id, i.status, i.status_id, i.priority, i.priority_id, i.resolution,
            i.resolution_id, i.due_date, i.labels, i.parent_key, i.raw_jsonb -> 'fields' AS fields
        FROM public.issues i
        WHERE i.id = of_issue AND i.presence = 'present'
    ), items AS MATERIALIZED (
        SELECT coalesce(nullif(c.field_id, ''), k.id, f.field_key, c.field) AS field_id,
            c.field AS name,
            nullif(c.from_value, '') AS from_value, nullif(c.from_string, '') AS from_string,
            nullif(c.to_value, '') AS to_value, nullif(c.to_string, '') AS to_string,
            greatest(c.created_at, i.created_at) AS at, c.created_at, c.jira_number, c.ordinal
        FROM issue i
        JOIN public.changelogs c ON c.tenant_id = i.tenant_id AND c.issue_id = i.id
        LEFT JOIN (VALUES
            ('Key', 'issuekey'), ('Fix Version', 'fixVersions'), ('Version', 'versions'), ('Component', 'components'),
            ('Link', 'issuelinks'), ('Attachment', 'attachment'), ('Parent', 'parent'), ('Parent Issue', 'parent'),
            ('IssueParentAssociation', 'parent')
        ) AS k (name, id) ON k.name = c.field AND c.field_type IS DISTINCT FROM 'custom'
        LEFT JOIN LATERAL (
            SELECT min(x.field_key) AS field_key
            FROM public.custom_fields x
            WHERE c.field_type = 'custom' AND coalesce(c.field_id, '') = ''
              AND x.tenant_id = i.tenant_id AND x.instance_id = i.instance_id AND x.custom AND x.name_lower = lower(c.field)
            HAVING count(*) = 1
        ) f ON true
        WHERE c.field NOT IN ('', 'Comment', 'WorklogId', 'WorklogTimeSpent')
          AND NOT (c.field = 'Rank' AND coalesce(c.to_string, '') LIKE 'Ranked %')
    ), names AS (
        SELECT DISTINCT ON (x.field_id) x.field_id, x.name
        FROM items x
        ORDER BY x.field_id, x.created_at DESC, x.jira_number DESC, x.ordinal DESC
    ), lists (field_id) AS (
        VALUES ('fixVersions'), ('versions'), ('components'), ('issuelinks'), ('attachment'), ('RemoteIssueLink'),
            ('RemoteWorkItemLink')
    ), changes AS (
        SELECT x.*, row_number() OVER w AS number, lead(x.at) OVER w AS next_at
        FROM items x
        WHERE x.field_id NOT IN (SELECT l.field_id FROM lists l)
        WINDOW w AS (PARTITION BY x.field_id ORDER BY x.created_at, x.jira_number, x.ordinal)
    ), comings_and_goings AS MATERIALIZED (
        -- A value is known by its id; a link by its sentence too, since two issues may be linked twice.
        SELECT x.field_id, e.value, e.string, e.came, x.at, x.created_at, x.jira_number, x.ordinal,
            CASE WHEN x.field_id = 'issuelinks' THEN concat(e.value, ' ', e.string) ELSE coalesce(e.value, e.string) END AS item
        FROM items x
        CROSS JOIN LATERAL (VALUES (false, x.from_value, x.from_string), (true, x.to_value, x.to_string))
            AS e (came, value, string)
        WHERE x.field_id IN (SELECT l.field_id FROM lists l) AND coalesce(e.value, e.string) IS NOT NULL
    ), steps AS (
        SELECT x.*, lag(x.came) OVER w AS was_there
        FROM comings_and_goings x
        WINDOW w AS (PARTITION BY x.field_id, x.item ORDER BY x.created_at, x.jira_number, x.ordinal, x.came)
    ), turns AS (
        -- Added twice, or removed twice, is once.
        SELECT x.*, lead(x.at) OVER w AS next_at
        FROM steps x
        WHERE x.came IS DISTINCT FROM x.was_there
        WINDOW w AS (PARTITION BY x.field_id, x.item ORDER BY x.created_at, x.jira_number, x.ordinal, x.came)
    ), present AS (
        -- In the form in which changes log them.
        SELECT v.field_id, v.value, v.string
        FROM issue i
        LEFT JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
        LEFT JOIN public.users a ON a.tenant_id = i.tenant_id AND a.id = i.assignee_id
        LEFT JOIN public.users r ON r.tenant_id = i.tenant_id AND r.id = i.reporter_id
        CROSS JOIN LATERAL (VALUES
            ('issuekey', NULL, i.key), ('project', p.jira_id, p.name), ('issuetype', i.issue_type_id, i.issue_type),
            ('status', i.status_id, i.status), ('priority', i.priority_id, i.priority),
            ('resolution', i.resolution_id, i.resolution), ('assignee', a.account_id, a.display_name),
            ('reporter', r.account_id, r.display_name), ('summary', NULL, i.summary), ('description', NULL, i.description_text),
            ('duedate', to_char(i.due_date, 'YYYY-MM-DD'), to_char(i.due_date, 'YYYY-MM-DD') || ' 00:00:00.0'),
            ('labels', NULL, array_to_string(i.labels, ' ')),
            ('parent', i.fields #>> '{parent,id}', i.parent_key),
            ('security', i.fields #>> '{security,id}', i.fields #>> '{security,name}'),
            ('timeoriginalestimate', i.fields ->> 'timeoriginalestimate', i.fields ->> 'timeoriginalestimate'),
            ('timeestimate', i.fields ->> 'timeestimate', i.fields ->> 'timeestimate'),
            ('timespent', i.fields ->> 'timespent', i.fields ->> 'timespent')
        ) AS v (field_id, value, string)
        UNION ALL
        SELECT x.field_id,
            CASE WHEN f.field_type ~ ':(multiselect|multicheckboxes|multiversion|version)$'
                THEN '[' || string_agg(x.value_id, ', ' ORDER BY x.ordinal) || ']'
                WHEN f.field_type LIKE '%:datepicker' THEN min(x.value_text)
                ELSE string_agg(x.value_id, ', ' ORDER BY x.ordinal) END,
            CASE WHEN f.field_type LIKE '%:labels' THEN string_agg(x.value_text, ' ' ORDER BY x.ordinal)
                WHEN f.field_type LIKE '%:datepicker' THEN min(x.value_text) || ' 00:00:00.0'
                ELSE string_agg(coalesce(trim_scale(x.value_number)::text, x.value_text), ', ' ORDER BY x.ordinal) END
        FROM issue i
        JOIN public.issue_field_values x ON x.tenant_id = i.tenant_id AND x.issue_id = i.id
        LEFT JOIN public.custom_fields f
            ON f.tenant_id = i.tenant_id AND f.instance_id = i.instance_id AND f.field_key = x.field_id
        WHERE x.field_id LIKE 'customfield\_%' AND coalesce(f.field_type, '') NOT LIKE '%:gh-lexo-rank'
          -- A field whose changes could be told by name only has its history under that name.
          AND NOT EXISTS (SELECT FROM items n WHERE f.custom AND lower(n.field_id) = f.name_lower)
        GROUP BY x.field_id, f.field_type
        UNION ALL
        SELECT x.field_id, x.value_id, x.value_text
        FROM issue i
        JOIN public.issue_field_values x ON x.tenant_id = i.tenant_id AND x.issue_id = i.id
        WHERE x.field_id IN ('fixVersions', 'versions', 'components')
        UNION ALL
        SELECT 'attachment', t.file ->> 'id', t.file ->> 'filename'
        FROM issue i
        CROSS JOIN LATERAL jsonb_array_elements(
            CASE WHEN jsonb_typeof(i.fields -> 'attachment') = 'array' THEN i.fields -> 'attachment' ELSE '[]' END) AS t (file)
    ), spans AS (
        SELECT x.field_id, x.from_value AS value, x.from_string AS string, i.created_at AS started_at, x.at AS ended_at
        FROM changes x, issue i
        WHERE x.number = 1
        UNION ALL
        SELECT x.field_id, x.to_value, x.to_string, x.at, x.next_at FROM changes x
        UNION ALL
        SELECT x.field_id, x.value, x.string, i.created_at, x.at FROM turns x, issue i WHERE NOT x.came AND x.was_there IS NULL
        UNION ALL
        SELECT x.field_id, x.value, x.string, x.at, x.next_at FROM turns x WHERE x.came
        UNION ALL
        SELECT p.field_id, p.value, p.string, i.created_at, NULL
        FROM present p, issue i
        WHERE coalesce(p.value, p.string, '') <> ''
          AND NOT EXISTS (SELECT FROM changes x WHERE x.field_id = p.field_id)
          AND NOT EXISTS (SELECT FROM comings_and_goings x
                          WHERE x.field_id = p.field_id AND x.item = coalesce(p.value, p.string))
    )
    SELECT s.field_id, coalesce(f.name, n.name, s.field_id), s.value, s.string, s.started_at, s.ended_at
    FROM spans s
    CROSS JOIN issue i
    LEFT JOIN names n ON n.field_id = s.field_id
    LEFT JOIN public.custom_fields f
        ON f.tenant_id = i.tenant_id AND f.instance_id = i.instance_id AND f.field_key = s.field_id
    ORDER BY s.field_id, s.started_at, s.ended_at, s.value, s.string;
END;
