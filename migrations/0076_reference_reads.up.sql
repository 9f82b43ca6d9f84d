-- How far the lists that cost requests of their own are read: versions and components by project, sprints by board, options by field.
CREATE TABLE reference_reads (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- project_parts, board_sprints, field_options
    list varchar(20) NOT NULL,
    -- The present round: when it began, behind which project, board or field it goes on, and what it has met.
    began_at timestamptz NOT NULL,
    after varchar(255),
    shown integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    finished boolean NOT NULL DEFAULT false,
    -- When the last round began that came to its end: what the copy has is as of then.
    read_at timestamptz,
    -- Why there is nothing, where the site serves none of it.
    note varchar(255),
    PRIMARY KEY (tenant_id, instance_id, list),
    CONSTRAINT reference_reads_instance_fkey FOREIGN KEY (tenant_id, instance_id)
        REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT reference_reads_list_check CHECK (list IN ('project_parts', 'board_sprints', 'field_options'))
);
SELECT forebay.protect('reference_reads');
SELECT forebay.limit_to_whole_tenants('reference_reads');
