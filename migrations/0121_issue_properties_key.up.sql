-- no-transaction
-- JQL asks which issues have a property: `issue.property[key].path`.
DROP INDEX CONCURRENTLY IF EXISTS issue_properties_key;
CREATE INDEX CONCURRENTLY issue_properties_key ON issue_properties (tenant_id, key, issue_id);
