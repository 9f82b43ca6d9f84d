-- no-transaction
-- The issues of an epic; they were found by reading all issues. Keys repeat, so it is small.
DROP INDEX CONCURRENTLY IF EXISTS issues_epic;
CREATE INDEX CONCURRENTLY issues_epic ON issues (tenant_id, epic_key) WHERE epic_key IS NOT NULL;
