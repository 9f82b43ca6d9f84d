-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS changelogs_created;
CREATE INDEX CONCURRENTLY changelogs_created ON changelogs (tenant_id, created_at);
