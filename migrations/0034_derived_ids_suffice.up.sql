-- The id of an issue, a link or an attachment is derived from its instance and Jira's id, so the primary key says already that
-- there is one of each. A second key said so again, and two pages that stored the same link at the same time met there: ON
-- CONFLICT settles what it finds by the primary key only, and the second page failed.
ALTER TABLE issue_links DROP CONSTRAINT issue_links_jira_id_key;
ALTER TABLE attachments DROP CONSTRAINT attachments_jira_id_key;
ALTER TABLE issues DROP CONSTRAINT issues_jira_id_key;
