-- no-transaction
-- As before, without the lists of sprints: they have no limit (an issue may have been in hundreds, and any field may be called
-- "Sprint"), an index row has one, and a history that exceeds it could not be stored.
DROP INDEX CONCURRENTLY IF EXISTS changelogs_sprint;
CREATE INDEX CONCURRENTLY changelogs_sprint ON changelogs (tenant_id, issue_id, created_at, jira_number, ordinal)
    WHERE field = 'Sprint';
