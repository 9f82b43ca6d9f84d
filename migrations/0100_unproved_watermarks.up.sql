-- A first copy of a site that gave no way to all that it has ends with a watermark, and without a proof.
ALTER TABLE sync_watermarks ALTER COLUMN last_sync_at DROP NOT NULL;
