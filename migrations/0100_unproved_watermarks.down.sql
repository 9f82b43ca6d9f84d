-- Whoever migrates owns the table, and sees all rows while the border does not hold for owners.
ALTER TABLE sync_watermarks NO FORCE ROW LEVEL SECURITY;
UPDATE sync_watermarks SET last_sync_at = 'epoch' WHERE last_sync_at IS NULL;
ALTER TABLE sync_watermarks FORCE ROW LEVEL SECURITY;
ALTER TABLE sync_watermarks ALTER COLUMN last_sync_at SET NOT NULL;
