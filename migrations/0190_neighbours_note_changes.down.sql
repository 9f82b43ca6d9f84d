-- The functions as 0037 made them.
CREATE OR REPLACE FUNCTION forebay.note_issues_added() RETURNS trigger
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

CREATE OR REPLACE FUNCTION forebay.note_issues_changed() RETURNS trigger
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

DROP FUNCTION forebay.note_neighbours(uuid, uuid, uuid[]);
