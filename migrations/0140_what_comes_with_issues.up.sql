-- The changes and the field values of an issue are written with it alone: in a transaction that has just written or locked its row
-- (issues_upsert.rs). A foreign key looked that row up once more for each of them, some twenty times an issue, which was a tenth of
-- PostgreSQL's time while a copy was filled. What stays of it: whoever removes an issue removes these rows with it.
ALTER TABLE changelogs DROP CONSTRAINT changelogs_issue_fkey;
ALTER TABLE issue_field_values DROP CONSTRAINT issue_field_values_issue_fkey;

-- Rows are found by the primary keys, which begin with the issue, whatever the planner takes a new tenant's tables for.
CREATE FUNCTION forebay.remove_what_came_with_issues() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    DELETE FROM public.changelogs c USING old_rows o WHERE c.tenant_id = o.tenant_id AND c.issue_id = o.id;
    DELETE FROM public.issue_field_values v USING old_rows o WHERE v.tenant_id = o.tenant_id AND v.issue_id = o.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER remove_what_came_with_issues AFTER DELETE ON issues REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forebay.remove_what_came_with_issues();
