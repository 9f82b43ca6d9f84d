-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS issues_status_id_updated
    ON issues (tenant_id, instance_id, status_id, updated_at DESC, jira_number DESC);
