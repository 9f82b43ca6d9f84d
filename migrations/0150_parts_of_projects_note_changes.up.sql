-- Issues show names of components and versions, and issues are cached.
DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['components', 'versions'] LOOP
        EXECUTE format('CREATE TRIGGER note_addition AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_references()', target);
        EXECUTE format('CREATE TRIGGER note_change AFTER UPDATE ON %I REFERENCING NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION forebay.note_references()', target);
    END LOOP;
END
$$;
