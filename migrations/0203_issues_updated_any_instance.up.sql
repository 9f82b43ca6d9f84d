-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issues_updated_any_instance;
