-- A first copy of a site with an issue that says it was changed in the future took that for its watermark, and polls passed over all
-- that changed before it. They begin again when that copy was planned, and prove nothing until then. Whoever migrates owns the
-- tables, and sees all rows while the border does not hold for owners.
ALTER TABLE sync_watermarks NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sync_runs NO FORCE ROW LEVEL SECURITY;
UPDATE sync_watermarks w SET
    last_updated_at = coalesce(b.began_at, 'epoch'),
    last_sync_at = least(w.last_sync_at, coalesce(b.began_at, 'epoch'))
FROM sync_watermarks future
LEFT JOIN LATERAL (
    SELECT least(r.started_at, (r.checkpoint ->> 'planned_at')::timestamptz) AS began_at
    FROM sync_runs r
    WHERE r.tenant_id = future.tenant_id AND r.instance_id = future.instance_id
      AND r.collection = 'issues' AND r.kind = 'backfill' AND r.state = 'succeeded'
    ORDER BY r.started_at DESC LIMIT 1
) b ON true
WHERE future.entity = 'issues' AND future.last_updated_at > clock_timestamp()
  AND (w.tenant_id, w.instance_id, w.entity) = (future.tenant_id, future.instance_id, future.entity);
-- The other ones (lists, feeds of worklogs) are read from when they were read last.
UPDATE sync_watermarks SET last_updated_at = last_sync_at
WHERE entity <> 'issues' AND last_updated_at > clock_timestamp();
ALTER TABLE sync_runs FORCE ROW LEVEL SECURITY;
ALTER TABLE sync_watermarks FORCE ROW LEVEL SECURITY;
