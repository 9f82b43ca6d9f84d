DROP TABLE webhook_failures;
-- Nothing tells them from those of administrators any more, which never end.
DELETE FROM webhooks WHERE expires_at IS NOT NULL;
ALTER TABLE webhooks
    DROP COLUMN expires_at,
    DROP COLUMN field_ids,
    DROP COLUMN property_keys;
