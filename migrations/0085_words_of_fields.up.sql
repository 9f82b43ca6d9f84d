-- no-transaction
-- What `text ~` looks at beside summary, description and comments: texts of custom fields, and the environment. Labels and the
-- ranks of boards are no texts.
DROP INDEX CONCURRENTLY IF EXISTS issue_field_values_words;
CREATE INDEX CONCURRENTLY issue_field_values_words ON issue_field_values
    USING gin (to_tsvector('english', left(coalesce(value_text, ''), 100000)))
    WHERE value_id IS NULL AND value_number IS NULL AND value_time IS NULL AND field_id <> 'labels'
      AND value_text !~ '^[0-9]\|[0-9a-z]*:';
