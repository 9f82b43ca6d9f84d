-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_status_id_updated;
