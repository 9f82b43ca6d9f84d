-- An issue shows its parent, its sub-tasks and the issues it is linked with: their keys, summaries, statuses, priorities and types, as
-- they are when it is read. So a change of one of these changes what is cached of the others, too.

-- Notes the issues of a place that show one of these: `shown` are rows of `issues`, not more than can be named.
CREATE FUNCTION forebay.note_neighbours(tenant uuid, instance uuid, shown uuid[]) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    lines text;
    found bigint;
BEGIN
    -- LATERAL and LIMIT hold the planner to the indexes, whatever it knows of the tables when it is first asked in a session.
    SELECT count(*), string_agg('i ' || replace(i.id::text, '-', '') || ' ' || i.key, E'\n') INTO found, lines
    FROM (
        SELECT DISTINCT n.id
        FROM unnest(shown) AS s (id)
        CROSS JOIN LATERAL (
            (SELECT x.parent_issue_id AS id FROM issues x
             WHERE x.tenant_id = tenant AND x.id = s.id AND x.parent_issue_id IS NOT NULL LIMIT 1)
            UNION ALL
            (SELECT c.id FROM issues c WHERE c.tenant_id = tenant AND c.parent_issue_id = s.id LIMIT 151)
            UNION ALL
            (SELECT l.outward_issue_id FROM issue_links l
             WHERE l.tenant_id = tenant AND l.inward_issue_id = s.id LIMIT 151)
            UNION ALL
            (SELECT l.inward_issue_id FROM issue_links l
             WHERE l.tenant_id = tenant AND l.outward_issue_id = s.id LIMIT 151)
        ) n
        LIMIT 151
    ) n
    CROSS JOIN LATERAL (SELECT x.id, x.key FROM issues x WHERE x.tenant_id = tenant AND x.id = n.id LIMIT 1) i;
    -- No line is shorter than 38 bytes, so that more can never be named.
    IF found > 150 THEN
        PERFORM forebay.note_change(tenant, instance, '*');
    ELSIF found > 0 THEN
        PERFORM forebay.note_change(tenant, instance, lines);
    END IF;
END
$$;

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
                                        string_agg('i ' || replace(id::text, '-', '') || ' ' || key, E'\n')),
                    forebay.note_neighbours(place.tenant_id, place.instance_id, array_agg(id))
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
            PERFORM forebay.note_neighbours(place.tenant_id, place.instance_id, array_agg(DISTINCT id))
            FROM (
                SELECT id, key, summary, status_id, status_category, issue_type_id, priority_id, presence FROM new_rows
                WHERE tenant_id = place.tenant_id AND instance_id = place.instance_id
                EXCEPT
                SELECT id, key, summary, status_id, status_category, issue_type_id, priority_id, presence FROM old_rows
                WHERE tenant_id = place.tenant_id AND instance_id = place.instance_id
            ) shown_otherwise
            HAVING count(*) > 0;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION forebay.note_neighbours(uuid, uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.note_neighbours(uuid, uuid, uuid[]) TO forebay_app, forebay_platform, forebay_definer;
