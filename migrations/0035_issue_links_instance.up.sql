-- no-transaction
-- Removing an instance finds its links by this; the key that did so before is gone (0034).
DROP INDEX CONCURRENTLY IF EXISTS issue_links_instance;
CREATE INDEX CONCURRENTLY issue_links_instance ON issue_links (tenant_id, instance_id);
