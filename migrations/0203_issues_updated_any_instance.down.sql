-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_updated_any_instance;
CREATE INDEX CONCURRENTLY issues_updated_any_instance ON issues (tenant_id, updated_at DESC, jira_number DESC);
