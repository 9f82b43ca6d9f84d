ALTER TABLE jira_instances DROP COLUMN credential_problem, DROP COLUMN cloud_id;
DROP TABLE oauth_grants;
