CREATE OR REPLACE FUNCTION forebay.note_users_changed() RETURNS trigger
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

DROP TRIGGER note_addition ON sprints;
DROP TRIGGER note_change ON sprints;
DROP TRIGGER note_addition ON field_options;
DROP TRIGGER note_change ON field_options;
