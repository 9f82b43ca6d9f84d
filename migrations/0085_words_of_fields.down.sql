-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS issue_field_values_words;
