SELECT id, key, source_hash, presence, jira_updated_at, observed_at FROM issues
WHERE tenant_id = (SELECT $1::uuid) AND id = ANY($2)
