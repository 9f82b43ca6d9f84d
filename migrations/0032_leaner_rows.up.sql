-- Rows of a first copy, made cheaper. Nothing is rewritten: what is stored keeps what it has.

-- An item of a history is named by issue, history and ordinal. Nothing has ever read this id, and ten million items were given ten
-- million random numbers; it is no longer drawn, and goes with a later version.
ALTER TABLE changelogs ALTER COLUMN id DROP DEFAULT, ALTER COLUMN id DROP NOT NULL;
COMMENT ON COLUMN changelogs.id IS 'No longer written, and never read.';

-- The description is in raw_jsonb; nothing has ever read this second copy, which was parsed, compressed and logged once more.
COMMENT ON COLUMN issues.description_adf IS 'No longer written, and never read: it is in raw_jsonb.';

-- As before, and attachments with issue_counts.
CREATE OR REPLACE FUNCTION forebay.gather_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    ANALYZE public.issues, public.changelogs, public.comments, public.worklogs, public.issue_field_values,
        public.issue_links, public.attachments, public.issue_counts, public.users, public.projects, public.statuses;
END
$$;
