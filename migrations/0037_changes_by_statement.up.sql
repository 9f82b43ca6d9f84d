-- Changes are noted once per statement instead of once per row: noting 1,000 rows costs little more than noting one. And what
-- is announced is sealed by the application, because a role of any kind may LISTEN: `forebay.take_changes` gives it what was
-- noted, and `forebay.announce_changes`, for transactions that are made by hand, says only that something changed.

CREATE OR REPLACE FUNCTION forebay.note_change(tenant uuid, instance uuid, change text) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    -- A notification holds less than 8000 bytes, sealed and in base64.
    most constant integer := 5800;
    noted text := coalesce(current_setting('app.changes', true), '');
    place text := '@' || coalesce(replace(tenant::text, '-', '') || coalesce('#' || replace(instance::text, '-', ''), ''), '');
BEGIN
    IF position(place || E'\n*\n' IN noted) > 0 THEN
        RETURN;
    END IF;
    -- Room for the header, its marks and the end of the line.
    IF octet_length(noted) + octet_length(change) > most - 100 THEN
        -- Too much to be named: what is noted becomes "everything" of each header.
        SELECT string_agg(h.header || E'\n*\n', '') INTO noted
        FROM (SELECT line AS header FROM string_to_table(noted, E'\n') AS t (line) WHERE line LIKE '@%'
              UNION SELECT place) h;
        -- Very many instances in one transaction: everything of everyone.
        IF octet_length(noted) > most THEN
            noted := E'@\n*\n';
        END IF;
    ELSIF change = '*' AND starts_with(noted, place || E'\n') AND position('@' IN substr(noted, 2)) = 0 THEN
        -- What is named at the only place there is says no more than that.
        noted := place || E'\n*\n';
    ELSIF place IS DISTINCT FROM current_setting('app.changes_place', true) THEN
        noted := noted || place || E'\n' || change || E'\n';
    ELSE
        noted := noted || change || E'\n';
    END IF;
    PERFORM set_config('app.changes', noted, true), set_config('app.changes_place', place, true);
END
$$;

-- What the transaction has noted since it was last asked; NULL where there is nothing. Whoever takes it announces it.
CREATE FUNCTION forebay.take_changes() RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE
    noted text := nullif(current_setting('app.changes', true), '');
BEGIN
    IF noted IS NOT NULL THEN
        PERFORM set_config('app.changes', '', true), set_config('app.changes_place', '', true);
    END IF;
    RETURN noted;
END
$$;

-- For whoever changes rows by hand, and for a Forebay before this migration: announces that anything may differ, if anything
-- does; answers what. The application names what changed, sealed.
CREATE OR REPLACE FUNCTION forebay.announce_changes(event uuid) RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE
    noted text := forebay.take_changes();
BEGIN
    IF noted IS NOT NULL THEN
        PERFORM pg_notify('forebay_changes', event || E'\n@\n*\n');
    END IF;
    RETURN noted;
END
$$;

REVOKE ALL ON FUNCTION forebay.take_changes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.take_changes() TO forebay_app, forebay_platform, forebay_definer;

-- `new_rows` are the statement's rows as they are, `old_rows` as they were. They are compared by UNION and EXCEPT and not by
-- joins: a plan is kept for the session, and a join planned for one row would take a page by nested loops.

CREATE FUNCTION forebay.note_issues_added() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    place record;
BEGIN
    FOR place IN SELECT tenant_id, instance_id, count(*) AS issues FROM new_rows GROUP BY tenant_id, instance_id LOOP
        -- No line is shorter than 38 bytes, so that more can never be named.
        IF place.issues > 150 THEN
            PERFORM forebay.note_change(place.tenant_id, place.instance_id, '*');
        ELSE
            PERFORM forebay.note_change(place.tenant_id, place.instance_id,
                                        string_agg('i ' || replace(id::text, '-', '') || ' ' || key, E'\n'))
            FROM new_rows WHERE tenant_id = place.tenant_id AND instance_id = place.instance_id;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE FUNCTION forebay.note_issues_changed() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    place record;
BEGIN
    FOR place IN SELECT tenant_id, instance_id, count(*) AS issues FROM new_rows GROUP BY tenant_id, instance_id LOOP
        IF place.issues > 150 THEN
            PERFORM forebay.note_change(place.tenant_id, place.instance_id, '*');
        ELSE
            -- By the key it has, and after that by the one it had.
            PERFORM forebay.note_change(place.tenant_id, place.instance_id, string_agg(line, E'\n'))
            FROM (
                SELECT 'i ' || replace(id::text, '-', '') || ' ' || string_agg(key, ' ' ORDER BY is_old) AS line
                FROM (
                    SELECT id, key, min(is_old) AS is_old
                    FROM (
                        SELECT id, key, 0 AS is_old FROM new_rows
                        WHERE tenant_id = place.tenant_id AND instance_id = place.instance_id
                        UNION ALL
                        SELECT id, key, 1 FROM old_rows
                        WHERE tenant_id = place.tenant_id AND instance_id = place.instance_id
                    ) known
                    GROUP BY id, key
                ) keys
                GROUP BY id
            ) lines;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- An issue shows names of people, so a new name changes issues; anything else changes the account alone.
CREATE FUNCTION forebay.note_users_changed() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(tenant_id, instance_id, '*')
    FROM (
        SELECT DISTINCT tenant_id, instance_id
        FROM (SELECT tenant_id, instance_id, id, display_name FROM new_rows
              EXCEPT SELECT tenant_id, instance_id, id, display_name FROM old_rows) renamed
    ) places;
    PERFORM forebay.note_change(tenant_id, instance_id, lines)
    FROM (
        SELECT tenant_id, instance_id, string_agg('u ' || replace(id::text, '-', ''), E'\n') AS lines
        FROM (SELECT * FROM new_rows EXCEPT SELECT * FROM old_rows) changed
        GROUP BY tenant_id, instance_id
    ) places;
    RETURN NULL;
END
$$;

-- For reference data: seldom changed, and shown in issues and rosters.
CREATE FUNCTION forebay.note_references() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(tenant_id, instance_id, '*')
    FROM (SELECT DISTINCT tenant_id, instance_id FROM new_rows) places;
    RETURN NULL;
END
$$;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['issues', 'users', 'projects', 'statuses', 'issue_types', 'priorities', 'resolutions',
                                  'custom_fields'] LOOP
        EXECUTE format('DROP TRIGGER note_change ON %I', target);
    END LOOP;
    -- Link types are looked up as well, and noted nothing until now.
    FOREACH target IN ARRAY ARRAY['projects', 'statuses', 'issue_types', 'priorities', 'resolutions', 'custom_fields',
                                  'issue_link_types'] LOOP
        EXECUTE format('CREATE TRIGGER note_addition AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_references()', target);
        EXECUTE format('CREATE TRIGGER note_change AFTER UPDATE ON %I REFERENCING NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_references()', target);
    END LOOP;
END
$$;
CREATE TRIGGER note_addition AFTER INSERT ON issues REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_issues_added();
CREATE TRIGGER note_change AFTER UPDATE ON issues REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_issues_changed();
CREATE TRIGGER note_change AFTER UPDATE ON users REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_users_changed();

DROP FUNCTION forebay.note_issue(), forebay.note_user(), forebay.note_reference();
