DELETE FROM reference_reads WHERE list IN ('service_desks', 'organizations');
ALTER TABLE reference_reads
    DROP CONSTRAINT reference_reads_list_check,
    ADD CONSTRAINT reference_reads_list_check CHECK (list IN (
        'project_parts', 'board_sprints', 'field_options', 'group_members', 'project_roles', 'users', 'followers'));

-- Only sandboxes had any.
DELETE FROM organizations o USING jira_instances n
WHERE n.tenant_id = o.tenant_id AND n.id = o.instance_id AND n.kind <> 'sandbox';
DELETE FROM service_desks d USING jira_instances n
WHERE n.tenant_id = d.tenant_id AND n.id = d.instance_id AND n.kind <> 'sandbox';
DELETE FROM service_desks WHERE setup IS NULL;
DELETE FROM organizations WHERE members IS NULL OR created_at IS NULL;
ALTER TABLE organizations
    DROP COLUMN raw_jsonb,
    ALTER COLUMN members SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL;
ALTER TABLE service_desks ALTER COLUMN setup SET NOT NULL;
