CREATE OR REPLACE FUNCTION forebay.gather_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    ANALYZE public.issues, public.changelogs, public.comments, public.worklogs, public.issue_field_values,
        public.issue_links, public.users, public.projects, public.statuses;
END
$$;

COMMENT ON COLUMN issues.description_adf IS NULL;
UPDATE issues SET description_adf = raw_jsonb #> '{fields,description}'
WHERE description_adf IS NULL AND jsonb_typeof(raw_jsonb #> '{fields,description}') = 'object';

COMMENT ON COLUMN changelogs.id IS NULL;
UPDATE changelogs SET id = gen_random_uuid() WHERE id IS NULL;
ALTER TABLE changelogs ALTER COLUMN id SET DEFAULT gen_random_uuid(), ALTER COLUMN id SET NOT NULL;
