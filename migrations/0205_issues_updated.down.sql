-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_updated;
CREATE INDEX CONCURRENTLY issues_updated ON issues (tenant_id, instance_id, updated_at DESC, jira_number DESC);
