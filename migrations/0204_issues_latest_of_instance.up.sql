-- no-transaction
-- In place of issues_updated, as issues_latest for one instance.
DROP INDEX CONCURRENTLY IF EXISTS issues_latest_of_instance;
CREATE INDEX CONCURRENTLY issues_latest_of_instance ON issues (tenant_id, instance_id, updated_at DESC, jira_number DESC)
    INCLUDE (id, project_id) WHERE presence = 'present';
