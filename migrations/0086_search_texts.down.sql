DELETE FROM issue_field_values WHERE field_id = 'environment';
DROP FUNCTION forebay.search_texts(tsquery, text[], integer);
