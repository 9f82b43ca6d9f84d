-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS audit_log_instance_created;
CREATE INDEX CONCURRENTLY audit_log_instance_created ON audit_log (tenant_id, instance_id, created_at) WHERE instance_id IS NOT NULL;
