-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_status_id_updated;
CREATE INDEX CONCURRENTLY issues_status_id_updated
    ON issues (tenant_id, instance_id, status_id, updated_at DESC, jira_number DESC);
