ALTER TABLE jira_instances DROP COLUMN requests_per_minute;
DROP TABLE site_usage;
DROP TABLE site_limits;
