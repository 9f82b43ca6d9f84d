DROP VIEW jira.versions, jira.components, jira.boards, jira.sprint_issues, jira.attachments, jira.watchers,
    jira.remote_links, jira.filters, jira.issue_link_types;
DROP VIEW public.sprint_issues;
DROP FUNCTION forebay.status_category_at(uuid, uuid, timestamptz);
