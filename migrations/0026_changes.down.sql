DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['issues', 'users', 'jira_instances', 'projects', 'statuses', 'issue_types', 'priorities',
                                  'resolutions', 'custom_fields'] LOOP
        EXECUTE format('DROP TRIGGER note_change ON %I', target);
    END LOOP;
    FOREACH target IN ARRAY ARRAY['issues', 'users', 'projects', 'tenants'] LOOP
        EXECUTE format('DROP TRIGGER note_deletion ON %I', target);
    END LOOP;
END
$$;
DROP TRIGGER note_addition ON jira_instances;
DROP FUNCTION forebay.note_issue(), forebay.note_user(), forebay.note_reference(), forebay.note_instance(),
    forebay.note_deletion(), forebay.note_tenant();
DROP FUNCTION forebay.announce_changes(uuid);
DROP FUNCTION forebay.note_change(uuid, uuid, text);
