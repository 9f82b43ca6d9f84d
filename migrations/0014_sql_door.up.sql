-- More for the SQL door: history, time in status, custom fields, and what issues point to.
-- Each view asks with the rights of whoever asks (security_invoker), so that the tables' policies hold.

-- No address, no hash of one, no payload.
GRANT SELECT (instance_id, active) ON users TO forebay_read;

-- Issues by key: a present key, or an old one that no present issue of the site has. One row for each site that has it.
CREATE FUNCTION forebay.issues_named(key text, instance_name text)
    RETURNS TABLE (issue_id uuid, instance text, issue text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH named AS (
        SELECT i.id, i.instance_id
        FROM public.issues i
        WHERE i.key = upper(btrim(issues_named.key)) AND i.presence = 'present'
    ), found AS (
        SELECT named.id FROM named
        UNION ALL
        SELECT a.issue_id
        FROM public.issue_key_aliases a
        WHERE a.key = upper(btrim(issues_named.key))
          AND NOT EXISTS (SELECT FROM named WHERE named.instance_id = a.instance_id)
    )
    SELECT i.id, n.name, i.key
    FROM found
    JOIN public.issues i ON i.id = found.id AND i.presence = 'present'
    JOIN public.jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
    WHERE issues_named.instance_name IS NULL OR n.name = issues_named.instance_name;
END;

CREATE FUNCTION jira.field_history(key text, instance_name text DEFAULT NULL) RETURNS TABLE (
    instance text, issue text, field_id text, field text, value text, string text, started timestamptz, ended timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.instance, n.issue, h.field_id, h.field, h.value, h.string, h.started_at, h.ended_at
    FROM forebay.issues_named(field_history.key, field_history.instance_name) n
    CROSS JOIN LATERAL forebay.field_history(n.issue_id) h;
END;
COMMENT ON FUNCTION jira.field_history(text, text) IS
    'Every field of an issue over time, from its creation on: one row for each span of a value. Old keys are found too.';

CREATE FUNCTION jira.issue_at(key text, moment timestamptz, instance_name text DEFAULT NULL) RETURNS TABLE (
    instance text, issue text, field_id text, field text, value text, string text, since timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.instance, n.issue, s.field_id, s.field, s.value, s.string, s.since
    FROM forebay.issues_named(issue_at.key, issue_at.instance_name) n
    CROSS JOIN LATERAL forebay.issue_at(n.issue_id, issue_at.moment) s;
END;
COMMENT ON FUNCTION jira.issue_at(text, timestamptz, text) IS
    'What the fields of an issue were at a moment, and since when. No rows before its creation. Old keys are found too.';

CREATE FUNCTION jira.time_in_status_at(key text, moment timestamptz, instance_name text DEFAULT NULL) RETURNS TABLE (
    instance text, issue text, status_id text, status text, category text,
    seconds double precision, visits bigint, first_entered timestamptz, last_left timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.instance, n.issue, t.status_id, t.status, t.category, t.seconds, t.visits, t.first_entered, t.last_left
    FROM forebay.issues_named(time_in_status_at.key, time_in_status_at.instance_name) n
    CROSS JOIN LATERAL forebay.time_in_status(n.issue_id, time_in_status_at.moment) t;
END;
COMMENT ON FUNCTION jira.time_in_status_at(text, timestamptz, text) IS
    'How long an issue had been in each status at a moment: jira.time_in_status as of then.';

CREATE FUNCTION jira.time_in_category_at(key text, moment timestamptz, instance_name text DEFAULT NULL) RETURNS TABLE (
    instance text, issue text, category text,
    seconds double precision, visits bigint, first_entered timestamptz, last_left timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.instance, n.issue, t.category, t.seconds, t.visits, t.first_entered, t.last_left
    FROM forebay.issues_named(time_in_category_at.key, time_in_category_at.instance_name) n
    CROSS JOIN LATERAL forebay.time_in_category(n.issue_id, time_in_category_at.moment) t;
END;
COMMENT ON FUNCTION jira.time_in_category_at(text, timestamptz, text) IS
    'How long an issue had been in each status category at a moment: jira.time_in_category as of then.';

REVOKE ALL ON FUNCTION forebay.issues_named(text, text), jira.field_history(text, text),
    jira.issue_at(text, timestamptz, text), jira.time_in_status_at(text, timestamptz, text),
    jira.time_in_category_at(text, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.issues_named(text, text), jira.field_history(text, text),
    jira.issue_at(text, timestamptz, text), jira.time_in_status_at(text, timestamptz, text),
    jira.time_in_category_at(text, timestamptz, text) TO forebay_app, forebay_read;

CREATE VIEW jira.status_history WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, s.issue_key AS issue, s.status_id, s.status, s.category,
    s.started_at AS started, s.ended_at AS ended
FROM forebay.status_spans s
JOIN public.jira_instances n ON n.tenant_id = s.tenant_id AND n.id = s.instance_id
JOIN public.projects p ON p.tenant_id = s.tenant_id AND p.id = s.project_id;
COMMENT ON VIEW jira.status_history IS 'Every stay of an issue in a status, from its creation on: one row each.';

CREATE VIEW jira.time_in_status WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, s.issue_key AS issue, s.status_id, s.status, s.category,
    sum(extract(epoch FROM coalesce(s.ended_at, now()) - s.started_at))::float8 AS seconds,
    count(*) AS visits,
    min(s.started_at) AS first_entered,
    CASE WHEN bool_and(s.ended_at IS NOT NULL) THEN max(s.ended_at) END AS last_left
FROM forebay.status_spans s
JOIN public.jira_instances n ON n.tenant_id = s.tenant_id AND n.id = s.instance_id
JOIN public.projects p ON p.tenant_id = s.tenant_id AND p.id = s.project_id
GROUP BY s.issue_id, n.name, p.key, s.issue_key, s.status_id, s.status, s.category;
COMMENT ON VIEW jira.time_in_status IS 'How long each issue has been in each status until now: one row per issue and status.';

CREATE VIEW jira.time_in_category WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, s.issue_key AS issue, s.category,
    sum(extract(epoch FROM coalesce(s.ended_at, now()) - s.started_at))::float8 AS seconds,
    count(*) FILTER (WHERE s.previous_category IS DISTINCT FROM s.category) AS visits,
    min(s.started_at) AS first_entered,
    CASE WHEN bool_and(s.ended_at IS NOT NULL) THEN max(s.ended_at) END AS last_left
FROM forebay.status_spans s
JOIN public.jira_instances n ON n.tenant_id = s.tenant_id AND n.id = s.instance_id
JOIN public.projects p ON p.tenant_id = s.tenant_id AND p.id = s.project_id
GROUP BY s.issue_id, n.name, p.key, s.issue_key, s.category;
COMMENT ON VIEW jira.time_in_category IS 'How long each issue has been in each status category until now: one row per issue and category.';

CREATE VIEW jira.projects WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key, p.jira_id AS id, p.name, p.project_type AS type,
    u.display_name AS lead, p.lead_account_id
FROM public.projects p
JOIN public.jira_instances n ON n.tenant_id = p.tenant_id AND n.id = p.instance_id
LEFT JOIN public.users u
    ON u.tenant_id = p.tenant_id AND u.instance_id = p.instance_id AND u.account_id = p.lead_account_id
WHERE p.presence = 'present';
COMMENT ON VIEW jira.projects IS 'Every present project.';

CREATE VIEW jira.users WITH (security_invoker = true) AS
SELECT n.name AS instance, u.account_id, u.display_name AS name, u.active
FROM public.users u
JOIN public.jira_instances n ON n.tenant_id = u.tenant_id AND n.id = u.instance_id;
COMMENT ON VIEW jira.users IS 'Everybody the copy has seen at a site. No addresses.';

CREATE VIEW jira.statuses WITH (security_invoker = true) AS
SELECT n.name AS instance, s.jira_id AS id, s.name, s.category
FROM public.statuses s
JOIN public.jira_instances n ON n.tenant_id = s.tenant_id AND n.id = s.instance_id;
COMMENT ON VIEW jira.statuses IS 'Every status of a site, and what it means: its category.';

CREATE VIEW jira.sprints WITH (security_invoker = true) AS
SELECT n.name AS instance, s.jira_id AS id, s.name, s.state, s.board_id, s.goal, s.start_date, s.end_date, s.complete_date
FROM public.sprints s
JOIN public.jira_instances n ON n.tenant_id = s.tenant_id AND n.id = s.instance_id;
COMMENT ON VIEW jira.sprints IS 'Every sprint that an issue has been in.';

CREATE VIEW jira.worklogs WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, i.key AS issue, w.jira_id AS id, u.display_name AS author,
    u.account_id AS author_account_id, w.started_at AS started, w.time_spent_seconds AS seconds,
    w.created_at AS created, w.updated_at AS updated
FROM public.worklogs w
JOIN public.issues i ON i.tenant_id = w.tenant_id AND i.id = w.issue_id
JOIN public.jira_instances n ON n.tenant_id = w.tenant_id AND n.id = w.instance_id
JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
LEFT JOIN public.users u ON u.tenant_id = w.tenant_id AND u.id = w.author_id
WHERE w.presence = 'present' AND i.presence = 'present';
COMMENT ON VIEW jira.worklogs IS 'Every present entry of time spent.';

CREATE VIEW jira.links WITH (security_invoker = true) AS
SELECT n.name AS instance, l.jira_id AS id, l.link_type AS type,
    coalesce(a.key, l.inward_key) AS inward_issue, l.outward_name AS outward,
    coalesce(b.key, l.outward_key) AS outward_issue, l.inward_name AS inward
FROM public.issue_links l
JOIN public.jira_instances n ON n.tenant_id = l.tenant_id AND n.id = l.instance_id
LEFT JOIN public.issues a ON a.tenant_id = l.tenant_id AND a.id = l.inward_issue_id
LEFT JOIN public.issues b ON b.tenant_id = l.tenant_id AND b.id = l.outward_issue_id
WHERE l.presence = 'present';
COMMENT ON VIEW jira.links IS 'Every present link between issues, once, in its outward direction: inward_issue blocks outward_issue.';

CREATE VIEW jira.field_values WITH (security_invoker = true) AS
SELECT n.name AS instance, p.key AS project, i.key AS issue, v.field_id, coalesce(f.name, v.field_id) AS field,
    f.field_type AS type, v.ordinal, v.value_id, v.value_text AS text, v.value_number AS number, v.value_time AS time
FROM public.issue_field_values v
JOIN public.issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
JOIN public.jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
JOIN public.projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
LEFT JOIN public.custom_fields f
    ON f.tenant_id = i.tenant_id AND f.instance_id = i.instance_id AND f.field_key = v.field_id
WHERE i.presence = 'present';
COMMENT ON VIEW jira.field_values IS
    'Every value of every custom field, and of labels, components and versions: one row per value, typed.';

GRANT SELECT ON jira.status_history, jira.time_in_status, jira.time_in_category, jira.projects, jira.users, jira.statuses,
    jira.sprints, jira.worklogs, jira.links, jira.field_values TO forebay_read;

-- What each column is. The same words for the same thing in every view that has it.
DO $$
DECLARE
    named record;
    said text;
BEGIN
    FOR named IN
        SELECT c.relname AS view, a.attname AS name
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'jira'::regnamespace
          AND c.relname IN ('issues', 'changelog', 'comments', 'status_history', 'time_in_status', 'time_in_category', 'projects',
                            'users', 'statuses', 'sprints', 'worklogs', 'links', 'field_values')
    LOOP
        said := coalesce(CASE named.view || '.' || named.name
            WHEN 'issues.key' THEN 'The issue''s present key.'
            WHEN 'issues.id' THEN 'Jira''s numeric id, which stays when the key changes.'
            WHEN 'issues.project_name' THEN 'The project''s name.'
            WHEN 'issues.priority' THEN 'The priority''s name.'
            WHEN 'issues.resolution' THEN 'The resolution''s name; null while unresolved.'
            WHEN 'issues.summary' THEN 'Summary.'
            WHEN 'issues.description' THEN 'Description as plain text.'
            WHEN 'issues.issue_type' THEN 'The issue type''s name.'
            WHEN 'issues.resolved' THEN 'When it was resolved; some sites leave done issues unresolved.'
            WHEN 'issues.due' THEN 'Due date.'
            WHEN 'issues.parent' THEN 'The parent''s key.'
            WHEN 'issues.epic' THEN 'The epic''s key.'
            WHEN 'issues.story_points' THEN 'Story points.'
            WHEN 'issues.labels' THEN 'Labels.'
            WHEN 'issues.components' THEN 'Names of components.'
            WHEN 'issues.raw' THEN 'The issue as Jira serves it, whole, without addresses.'
            WHEN 'issues.updated' THEN 'When it was last changed at the site.'
            WHEN 'changelog.history_id' THEN 'Jira''s id of the history: what one person changed at one time.'
            WHEN 'changelog.ordinal' THEN 'The place within the history, from 0.'
            WHEN 'changelog.created' THEN 'When it was changed.'
            WHEN 'changelog.field' THEN 'The field''s name as the history shows it.'
            WHEN 'changelog.field_id' THEN 'The field''s id, where the site says it.'
            WHEN 'changelog.from_value' THEN 'The id of the value before.'
            WHEN 'changelog.to_value' THEN 'The id of the value after.'
            WHEN 'changelog.from_string' THEN 'The value before, as it was shown then.'
            WHEN 'changelog.to_string' THEN 'The value after, as it was shown then.'
            WHEN 'comments.body' THEN 'The comment as plain text.'
            WHEN 'comments.id' THEN 'Jira''s id of the comment.'
            WHEN 'status_history.started' THEN 'When the stay began: the creation, or the change into the status.'
            WHEN 'status_history.ended' THEN 'When the stay ended; null while it lasts.'
            WHEN 'time_in_category.visits' THEN 'How often the issue entered the category; moves within it do not count.'
            WHEN 'time_in_category.seconds' THEN 'Seconds in the category until now, all visits together.'
            WHEN 'projects.key' THEN 'The project''s present key.'
            WHEN 'projects.name' THEN 'The project''s name.'
            WHEN 'projects.id' THEN 'Jira''s numeric id.'
            WHEN 'projects.type' THEN 'software, service_desk, business or product_discovery.'
            WHEN 'projects.lead' THEN 'The lead''s name.'
            WHEN 'users.name' THEN 'The name as last seen.'
            WHEN 'users.active' THEN 'Whether the account is active.'
            WHEN 'statuses.id' THEN 'Jira''s id of the status.'
            WHEN 'statuses.name' THEN 'The status''s name, which sites rename and translate.'
            WHEN 'sprints.id' THEN 'Jira''s id of the sprint.'
            WHEN 'sprints.name' THEN 'The sprint''s name.'
            WHEN 'sprints.state' THEN 'future, active or closed.'
            WHEN 'sprints.board_id' THEN 'Jira''s id of the board it was made on.'
            WHEN 'sprints.goal' THEN 'The sprint''s goal.'
            WHEN 'sprints.start_date' THEN 'When it began, or is to begin.'
            WHEN 'sprints.end_date' THEN 'When it is to end.'
            WHEN 'sprints.complete_date' THEN 'When it was closed.'
            WHEN 'worklogs.id' THEN 'Jira''s id of the entry.'
            WHEN 'worklogs.started' THEN 'When the work was done.'
            WHEN 'worklogs.seconds' THEN 'How long it took, in seconds.'
            WHEN 'links.id' THEN 'Jira''s id of the link.'
            WHEN 'links.type' THEN 'The link type''s name: Blocks, Relates ...'
            WHEN 'links.inward_issue' THEN 'The key of the issue that the link goes out from.'
            WHEN 'links.outward' THEN 'How it reads from there: "blocks".'
            WHEN 'links.outward_issue' THEN 'The key of the issue that the link goes to.'
            WHEN 'links.inward' THEN 'How it reads the other way round: "is blocked by".'
            WHEN 'field_values.field_id' THEN 'Jira''s id of the field: customfield_10016, labels, fixVersions ...'
            WHEN 'field_values.field' THEN 'The field''s name; several fields may have the same.'
            WHEN 'field_values.type' THEN 'The field''s type, as Jira names it.'
            WHEN 'field_values.ordinal' THEN 'The place among the field''s values, from 0.'
            WHEN 'field_values.value_id' THEN 'The id of the value, where it has one: of an option, a version, a person, a sprint.'
            WHEN 'field_values.text' THEN 'The value as text.'
            WHEN 'field_values.number' THEN 'The value as a number, where it is one.'
            WHEN 'field_values.time' THEN 'The value as a time, where it is one; a date is its midnight in UTC.'
        END, CASE named.name
            WHEN 'instance' THEN 'The site''s name in Forebay.'
            WHEN 'project' THEN 'The key of the project that the issue is in.'
            WHEN 'issue' THEN 'The issue''s present key: jira.issues.key, within one instance.'
            WHEN 'status_id' THEN 'Jira''s id of the status; null where an old Server did not log it.'
            WHEN 'status' THEN 'The status''s present name; as it was shown then, where the site has it no more.'
            WHEN 'status_category' THEN 'new, indeterminate (in progress), done or undefined: the same at every site.'
            WHEN 'category' THEN 'new, indeterminate (in progress), done or undefined: the same at every site.'
            WHEN 'seconds' THEN 'Seconds in the status until now, all visits together.'
            WHEN 'visits' THEN 'How often the issue entered it; the creation counts.'
            WHEN 'first_entered' THEN 'When it entered it first.'
            WHEN 'last_left' THEN 'When it left it last; null while it is there.'
            WHEN 'assignee' THEN 'The assignee''s name.'
            WHEN 'reporter' THEN 'The reporter''s name.'
            WHEN 'author' THEN 'The author''s name.'
            WHEN 'created' THEN 'When it was created.'
            WHEN 'updated' THEN 'When it was last changed.'
            WHEN 'account_id' THEN 'Jira''s accountId; the user key on Server and Data Center.'
            WHEN 'assignee_account_id' THEN 'Jira''s accountId of the assignee; the user key on Server and Data Center.'
            WHEN 'reporter_account_id' THEN 'Jira''s accountId of the reporter; the user key on Server and Data Center.'
            WHEN 'author_account_id' THEN 'Jira''s accountId of the author; the user key on Server and Data Center.'
            WHEN 'lead_account_id' THEN 'Jira''s accountId of the lead; the user key on Server and Data Center.'
        END);
        IF said IS NULL THEN
            RAISE EXCEPTION 'jira.%.% has no comment', named.view, named.name;
        END IF;
        EXECUTE format('COMMENT ON COLUMN jira.%I.%I IS %L', named.view, named.name, said);
    END LOOP;
END
$$;
