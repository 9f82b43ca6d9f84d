-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issue_properties_key;
