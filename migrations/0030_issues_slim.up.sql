-- no-transaction
-- Looks up, filters, sorts and counts issues that another table or a text search found, without reading the wide rows.
DROP INDEX CONCURRENTLY IF EXISTS issues_slim;
CREATE INDEX CONCURRENTLY issues_slim ON issues (tenant_id, id)
    INCLUDE (instance_id, presence, updated_at, created_at, jira_number, project_id, status_id, status_category, assignee_id);
