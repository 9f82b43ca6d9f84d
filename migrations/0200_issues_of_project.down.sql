-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_of_project;
