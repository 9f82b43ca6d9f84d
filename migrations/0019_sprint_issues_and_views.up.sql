-- Which issues were in a sprint, from when, until when: one row per stay. An issue that was there at its creation has no change
-- that says so: its first change shows it leaving, or the sprint stands in its field now without any change.
-- A sprint stays in the field after its end, so an issue that is carried over keeps its stay in the old one.
CREATE VIEW public.sprint_issues WITH (security_invoker = true) AS
WITH events AS (
    SELECT c.tenant_id, c.instance_id, c.issue_id, e.sprint_id, e.added, false AS assumed,
           c.created_at AS at, c.jira_number, c.ordinal
    FROM public.changelogs c
    CROSS JOIN LATERAL (
        SELECT string_to_array(translate(c.from_value, ' ', ''), ',') AS before,
               string_to_array(translate(c.to_value, ' ', ''), ',') AS after) l
    CROSS JOIN LATERAL (
        SELECT CASE WHEN a.id ~ '^[0-9]{1,18}$' THEN a.id::bigint END AS sprint_id, true AS added
        FROM unnest(l.after) a (id) WHERE a.id <> ALL (coalesce(l.before, '{}'))
        UNION ALL
        SELECT CASE WHEN b.id ~ '^[0-9]{1,18}$' THEN b.id::bigint END, false
        FROM unnest(l.before) b (id) WHERE b.id <> ALL (coalesce(l.after, '{}'))) e
    WHERE c.field = 'Sprint'
    UNION ALL
    SELECT v.tenant_id, f.instance_id, v.issue_id,
           CASE WHEN v.value_id ~ '^[0-9]{1,18}$' THEN v.value_id::bigint END, true, true, '-infinity', 0, 0
    FROM public.custom_fields f
    JOIN public.issue_field_values v ON v.tenant_id = f.tenant_id AND v.field_id = f.field_key AND v.value_id IS NOT NULL
    JOIN public.issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id AND i.instance_id = f.instance_id
    WHERE f.field_type LIKE '%:gh-sprint'
), ordered AS (
    SELECT e.*, row_number() OVER w AS place, lead(e.added) OVER w AS next_added, lead(e.at) OVER w AS next_at
    FROM events e
    WINDOW w AS (PARTITION BY e.tenant_id, e.instance_id, e.sprint_id, e.issue_id
                 ORDER BY e.at, e.jira_number, e.ordinal)
)
SELECT o.tenant_id, o.instance_id, o.sprint_id, o.issue_id,
       CASE WHEN o.added AND NOT o.assumed THEN o.at ELSE i.created_at END AS added_at,
       CASE WHEN o.added THEN CASE WHEN NOT o.next_added THEN o.next_at END ELSE o.at END AS removed_at
FROM ordered o
JOIN public.issues i ON i.tenant_id = o.tenant_id AND i.id = o.issue_id
WHERE i.presence = 'present' AND o.sprint_id IS NOT NULL
  -- The field's present value is no news where a change put it there; a departure counts where nothing was known before.
  AND CASE WHEN o.assumed THEN o.next_added IS DISTINCT FROM true WHEN o.added THEN true ELSE o.place = 1 END;
COMMENT ON VIEW public.sprint_issues IS 'Stays of issues in sprints, from the changelog and the present field.';
GRANT SELECT ON public.sprint_issues TO forebay_app, forebay_read;

-- The category of an issue's status at a past moment: that of the last change until then, or where the first one after it
-- came from, or the present one.
-- Its body is read now and not when it is called: the SQL door's role may read the tables, and may not name their schema.
CREATE FUNCTION forebay.status_category_at(tenant uuid, issue uuid, moment timestamptz) RETURNS varchar
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        (SELECT s.category FROM (
            SELECT c.instance_id, c.to_value FROM public.changelogs c
            WHERE c.tenant_id = tenant AND c.issue_id = issue AND c.field = 'status' AND c.created_at <= moment
            ORDER BY c.created_at DESC, c.jira_number DESC, c.ordinal DESC LIMIT 1) l
         JOIN public.statuses s ON s.tenant_id = tenant AND s.instance_id = l.instance_id AND s.jira_id = l.to_value),
        (SELECT s.category FROM (
            SELECT c.instance_id, c.from_value FROM public.changelogs c
            WHERE c.tenant_id = tenant AND c.issue_id = issue AND c.field = 'status' AND c.created_at > moment
            ORDER BY c.created_at, c.jira_number, c.ordinal LIMIT 1) l
         JOIN public.statuses s ON s.tenant_id = tenant AND s.instance_id = l.instance_id AND s.jira_id = l.from_value),
        (SELECT i.status_category FROM public.issues i WHERE i.tenant_id = tenant AND i.id = issue));
REVOKE ALL ON FUNCTION forebay.status_category_at(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.status_category_at(uuid, uuid, timestamptz) TO forebay_app, forebay_read;

-- The SQL door. An account of the door reads of a user only what 0002 grants.
CREATE VIEW jira.versions WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, v.jira_id AS id, v.name, v.description, v.sequence, v.archived, v.released,
       v.start_date, v.release_date
FROM public.versions v
JOIN public.jira_instances n ON n.tenant_id = v.tenant_id AND n.id = v.instance_id
LEFT JOIN public.projects p ON p.tenant_id = v.tenant_id AND p.id = v.project_id
WHERE v.presence = 'present';
COMMENT ON VIEW jira.versions IS 'Every version of every project; sequence is the project''s own order.';

CREATE VIEW jira.components WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, c.jira_id AS id, c.name, c.description, c.lead_account_id
FROM public.components c
JOIN public.jira_instances n ON n.tenant_id = c.tenant_id AND n.id = c.instance_id
LEFT JOIN public.projects p ON p.tenant_id = c.tenant_id AND p.id = c.project_id
WHERE c.presence = 'present';
COMMENT ON VIEW jira.components IS 'Every component of every project.';

CREATE VIEW jira.boards WITH (security_invoker = true) AS
SELECT n.name AS instance, b.jira_id AS id, b.name, b.board_type AS type, p.key AS project
FROM public.boards b
JOIN public.jira_instances n ON n.tenant_id = b.tenant_id AND n.id = b.instance_id
LEFT JOIN public.projects p ON p.tenant_id = b.tenant_id AND p.id = b.project_id
WHERE b.presence = 'present';
COMMENT ON VIEW jira.boards IS 'Every board: scrum, kanban or simple, with the project it is at home in.';

CREATE VIEW jira.sprint_issues WITH (security_invoker = true) AS
SELECT n.name AS instance, m.sprint_id, s.name AS sprint, s.state AS sprint_state, s.board_id, i.key AS issue,
       m.added_at AS added, m.removed_at AS removed,
       s.start_date IS NOT NULL AND m.added_at > s.start_date AS added_after_start,
       s.complete_date IS NOT NULL AND m.added_at <= s.complete_date
           AND (m.removed_at IS NULL OR m.removed_at >= s.complete_date) AS in_at_close,
       CASE WHEN s.complete_date IS NOT NULL
           THEN forebay.status_category_at(m.tenant_id, m.issue_id, s.complete_date) = 'done' END AS done_at_close,
       i.story_points
FROM public.sprint_issues m
JOIN public.jira_instances n ON n.tenant_id = m.tenant_id AND n.id = m.instance_id
JOIN public.sprints s ON s.tenant_id = m.tenant_id AND s.instance_id = m.instance_id AND s.jira_id = m.sprint_id
JOIN public.issues i ON i.tenant_id = m.tenant_id AND i.id = m.issue_id;
COMMENT ON VIEW jira.sprint_issues IS
    'Every stay of an issue in a sprint: added, removed, whether it was in and done when the sprint closed. In and not done is carried over.';

CREATE VIEW jira.attachments WITH (security_invoker = true) AS
SELECT n.name AS instance, i.key AS issue, a.jira_id AS id, a.filename, a.mime_type, a.size_bytes,
       u.display_name AS author, u.account_id AS author_account_id, a.created_at AS created
FROM public.attachments a
JOIN public.issues i ON i.tenant_id = a.tenant_id AND i.id = a.issue_id
JOIN public.jira_instances n ON n.tenant_id = a.tenant_id AND n.id = a.instance_id
LEFT JOIN public.users u ON u.tenant_id = a.tenant_id AND u.id = a.author_id
WHERE a.presence = 'present' AND i.presence = 'present';
COMMENT ON VIEW jira.attachments IS 'Name, type, size and author of every present attachment; the file stays at the site.';

CREATE VIEW jira.watchers WITH (security_invoker = true) AS
SELECT n.name AS instance, i.key AS issue, c.watchers, c.votes,
       (SELECT array_agg(u.display_name ORDER BY u.display_name) FROM public.watchers w
        JOIN public.users u ON u.tenant_id = w.tenant_id AND u.id = w.user_id
        WHERE w.tenant_id = c.tenant_id AND w.issue_id = c.issue_id) AS names
FROM public.issue_counts c
JOIN public.issues i ON i.tenant_id = c.tenant_id AND i.id = c.issue_id
JOIN public.jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
WHERE i.presence = 'present';
COMMENT ON VIEW jira.watchers IS
    'How many watch an issue and voted for it; names of watchers where the site was asked for them.';

CREATE VIEW jira.remote_links WITH (security_invoker = true) AS
SELECT n.name AS instance, i.key AS issue, l.jira_id AS id, l.relationship, l.application, l.title, l.url, l.global_id
FROM public.remote_links l
JOIN public.issues i ON i.tenant_id = l.tenant_id AND i.id = l.issue_id
JOIN public.jira_instances n ON n.tenant_id = l.tenant_id AND n.id = l.instance_id
WHERE l.presence = 'present' AND i.presence = 'present';
COMMENT ON VIEW jira.remote_links IS 'Links from issues to what is outside of the site.';

CREATE VIEW jira.filters WITH (security_invoker = true) AS
SELECT n.name AS instance, f.jira_id AS id, f.name, f.description, f.jql, f.owner_account_id
FROM public.filters f
JOIN public.jira_instances n ON n.tenant_id = f.tenant_id AND n.id = f.instance_id
WHERE f.presence = 'present';
COMMENT ON VIEW jira.filters IS 'Saved filters that the account of the instance may see, with their JQL.';

CREATE VIEW jira.issue_link_types WITH (security_invoker = true) AS
SELECT n.name AS instance, t.jira_id AS id, t.name, t.inward, t.outward
FROM public.issue_link_types t
JOIN public.jira_instances n ON n.tenant_id = t.tenant_id AND n.id = t.instance_id
WHERE t.presence = 'present';
COMMENT ON VIEW jira.issue_link_types IS 'Types of links between issues, and how their ends read.';

GRANT SELECT ON jira.versions, jira.components, jira.boards, jira.sprint_issues, jira.attachments, jira.watchers,
    jira.remote_links, jira.filters, jira.issue_link_types TO forebay_read;

COMMENT ON COLUMN jira.remote_links.instance IS 'The site.';
COMMENT ON COLUMN jira.remote_links.issue IS 'The key of the issue.';
COMMENT ON COLUMN jira.remote_links.id IS 'Jira''s id of the link.';
COMMENT ON COLUMN jira.remote_links.relationship IS 'How the issue relates to it, as people wrote it.';
COMMENT ON COLUMN jira.remote_links.application IS 'The application it is in, where the link says.';
COMMENT ON COLUMN jira.remote_links.title IS 'What it is called.';
COMMENT ON COLUMN jira.remote_links.url IS 'Where it is.';
COMMENT ON COLUMN jira.remote_links.global_id IS 'What identifies it across links.';
COMMENT ON COLUMN jira.versions.instance IS 'The site.';
COMMENT ON COLUMN jira.versions.project IS 'The key of the project.';
COMMENT ON COLUMN jira.versions.id IS 'Jira''s id.';
COMMENT ON COLUMN jira.versions.name IS 'Its name.';
COMMENT ON COLUMN jira.versions.description IS 'What people wrote about it.';
COMMENT ON COLUMN jira.versions.sequence IS 'Its place in the project''s order, from 0.';
COMMENT ON COLUMN jira.versions.archived IS 'Whether it is archived.';
COMMENT ON COLUMN jira.versions.released IS 'Whether it is released.';
COMMENT ON COLUMN jira.versions.start_date IS 'The day on which work on it starts.';
COMMENT ON COLUMN jira.versions.release_date IS 'The day on which it is, or was, released.';
COMMENT ON COLUMN jira.components.instance IS 'The site.';
COMMENT ON COLUMN jira.components.project IS 'The key of the project.';
COMMENT ON COLUMN jira.components.id IS 'Jira''s id.';
COMMENT ON COLUMN jira.components.name IS 'Its name.';
COMMENT ON COLUMN jira.components.description IS 'What people wrote about it.';
COMMENT ON COLUMN jira.components.lead_account_id IS 'The account id of its lead.';
COMMENT ON COLUMN jira.boards.instance IS 'The site.';
COMMENT ON COLUMN jira.boards.id IS 'Jira''s id.';
COMMENT ON COLUMN jira.boards.name IS 'Its name.';
COMMENT ON COLUMN jira.boards.type IS 'scrum, kanban or simple.';
COMMENT ON COLUMN jira.boards.project IS 'The key of the project it belongs to, where it belongs to one.';
COMMENT ON COLUMN jira.sprint_issues.instance IS 'The site.';
COMMENT ON COLUMN jira.sprint_issues.sprint_id IS 'Jira''s id of the sprint.';
COMMENT ON COLUMN jira.sprint_issues.sprint IS 'The name of the sprint.';
COMMENT ON COLUMN jira.sprint_issues.sprint_state IS 'future, active or closed.';
COMMENT ON COLUMN jira.sprint_issues.board_id IS 'Jira''s id of the board that the sprint is planned on.';
COMMENT ON COLUMN jira.sprint_issues.issue IS 'The key of the issue.';
COMMENT ON COLUMN jira.sprint_issues.added IS 'When the issue came into the sprint.';
COMMENT ON COLUMN jira.sprint_issues.removed IS 'When it left; null while it is in.';
COMMENT ON COLUMN jira.sprint_issues.added_after_start IS 'Whether it came when the sprint had begun.';
COMMENT ON COLUMN jira.sprint_issues.in_at_close IS 'Whether it was in when the sprint was closed; null while the sprint is not.';
COMMENT ON COLUMN jira.sprint_issues.done_at_close IS 'Whether it was done then; null while the sprint is not closed.';
COMMENT ON COLUMN jira.sprint_issues.story_points IS 'The issue''s present story points.';
COMMENT ON COLUMN jira.attachments.instance IS 'The site.';
COMMENT ON COLUMN jira.attachments.issue IS 'The key of the issue.';
COMMENT ON COLUMN jira.attachments.id IS 'Jira''s id.';
COMMENT ON COLUMN jira.attachments.filename IS 'The name of the file.';
COMMENT ON COLUMN jira.attachments.mime_type IS 'Its type.';
COMMENT ON COLUMN jira.attachments.size_bytes IS 'Its size in bytes.';
COMMENT ON COLUMN jira.attachments.author IS 'Who attached it.';
COMMENT ON COLUMN jira.attachments.author_account_id IS 'The account id of who attached it.';
COMMENT ON COLUMN jira.attachments.created IS 'When it was attached.';
COMMENT ON COLUMN jira.watchers.instance IS 'The site.';
COMMENT ON COLUMN jira.watchers.issue IS 'The key of the issue.';
COMMENT ON COLUMN jira.watchers.watchers IS 'How many watch it.';
COMMENT ON COLUMN jira.watchers.votes IS 'How many voted for it.';
COMMENT ON COLUMN jira.watchers.names IS 'Who watches it, where the site was asked for their names.';
COMMENT ON COLUMN jira.filters.instance IS 'The site.';
COMMENT ON COLUMN jira.filters.id IS 'Jira''s id.';
COMMENT ON COLUMN jira.filters.name IS 'Its name.';
COMMENT ON COLUMN jira.filters.description IS 'What people wrote about it.';
COMMENT ON COLUMN jira.filters.jql IS 'The query.';
COMMENT ON COLUMN jira.filters.owner_account_id IS 'The account id of its owner.';
COMMENT ON COLUMN jira.issue_link_types.instance IS 'The site.';
COMMENT ON COLUMN jira.issue_link_types.id IS 'Jira''s id.';
COMMENT ON COLUMN jira.issue_link_types.name IS 'Its name.';
COMMENT ON COLUMN jira.issue_link_types.inward IS 'How the link reads from its inward end, as in ''is blocked by''.';
COMMENT ON COLUMN jira.issue_link_types.outward IS 'How it reads from its outward end, as in ''blocks''.';
