-- As of when an issue was last read or found missing, where that was written down: what was read before says nothing new.
-- Without a default, so that no row is rewritten.
ALTER TABLE issues ADD COLUMN observed_at timestamptz;

-- Issues that were found missing before they were ever stored: a page that was read before that must not bring them in.
CREATE TABLE missing_issues (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT missing_issues_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('missing_issues');
SELECT forebay.limit_to_whole_tenants('missing_issues');
