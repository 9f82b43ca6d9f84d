-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS worklogs_synced;
