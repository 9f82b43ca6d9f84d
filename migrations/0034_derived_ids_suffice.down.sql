ALTER TABLE issues ADD CONSTRAINT issues_jira_id_key UNIQUE (tenant_id, instance_id, jira_id);
ALTER TABLE attachments ADD CONSTRAINT attachments_jira_id_key UNIQUE (tenant_id, instance_id, jira_id);
ALTER TABLE issue_links ADD CONSTRAINT issue_links_jira_id_key UNIQUE (tenant_id, instance_id, jira_id);
