DROP TABLE site_webhooks;
ALTER TABLE jira_instances DROP COLUMN webhook_path_encrypted;
