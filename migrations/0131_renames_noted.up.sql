-- Issues show versions and components by the names that they have now. What is looked up and cached of issues has to learn of a new
-- name, though no issue was touched.
CREATE FUNCTION forebay.note_renames() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(tenant_id, instance_id, '*')
    FROM (SELECT DISTINCT n.tenant_id, n.instance_id
          FROM new_rows n JOIN old_rows o USING (tenant_id, instance_id, jira_id)
          WHERE n.name <> o.name) places;
    RETURN NULL;
END
$$;
CREATE TRIGGER note_change AFTER UPDATE ON versions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_renames();
CREATE TRIGGER note_change AFTER UPDATE ON components REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_renames();
