-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_latest;
