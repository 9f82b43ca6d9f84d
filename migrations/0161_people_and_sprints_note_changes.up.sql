-- Issues show sprints and options as these are now, and issues are cached.
DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['sprints', 'field_options'] LOOP
        EXECUTE format('CREATE TRIGGER note_addition AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_references()', target);
        EXECUTE format('CREATE TRIGGER note_change AFTER UPDATE ON %I REFERENCING NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_references()', target);
    END LOOP;
END
$$;

-- And of people more than the name: what application::ingest::Present puts into payloads.
CREATE OR REPLACE FUNCTION forebay.note_users_changed() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(tenant_id, instance_id, '*')
    FROM (
        SELECT DISTINCT tenant_id, instance_id
        FROM (SELECT tenant_id, instance_id, id, display_name, raw_jsonb ->> 'name', raw_jsonb ->> 'active', raw_jsonb -> 'avatarUrls',
                     raw_jsonb ->> 'timeZone', raw_jsonb ->> 'accountType', raw_jsonb ->> 'self' FROM new_rows
              EXCEPT
              SELECT tenant_id, instance_id, id, display_name, raw_jsonb ->> 'name', raw_jsonb ->> 'active', raw_jsonb -> 'avatarUrls',
                     raw_jsonb ->> 'timeZone', raw_jsonb ->> 'accountType', raw_jsonb ->> 'self' FROM old_rows) shown
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
