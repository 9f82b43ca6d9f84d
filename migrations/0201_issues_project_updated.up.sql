-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_project_updated;
