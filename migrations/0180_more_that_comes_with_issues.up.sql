-- Comments, worklogs, attachments and counts are written as changes and field values are (0140): with their issue, in a transaction
-- that has added or locked its row (issues_upsert.rs), and nowhere else. So they need no foreign key either, which looked that row up
-- and locked it once more for each of them, five times an issue. Whoever removes an issue removes these rows with it.
ALTER TABLE comments DROP CONSTRAINT comments_issue_fkey;
ALTER TABLE worklogs DROP CONSTRAINT worklogs_issue_fkey;
ALTER TABLE attachments DROP CONSTRAINT attachments_issue_fkey;
ALTER TABLE issue_counts DROP CONSTRAINT issue_counts_issue_fkey;

CREATE OR REPLACE FUNCTION forebay.remove_what_came_with_issues() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    DELETE FROM public.changelogs c USING old_rows o WHERE c.tenant_id = o.tenant_id AND c.issue_id = o.id;
    DELETE FROM public.issue_field_values v USING old_rows o WHERE v.tenant_id = o.tenant_id AND v.issue_id = o.id;
    DELETE FROM public.comments c USING old_rows o WHERE c.tenant_id = o.tenant_id AND c.issue_id = o.id;
    DELETE FROM public.worklogs w USING old_rows o WHERE w.tenant_id = o.tenant_id AND w.issue_id = o.id;
    DELETE FROM public.attachments a USING old_rows o WHERE a.tenant_id = o.tenant_id AND a.issue_id = o.id;
    DELETE FROM public.issue_counts n USING old_rows o WHERE n.tenant_id = o.tenant_id AND n.issue_id = o.id;
    RETURN NULL;
END
$$;
