-- Field history and time in status, from changelogs.
--
-- One set of rules, in these two:
--   forebay.status_spans            every issue's statuses over time, for whole projects; time in status and lead time stand on it
--   forebay.field_history(issue)    every field of one issue over time; its state at a moment stands on it
-- They run with the caller's rights: row-level security shows each caller its own tenant. Their bodies are parsed here and
-- bound to what they name, so no search_path can point them elsewhere.
--
-- Rules (jira-facts 6.4). Creation is not a history: the value of a field at creation is the `from` of its first change, and a
-- field that never changed has had its present value all along (also where a source gave no changelog). Changes are taken in
-- the order of time, history id and place within the history; those dated before the creation (imports have them) count as of
-- the creation. Spans are half-open: [start, end), the last one without an end; one that lasts no time stays as a row and holds
-- no moment. Only present issues have a history: Jira destroys a deleted issue's, and here it is not shown either.

-- As before, but without a subtransaction (an EXCEPTION block): in a plan with parallel workers that is an error, so that any
-- question over enough rows failed.
CREATE OR REPLACE FUNCTION forebay.ticket_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog
AS $$
    SELECT t.id FROM public.tenants t
    WHERE t.sql_ticket = CASE
        WHEN current_setting('app.sql_ticket', true) ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        THEN current_setting('app.sql_ticket', true)::uuid END
$$;

-- The SQL door asks for issues by old keys as well.
CREATE POLICY sql_door ON issue_key_aliases FOR SELECT TO forebay_read USING (tenant_id = (SELECT forebay.ticket_tenant()));
GRANT SELECT ON issue_key_aliases TO forebay_read;

-- One row for each stay of an issue in a status. The category comes from the status's id; where a change has no id (old
-- Servers) or the status is gone from the site, from its name, if all statuses of that name have one category; else it is
-- `undefined`. previous_category is null for the status of the creation.
-- LATERAL, because that lets whatever narrows the issues down (a project, a key) reach the changelog by its primary key.
CREATE VIEW forebay.status_spans WITH (security_invoker = true) AS
SELECT
    i.tenant_id,
    i.instance_id,
    i.project_id,
    i.id AS issue_id,
    i.key AS issue_key,
    v.status_id,
    coalesce(s.name, v.status) AS status,
    coalesce(
        s.category,
        CASE WHEN v.status_id = i.status_id THEN i.status_category END,
        (SELECT min(t.category) FROM public.statuses t
         WHERE t.tenant_id = i.tenant_id AND t.instance_id = i.instance_id AND lower(t.name) = lower(v.status)
         HAVING min(t.category) = max(t.category)),
        'undefined') AS category,
    CASE WHEN NOT e.creation THEN coalesce(
        b.category,
        (SELECT min(t.category) FROM public.statuses t
         WHERE t.tenant_id = i.tenant_id AND t.instance_id = i.instance_id AND lower(t.name) = lower(v.before)
         HAVING min(t.category) = max(t.category)),
        'undefined') END AS previous_category,
    v.started_at,
    v.ended_at
FROM public.issues i
LEFT JOIN LATERAL (
    SELECT
        c.from_value, c.from_string, c.to_value, c.to_string,
        greatest(c.created_at, i.created_at) AS at,
        row_number() OVER w AS number,
        nullif(lag(c.to_value, 1, c.from_value) OVER w, '') AS before_id,
        lag(c.to_string, 1, c.from_string) OVER w AS before,
        lead(greatest(c.created_at, i.created_at)) OVER w AS next_at
    FROM public.changelogs c
    WHERE c.tenant_id = i.tenant_id AND c.issue_id = i.id AND c.field = 'status'
    WINDOW w AS (ORDER BY c.created_at, c.jira_number, c.ordinal)
) c ON true
-- The first change ends one stay and begins another; an issue without any has one stay.
JOIN (VALUES (true), (false)) AS e (creation)
    ON CASE WHEN e.creation THEN coalesce(c.number, 1) = 1 ELSE c.number IS NOT NULL END
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN c.number IS NULL THEN i.status_id
             WHEN e.creation THEN nullif(c.from_value, '') ELSE nullif(c.to_value, '') END AS status_id,
        CASE WHEN c.number IS NULL THEN i.status WHEN e.creation THEN c.from_string ELSE c.to_string END AS status,
        CASE WHEN e.creation THEN i.created_at ELSE c.at END AS started_at,
        CASE WHEN e.creation THEN c.at ELSE c.next_at END AS ended_at,
        c.before_id,
        c.before
) v
LEFT JOIN public.statuses s ON s.tenant_id = i.tenant_id AND s.instance_id = i.instance_id AND s.jira_id = v.status_id
LEFT JOIN public.statuses b ON b.tenant_id = i.tenant_id AND b.instance_id = i.instance_id AND b.jira_id = v.before_id
WHERE i.presence = 'present';
GRANT SELECT ON forebay.status_spans TO forebay_app, forebay_read, forebay_definer;

-- How long an issue has been in each status until a moment, how often it entered it, when first, and when it left last
-- (null while it is there). Before the creation: no rows.
CREATE FUNCTION forebay.time_in_status(of_issue uuid, moment timestamptz) RETURNS TABLE (
    status_id text, status text, category text,
    seconds double precision, visits bigint, first_entered timestamptz, last_left timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.status_id, s.status, s.category,
        sum(extract(epoch FROM least(s.ended_at, moment) - s.started_at))::float8,
        count(*), min(s.started_at),
        CASE WHEN bool_and(coalesce(s.ended_at <= moment, false)) THEN max(s.ended_at) END
    FROM forebay.status_spans s
    WHERE s.issue_id = of_issue AND s.started_at <= moment
    GROUP BY s.status_id, s.status, s.category
    ORDER BY min(s.started_at), s.status_id, s.status;
END;

-- The same by category. A move between two statuses of a category is no new visit.
CREATE FUNCTION forebay.time_in_category(of_issue uuid, moment timestamptz) RETURNS TABLE (
    category text, seconds double precision, visits bigint, first_entered timestamptz, last_left timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.category,
        sum(extract(epoch FROM least(s.ended_at, moment) - s.started_at))::float8,
        count(*) FILTER (WHERE s.previous_category IS DISTINCT FROM s.category), min(s.started_at),
        CASE WHEN bool_and(coalesce(s.ended_at <= moment, false)) THEN max(s.ended_at) END
    FROM forebay.status_spans s
    WHERE s.issue_id = of_issue AND s.started_at <= moment
    GROUP BY s.category
    ORDER BY min(s.started_at), s.category;
END;

-- What an issue's fields were, field by field, from its creation on.
--
-- A field is named by its id: the item's own; where it has none (Server, old rows) by Jira's names for system fields, or by the
-- one custom field of that name; else by the name itself. `field` is its present name.
-- Most fields log their whole value, lists too ("1, 2"), and have one span after another without gaps, empty ones included.
-- Fix versions, versions, components, links and attachments log each value that comes or goes, and have spans for each value.
-- What was there without having been added was there at the creation.
-- Left out is what changes without saying to what (rank), and what no field holds (comments, ids of worklogs).
CREATE FUNCTION forebay.field_history(of_issue uuid) RETURNS TABLE (
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

-- What the fields of an issue were at a moment, empty ones left out, and since when. Before the creation: no rows.
CREATE FUNCTION forebay.issue_at(of_issue uuid, moment timestamptz) RETURNS TABLE (
    field_id text, field text, value text, string text, since timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT h.field_id, h.field, h.value, h.string, h.started_at
    FROM forebay.field_history(of_issue) h
    WHERE h.started_at <= moment AND (h.ended_at IS NULL OR h.ended_at > moment) AND coalesce(h.value, h.string) IS NOT NULL;
END;

REVOKE ALL ON FUNCTION forebay.time_in_status(uuid, timestamptz), forebay.time_in_category(uuid, timestamptz),
    forebay.field_history(uuid), forebay.issue_at(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.time_in_status(uuid, timestamptz), forebay.time_in_category(uuid, timestamptz),
    forebay.field_history(uuid), forebay.issue_at(uuid, timestamptz) TO forebay_app, forebay_read;
