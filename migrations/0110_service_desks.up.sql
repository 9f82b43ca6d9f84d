-- Jira Service Management: how desks are set up, and the organisations of their customers. Requests are issues.

CREATE TABLE service_desks (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    project_id uuid NOT NULL,
    -- Request types, queues, SLAs with their calendars, approvals, customers: domain::service_desk::Setup.
    setup jsonb NOT NULL,
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT service_desks_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT service_desks_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX service_desks_project ON service_desks (tenant_id, project_id);
SELECT forebay.protect('service_desks');
SELECT forebay.limit_to_projects('service_desks', 'project_id');

CREATE TABLE organizations (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    -- Account ids.
    members jsonb NOT NULL,
    properties jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT organizations_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('organizations');
SELECT forebay.limit_to_whole_tenants('organizations');

-- Files that were sent to a desk and are not attached to a request yet. They are forgotten after a day.
CREATE TABLE temporary_files (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    project_id uuid NOT NULL,
    filename text NOT NULL,
    mime_type text NOT NULL,
    content bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT temporary_files_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT temporary_files_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE
);
-- Files are mostly compressed already.
ALTER TABLE temporary_files ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX temporary_files_instance ON temporary_files (tenant_id, instance_id, created_at);
CREATE INDEX temporary_files_project ON temporary_files (tenant_id, project_id);
SELECT forebay.protect('temporary_files');
SELECT forebay.limit_to_projects('temporary_files', 'project_id');
