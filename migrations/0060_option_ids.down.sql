-- What was longer was an error before. Issues show their options again.
DELETE FROM field_options WHERE length(jira_id) > 50 OR length(context_id) > 50 OR length(parent_id) > 50;
ALTER TABLE field_options
    ALTER COLUMN jira_id TYPE varchar(50),
    ALTER COLUMN context_id TYPE varchar(50),
    ALTER COLUMN parent_id TYPE varchar(50);
