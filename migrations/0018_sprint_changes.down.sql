-- no-transaction
DROP INDEX CONCURRENTLY changelogs_sprint;
