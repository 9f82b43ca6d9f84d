-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS changelogs_tracked;
