-- How the desks of a mirrored site are set up, and the organisations of its customers: read in rounds of their own.

-- Empty until a round has read how the desk is set up.
ALTER TABLE service_desks ALTER COLUMN setup DROP NOT NULL;

ALTER TABLE organizations
    -- Empty until a round has read them.
    ALTER COLUMN members DROP NOT NULL,
    -- Old organisations tell none.
    ALTER COLUMN created_at DROP NOT NULL,
    -- As served; a sandbox's are made when they are asked for.
    ADD COLUMN raw_jsonb jsonb;

ALTER TABLE reference_reads
    DROP CONSTRAINT reference_reads_list_check,
    ADD CONSTRAINT reference_reads_list_check CHECK (list IN (
        'project_parts', 'board_sprints', 'field_options', 'group_members', 'project_roles', 'users', 'followers',
        'service_desks', 'organizations'));
