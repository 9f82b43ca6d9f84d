DROP FUNCTION forebay.due_mirrors(timestamptz);
DROP TABLE sync_schedules;
DROP TABLE sync_ranges;
DROP INDEX sync_runs_one_running;
-- Of the runs of an instance that go on, the newest may.
UPDATE sync_runs r SET state = 'canceled', finished_at = coalesce(r.finished_at, now())
WHERE r.state = 'running' AND EXISTS (
    SELECT FROM sync_runs n
    WHERE n.tenant_id = r.tenant_id AND n.instance_id = r.instance_id AND n.state = 'running' AND n.id > r.id);
ALTER TABLE sync_runs DROP COLUMN collection, DROP COLUMN worked_ms, DROP COLUMN throttled_ms;
CREATE UNIQUE INDEX sync_runs_one_running ON sync_runs (tenant_id, instance_id) WHERE state = 'running';
