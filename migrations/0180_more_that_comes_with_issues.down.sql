ALTER TABLE comments ADD CONSTRAINT comments_issue_fkey
    FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE NOT VALID;
ALTER TABLE worklogs ADD CONSTRAINT worklogs_issue_fkey
    FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE NOT VALID;
ALTER TABLE attachments ADD CONSTRAINT attachments_issue_fkey
    FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE NOT VALID;
ALTER TABLE issue_counts ADD CONSTRAINT issue_counts_issue_fkey
    FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE NOT VALID;

CREATE OR REPLACE FUNCTION forebay.remove_what_came_with_issues() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    DELETE FROM public.changelogs c USING old_rows o WHERE c.tenant_id = o.tenant_id AND c.issue_id = o.id;
    DELETE FROM public.issue_field_values v USING old_rows o WHERE v.tenant_id = o.tenant_id AND v.issue_id = o.id;
    RETURN NULL;
END
$$;

ALTER TABLE comments VALIDATE CONSTRAINT comments_issue_fkey;
ALTER TABLE worklogs VALIDATE CONSTRAINT worklogs_issue_fkey;
ALTER TABLE attachments VALIDATE CONSTRAINT attachments_issue_fkey;
ALTER TABLE issue_counts VALIDATE CONSTRAINT issue_counts_issue_fkey;
