-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS changelogs_field;
CREATE INDEX CONCURRENTLY changelogs_field ON changelogs (tenant_id, field, created_at);
