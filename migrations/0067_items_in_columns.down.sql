-- What the columns stand for is put back. Whoever migrates owns the table, and sees all rows while the border does not hold for owners.
ALTER TABLE changelogs NO FORCE ROW LEVEL SECURITY;
UPDATE changelogs c SET
    raw_jsonb = CASE WHEN c.raw_jsonb <> 'true' THEN c.raw_jsonb
                     WHEN c.raw_jsonb = 'true' THEN
                         jsonb_strip_nulls(jsonb_build_object('field', c.field, 'fieldtype', c.field_type, 'fieldId', c.field_id))
                         || jsonb_build_object('from', c.from_value, 'fromString', c.from_string,
                                               'to', c.to_value, 'toString', c.to_string) END,
    history_jsonb = CASE WHEN jsonb_typeof(c.history_jsonb) = 'string'
                         THEN jsonb_build_object('id', c.jira_id, 'author', '$author', 'created', c.history_jsonb)
                         ELSE c.history_jsonb END
WHERE c.raw_jsonb = 'true' OR jsonb_typeof(c.history_jsonb) = 'string';
ALTER TABLE changelogs FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN changelogs.history_jsonb IS NULL;
COMMENT ON COLUMN changelogs.raw_jsonb IS NULL;
