-- Writing less per row.

-- LZ4 takes a sixth of the time of PostgreSQL's own method for an issue's payload (17 instead of 96 microseconds) and about as
-- much space. Not every build has it. Rows that are stored keep what they have.
DO $$
DECLARE
    place record;
BEGIN
    IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
        FOR place IN
            SELECT a.attrelid::regclass AS target, a.attname AS name
            FROM pg_attribute a
            WHERE a.attrelid IN ('issues'::regclass, 'comments'::regclass, 'worklogs'::regclass, 'changelogs'::regclass,
                                 'issue_field_values'::regclass, 'users'::regclass)
              AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('jsonb'::regtype, 'text'::regtype, 'tsvector'::regtype)
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION lz4', place.target, place.name);
        END LOOP;
    END IF;
END
$$;

-- The ids of these rows are derived from the instance and Jira's id, so the primary key says the same, and everything that
-- looks for Jira's id derives the row's.
ALTER TABLE comments DROP CONSTRAINT comments_jira_id_key;
ALTER TABLE worklogs DROP CONSTRAINT worklogs_jira_id_key;
