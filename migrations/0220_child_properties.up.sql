-- Properties of comments and worklogs: what apps keep beside them at a sandbox. Like those of issues they are JSON under a key.
CREATE TABLE child_properties (
    tenant_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    child_id uuid NOT NULL,
    key varchar(255) NOT NULL,
    value jsonb NOT NULL,
    PRIMARY KEY (tenant_id, child_id, key),
    CONSTRAINT child_properties_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX child_properties_issue ON child_properties (tenant_id, issue_id);
SELECT forebay.protect('child_properties');
SELECT forebay.limit_to_projects('child_properties');
