-- no-transaction
-- In place of issues_updated_any_instance: whoever walks through the latest issues of a tenant for what other tables tell of them
-- (labels, components, custom fields, texts) needs no more of the issues than this.
DROP INDEX CONCURRENTLY IF EXISTS issues_latest;
CREATE INDEX CONCURRENTLY issues_latest ON issues (tenant_id, updated_at DESC, jira_number DESC)
    INCLUDE (id, instance_id, project_id) WHERE presence = 'present';
