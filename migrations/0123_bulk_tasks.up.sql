-- What came of changes to many issues at once, which clients ask for by the task's id. A task has ended when it is noted.
CREATE TABLE bulk_tasks (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    -- Numeric ids of the issues that were changed.
    processed bigint[] NOT NULL,
    -- By numeric id of an issue: why it was not changed.
    failed jsonb NOT NULL,
    -- Named, and not there or not to be seen.
    missing integer NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT bulk_tasks_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX bulk_tasks_created ON bulk_tasks (tenant_id, instance_id, created_at);
SELECT forebay.protect('bulk_tasks');
