-- Workflows that users gave their sandboxes: with conditions, screens and required fields. A sandbox without a row has the one that it
-- has by itself.

CREATE TABLE sandbox_workflows (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    workflow jsonb NOT NULL,
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT sandbox_workflows_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('sandbox_workflows');
