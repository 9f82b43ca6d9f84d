-- Domain events: what a transaction changes of the things that are looked up and cached. The tables note it themselves,
-- so that no statement can forget to, and the transaction announces it when it commits: a rollback announces nothing.
--
-- What is noted is text in a setting that lives as long as the transaction: lines under headers of the form
-- `@TENANT#INSTANCE`, `@TENANT` or `@`. application::events reads it; each line there is one event:
--   i ID KEY [OLDKEY]   an issue was stored or changed, or is at its source no longer
--   u ID                an account was changed in what issues do not show of it
--   r                   (under a tenant) an instance was added, changed or removed
--   m                   the materialized views were computed anew
--   *                   everything under the header may differ

CREATE FUNCTION forebay.note_change(tenant uuid, instance uuid, change text) RETURNS void
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

-- Announces what the transaction has noted, on the channel `forebay_changes`, to be delivered when it commits; answers it.
-- To be called last; NULL where there is nothing.
CREATE FUNCTION forebay.announce_changes(event uuid) RETURNS text
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

REVOKE ALL ON FUNCTION forebay.note_change(uuid, uuid, text), forebay.announce_changes(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.note_change(uuid, uuid, text), forebay.announce_changes(uuid)
    TO forebay_app, forebay_platform, forebay_definer;

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

-- An issue shows names of people, so a new name changes issues; anything else changes the account alone.
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

-- For reference data: seldom changed, and shown in issues and rosters.
CREATE FUNCTION forebay.note_reference() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(NEW.tenant_id, NEW.instance_id, '*');
    RETURN NULL;
END
$$;

CREATE FUNCTION forebay.note_instance() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    gone_or_changed public.jira_instances := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    PERFORM forebay.note_change(gone_or_changed.tenant_id, NULL, 'r');
    IF TG_OP <> 'INSERT' THEN
        PERFORM forebay.note_change(gone_or_changed.tenant_id, gone_or_changed.id, '*');
    END IF;
    RETURN NULL;
END
$$;

-- Rows go in masses, with their instance or their tenant: they are not looked at one by one.
CREATE FUNCTION forebay.note_deletion() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    tenant text := nullif(current_setting('app.current_tenant_id', true), '');
BEGIN
    IF tenant IS NOT NULL THEN
        PERFORM forebay.note_change(tenant::uuid, NULL, '*');
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION forebay.note_tenant() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(OLD.id, NULL, '*');
    RETURN NULL;
END
$$;

CREATE TRIGGER note_change AFTER INSERT OR UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION forebay.note_issue();
CREATE TRIGGER note_deletion AFTER DELETE ON issues FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_deletion();
CREATE TRIGGER note_change AFTER UPDATE ON users FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION forebay.note_user();
CREATE TRIGGER note_deletion AFTER DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_deletion();
CREATE TRIGGER note_deletion AFTER DELETE ON projects FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_deletion();
-- A sandbox counts its ids here, and a sync notes each time who it is: neither changes what is looked up.
CREATE TRIGGER note_addition AFTER INSERT OR DELETE ON jira_instances FOR EACH ROW EXECUTE FUNCTION forebay.note_instance();
CREATE TRIGGER note_change AFTER UPDATE ON jira_instances FOR EACH ROW
    WHEN ((OLD.name, OLD.display_name, OLD.kind, OLD.base_url, OLD.auth_method, OLD.dialect, OLD.account_id, OLD.time_zone,
           OLD.webhook_remote_id, OLD.active)
          IS DISTINCT FROM
          (NEW.name, NEW.display_name, NEW.kind, NEW.base_url, NEW.auth_method, NEW.dialect, NEW.account_id, NEW.time_zone,
           NEW.webhook_remote_id, NEW.active))
    EXECUTE FUNCTION forebay.note_instance();
CREATE TRIGGER note_deletion AFTER DELETE ON tenants FOR EACH ROW EXECUTE FUNCTION forebay.note_tenant();

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
