-- no-transaction
-- In place of issues_project_updated, with what lists of a project are narrowed and ordered by: reading the rows themselves, which
-- lie anywhere, took most of the time of a list of one project's issues that has to look at many of them.
DROP INDEX CONCURRENTLY IF EXISTS issues_of_project;
CREATE INDEX CONCURRENTLY issues_of_project ON issues (tenant_id, project_id, updated_at DESC, jira_number DESC)
    INCLUDE (id, instance_id, presence, created_at, status_id, status_category, issue_type_id, priority_id, resolution_id, assignee_id, due_date);
