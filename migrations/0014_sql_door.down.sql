DROP VIEW jira.field_values, jira.links, jira.worklogs, jira.sprints, jira.statuses, jira.users, jira.projects,
    jira.time_in_category, jira.time_in_status, jira.status_history;
DROP FUNCTION jira.time_in_category_at(text, timestamptz, text);
DROP FUNCTION jira.time_in_status_at(text, timestamptz, text);
DROP FUNCTION jira.issue_at(text, timestamptz, text);
DROP FUNCTION jira.field_history(text, text);
DROP FUNCTION forebay.issues_named(text, text);
REVOKE SELECT (instance_id, active) ON users FROM forebay_read;
DO $$
DECLARE
    named record;
BEGIN
    FOR named IN
        SELECT c.relname AS view, a.attname AS name
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'jira'::regnamespace AND c.relname IN ('issues', 'changelog', 'comments')
    LOOP
        EXECUTE format('COMMENT ON COLUMN jira.%I.%I IS NULL', named.view, named.name);
    END LOOP;
END
$$;
