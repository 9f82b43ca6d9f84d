DROP FUNCTION forebay.issue_at(uuid, timestamptz);
DROP FUNCTION forebay.field_history(uuid);
DROP FUNCTION forebay.time_in_category(uuid, timestamptz);
DROP FUNCTION forebay.time_in_status(uuid, timestamptz);
DROP VIEW forebay.status_spans;
REVOKE SELECT ON issue_key_aliases FROM forebay_read;
DROP POLICY sql_door ON issue_key_aliases;
