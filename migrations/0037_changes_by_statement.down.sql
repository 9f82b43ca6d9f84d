DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['issues', 'projects', 'statuses', 'issue_types', 'priorities', 'resolutions', 'custom_fields',
                                  'issue_link_types'] LOOP
        EXECUTE format('DROP TRIGGER note_addition ON %I', target);
        EXECUTE format('DROP TRIGGER note_change ON %I', target);
    END LOOP;
END
$$;
DROP TRIGGER note_change ON users;
DROP FUNCTION forebay.note_issues_added(), forebay.note_issues_changed(), forebay.note_users_changed(), forebay.note_references();

CREATE OR REPLACE FUNCTION forebay.note_change(tenant uuid, instance uuid, change text) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    -- A notification holds less than 8000 bytes; 500 are left for the last line and its header.
    most constant integer := 7300;
    noted text := coalesce(current_setting('app.changes', true), '');
    place text := '@' || coalesce(replace(tenant::text, '-', '') || coalesce('#' || replace(instance::text, '-', ''), ''), '');
BEGIN
    IF position(place || E'\n*\n' IN noted) > 0 THEN
        RETURN;
    END IF;
    IF octet_length(noted) > most THEN
        -- Too much to be named: what is noted becomes "everything" of each header.
        SELECT string_agg(h.header || E'\n*\n', '') INTO noted
        FROM (SELECT line AS header FROM string_to_table(noted, E'\n') AS t (line) WHERE line LIKE '@%'
              UNION SELECT place) h;
    ELSIF place IS DISTINCT FROM current_setting('app.changes_place', true) THEN
        noted := noted || place || E'\n' || change || E'\n';
    ELSE
        noted := noted || change || E'\n';
    END IF;
    PERFORM set_config('app.changes', noted, true), set_config('app.changes_place', place, true);
END
$$;

CREATE OR REPLACE FUNCTION forebay.announce_changes(event uuid) RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE
    noted text := nullif(current_setting('app.changes', true), '');
BEGIN
    IF noted IS NOT NULL THEN
        -- Very many instances in one transaction: everything of everyone.
        IF octet_length(noted) > 7900 THEN
            noted := E'@\n*\n';
        END IF;
        PERFORM pg_notify('forebay_changes', event || E'\n' || noted),
            set_config('app.changes', '', true), set_config('app.changes_place', '', true);
    END IF;
    RETURN noted;
END
$$;

DROP FUNCTION forebay.take_changes();

CREATE FUNCTION forebay.note_issue() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.key <> NEW.key THEN
        PERFORM forebay.note_change(NEW.tenant_id, NEW.instance_id,
                                    'i ' || replace(NEW.id::text, '-', '') || ' ' || NEW.key || ' ' || OLD.key);
    ELSE
        PERFORM forebay.note_change(NEW.tenant_id, NEW.instance_id,
                                    'i ' || replace(NEW.id::text, '-', '') || ' ' || NEW.key);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION forebay.note_user() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(
        NEW.tenant_id, NEW.instance_id,
        CASE WHEN OLD.display_name IS DISTINCT FROM NEW.display_name THEN '*' ELSE 'u ' || replace(NEW.id::text, '-', '') END);
    RETURN NULL;
END
$$;

CREATE FUNCTION forebay.note_reference() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(NEW.tenant_id, NEW.instance_id, '*');
    RETURN NULL;
END
$$;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['projects', 'statuses', 'issue_types', 'priorities', 'resolutions', 'custom_fields'] LOOP
        EXECUTE format('CREATE TRIGGER note_change AFTER INSERT OR UPDATE ON %I FOR EACH ROW '
                       'EXECUTE FUNCTION forebay.note_reference()', target);
    END LOOP;
END
$$;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION forebay.note_issue();
CREATE TRIGGER note_change AFTER UPDATE ON users FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION forebay.note_user();
