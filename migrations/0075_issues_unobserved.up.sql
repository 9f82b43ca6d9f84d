-- no-transaction
-- The few issues that lost their keys to others, which each census looks for.
DROP INDEX CONCURRENTLY IF EXISTS issues_unobserved;
CREATE INDEX CONCURRENTLY issues_unobserved ON issues (tenant_id, instance_id, jira_number) WHERE presence = 'unobserved';
