DROP FUNCTION forebay.search_comments(tsquery);
DROP FUNCTION forebay.search_issues(tsquery, boolean);
DROP TABLE changelogs, worklogs, comments, issue_links, issue_field_values, issue_key_aliases, issues;
