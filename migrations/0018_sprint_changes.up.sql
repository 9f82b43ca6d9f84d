-- no-transaction
-- Who was in which sprint when is in the changelog; a history names sprints in a list, which no index can search, so all
-- changes of sprints are read: this keeps them together, and is read without the table.
DROP INDEX CONCURRENTLY IF EXISTS changelogs_sprint;
CREATE INDEX CONCURRENTLY changelogs_sprint ON changelogs (tenant_id, issue_id, created_at, jira_number, ordinal)
    INCLUDE (instance_id, from_value, to_value) WHERE field = 'Sprint';
