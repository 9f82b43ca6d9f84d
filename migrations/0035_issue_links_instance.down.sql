-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issue_links_instance;
