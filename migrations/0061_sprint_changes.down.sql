-- no-transaction
-- Fails where a list of sprints is longer than an index row can be: such a change could not be stored before.
DROP INDEX CONCURRENTLY IF EXISTS changelogs_sprint;
CREATE INDEX CONCURRENTLY changelogs_sprint ON changelogs (tenant_id, issue_id, created_at, jira_number, ordinal)
    INCLUDE (instance_id, from_value, to_value) WHERE field = 'Sprint';
