-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_project_updated;
CREATE INDEX CONCURRENTLY issues_project_updated ON issues (tenant_id, project_id, updated_at DESC, jira_number DESC);
