DELETE FROM reference_reads WHERE list NOT IN ('project_parts', 'board_sprints', 'field_options');
ALTER TABLE reference_reads
    DROP CONSTRAINT reference_reads_list_check,
    ADD CONSTRAINT reference_reads_list_check CHECK (list IN ('project_parts', 'board_sprints', 'field_options'));
ALTER TABLE boards DROP COLUMN configuration_raw;
DROP TABLE project_roles, group_members, groups;
