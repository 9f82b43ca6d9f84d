-- Apps give the options of their own fields ids of their own, such as `ari:cloud:…`. From varchar to text nothing is rewritten.
ALTER TABLE field_options
    ALTER COLUMN jira_id TYPE text,
    ALTER COLUMN context_id TYPE text,
    ALTER COLUMN parent_id TYPE text;
